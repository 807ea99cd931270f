import { index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { calls } from './calls.ts';
import { transcriptColumns } from './conversation.ts';

/** What was said in a call, one row per generation of its analysis. */
export const callTranscripts = pgTable(
  'call_transcripts',
  {
    ...transcriptColumns,
    callId: text('call_id')
      .notNull()
      .references(() => calls.id),
  },
  (table) => [
    uniqueIndex('call_transcripts_generation').on(table.callId, table.generation),
    // Retention looks for the oldest.
    index('call_transcripts_age').on(table.companyId, table.createdAt),
  ],
);
