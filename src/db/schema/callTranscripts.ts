import { doublePrecision, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { calls } from './calls.ts';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/** A spoken turn; times are seconds from the start of the recording. */
export interface TranscriptTurn {
  speaker: string | null;
  text: string;
  startSeconds: number | null;
  endSeconds: number | null;
}

/** What was said in a call, one row per generation of its analysis. */
export const callTranscripts = pgTable(
  'call_transcripts',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    callId: text('call_id')
      .notNull()
      .references(() => calls.id),
    generation: integer('generation').notNull(),
    transcriptText: text('transcript_text').notNull(),
    turns: jsonb('turns').$type<TranscriptTurn[]>().notNull(),
    language: text('language'),
    /** 0..1, as Shunya reports it. */
    confidence: doublePrecision('confidence'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('call_transcripts_generation').on(table.callId, table.generation),
    // Retention looks for the oldest.
    index('call_transcripts_age').on(table.companyId, table.createdAt),
  ],
);
