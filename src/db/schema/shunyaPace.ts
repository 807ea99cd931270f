import { pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** How fast all workers together submit to Shunya: one row. */
export const shunyaPace = pgTable('shunya_pace', {
  name: text('name').primaryKey(),
  /** Up to when turns are taken; each submit moves it on by its share of a second. */
  nextAt: moment('next_at').notNull(),
});
