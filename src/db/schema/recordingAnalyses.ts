import { doublePrecision, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { AppointmentOutcome, Objection } from '../../domain/analysis.ts';
import type { TranscriptTurn } from './callTranscripts.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';
import { recordingSessions } from './recordingSessions.ts';

/** What was said in a visit, one row per generation. */
export const recordingTranscripts = pgTable(
  'recording_transcripts',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    sessionId: text('session_id')
      .notNull()
      .references(() => recordingSessions.id),
    generation: integer('generation').notNull(),
    transcriptText: text('transcript_text').notNull(),
    turns: jsonb('turns').$type<TranscriptTurn[]>().notNull(),
    language: text('language'),
    confidence: doublePrecision('confidence'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('recording_transcripts_generation').on(table.sessionId, table.generation),
    // Retention looks for the oldest.
    index('recording_transcripts_age').on(table.companyId, table.createdAt),
  ],
);

/** The judgement of a visit, one row per generation; the newest counts. */
export const recordingAnalyses = pgTable(
  'recording_analyses',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    sessionId: text('session_id')
      .notNull()
      .references(() => recordingSessions.id),
    generation: integer('generation').notNull(),
    outcome: text('outcome').$type<AppointmentOutcome>(),
    objections: jsonb('objections').$type<Objection[]>().notNull(),
    /** 0..1 */
    complianceScore: doublePrecision('compliance_score'),
    stagesFollowed: jsonb('stages_followed').$type<string[]>().notNull(),
    stagesMissed: jsonb('stages_missed').$type<string[]>().notNull(),
    /** The company's scorecard when this was stored; null where there was none. */
    scorecardVersion: integer('scorecard_version'),
    /** 0..1: the stages weighted by that scorecard. */
    weightedScore: doublePrecision('weighted_score'),
    /** 0..1 */
    sentimentScore: doublePrecision('sentiment_score'),
    summary: text('summary'),
    /** Shunya's whole answer, for values we do not know. */
    raw: jsonb('raw').notNull(),
    analyzedAt: moment('analyzed_at').notNull().defaultNow(),
    ...timestamps,
  },
  (table) => [uniqueIndex('recording_analyses_generation').on(table.sessionId, table.generation)],
);
