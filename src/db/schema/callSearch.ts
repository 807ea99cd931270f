import { customType, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { calls } from './calls.ts';
import { moment } from './columns.ts';

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

export const SEARCHED_PARTS = ['caller', 'summary', 'transcript'] as const;
export type SearchedPart = (typeof SEARCHED_PARTS)[number];

/**
 * The words by which calls are found: of the caller's name and number, the current summary and the newest transcript. Kept
 * by triggers; goes with its call.
 */
export const callSearch = pgTable(
  'call_search',
  {
    callId: text('call_id')
      .notNull()
      .references(() => calls.id, { onDelete: 'cascade' }),
    part: text('part').$type<SearchedPart>().notNull(),
    companyId: text('company_id').notNull(),
    /** As on the call. */
    startedAt: moment('started_at').notNull(),
    /** Each with its company and week before it, so that a search reads only those of its company, newest week first. */
    words: tsvector('words').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.callId, table.part] }),
    // Without the list of pending entries, which every search would have to read through.
    index('call_search_words').using('gin', table.words).with({ fastupdate: false }),
  ],
);

/** Tables that are filled for rows older than they are; a name is here as long as that is not finished. */
export const unfinishedFills = pgTable('unfinished_fills', {
  name: text('name').primaryKey(),
  /** Rows up to this id are filled. */
  position: text('position').notNull().default(''),
});
