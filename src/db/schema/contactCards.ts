import { index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { timestamps } from './columns.ts';
import { companies } from './companies.ts';

/** A person who called. Anonymous callers each have a card of their own. */
export const contactCards = pgTable(
  'contact_cards',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    /** E.164; null for an anonymous caller. */
    phoneNumber: text('phone_number'),
    name: text('name'),
    ...timestamps,
  },
  (table) => [
    // One card per number; null numbers do not collide.
    uniqueIndex('contact_cards_phone').on(table.companyId, table.phoneNumber),
    index('contact_cards_by_creation').on(table.companyId, table.createdAt, table.id),
  ],
);
