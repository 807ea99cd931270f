/** What is said in a conversation, of a call or a visit, and how it is judged: the columns that both have. */
import { doublePrecision, integer, jsonb, text } from 'drizzle-orm/pg-core';
import type { Objection } from '../../domain/analysis.ts';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/** A spoken turn; times are seconds from the start of the recording. */
export interface TranscriptTurn {
  speaker: string | null;
  text: string;
  startSeconds: number | null;
  endSeconds: number | null;
}

/** One row per generation of the analysis. */
const generationColumns = {
  id: text('id').primaryKey(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  generation: integer('generation').notNull(),
};

export const transcriptColumns = {
  ...generationColumns,
  transcriptText: text('transcript_text').notNull(),
  turns: jsonb('turns').$type<TranscriptTurn[]>().notNull(),
  language: text('language'),
  /** 0..1, as Shunya reports it. */
  confidence: doublePrecision('confidence'),
  createdAt: moment('created_at').notNull().defaultNow(),
};

export const judgementColumns = {
  ...generationColumns,
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
};
