import { index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { AppointmentOutcome } from '../../domain/analysis.ts';
import { timestamps } from './columns.ts';
import { judgementColumns, transcriptColumns } from './conversation.ts';
import { recordingSessions } from './recordingSessions.ts';

const sessionId = text('session_id')
  .notNull()
  .references(() => recordingSessions.id);

/** What was said in a visit, one row per generation. */
export const recordingTranscripts = pgTable('recording_transcripts', { ...transcriptColumns, sessionId }, (table) => [
  uniqueIndex('recording_transcripts_generation').on(table.sessionId, table.generation),
  // Retention looks for the oldest.
  index('recording_transcripts_age').on(table.companyId, table.createdAt),
]);

/** The judgement of a visit, one row per generation; the newest counts. */
export const recordingAnalyses = pgTable(
  'recording_analyses',
  {
    ...judgementColumns,
    sessionId,
    outcome: text('outcome').$type<AppointmentOutcome>(),
    ...timestamps,
  },
  (table) => [uniqueIndex('recording_analyses_generation').on(table.sessionId, table.generation)],
);
