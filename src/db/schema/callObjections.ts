import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { calls } from './calls.ts';
import { moment } from './columns.ts';

/**
 * The categories of objections that the current analysis of each call names, beside what lists of calls filter and sort by.
 * Kept by triggers; goes with its call.
 */
export const callObjections = pgTable(
  'call_objections',
  {
    callId: text('call_id')
      .notNull()
      .references(() => calls.id, { onDelete: 'cascade' }),
    category: text('category').notNull(),
    /** These four as on the call. */
    companyId: text('company_id').notNull(),
    facet: text('facet'),
    startedAt: moment('started_at').notNull(),
    csrId: text('csr_id'),
  },
  (table) => [
    primaryKey({ columns: [table.callId, table.category] }),
    // As calls_facet; the agent is read from it too.
    index('call_objections_facet').on(
      table.companyId,
      table.category,
      table.facet,
      table.startedAt,
      table.callId,
      table.csrId,
    ),
  ],
);
