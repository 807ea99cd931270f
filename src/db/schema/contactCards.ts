import { sql } from 'drizzle-orm';
import { type AnyPgColumn, boolean, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { moment, timestamps } from './columns.ts';
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
    /** Start of the call that told the name; null for a stand-in of the carrier, which any name replaces. */
    namedAt: moment('named_at'),
    /** A person set the name: no call changes it. */
    nameByPerson: boolean('name_by_person').notNull().default(false),
    notes: text('notes'),
    /** The contact that people made it one with. This card only finds that one by its number, and is what an undo restores. */
    mergedIntoId: text('merged_into_id').references((): AnyPgColumn => contactCards.id),
    ...timestamps,
  },
  (table) => [
    // One card per number; null numbers do not collide.
    uniqueIndex('contact_cards_phone').on(table.companyId, table.phoneNumber),
    index('contact_cards_merged_into').on(table.mergedIntoId),
    // Lists and counts leave those out that were merged into another.
    index('contact_cards_present')
      .on(table.companyId, table.createdAt, table.id)
      .where(sql`${table.mergedIntoId} is null`),
  ],
);

/** That two contacts were made one, by whom, and what moved, so that it can be undone. */
export const contactMerges = pgTable(
  'contact_merges',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    /** Stays, with all that the other one had. */
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id),
    mergedContactId: text('merged_contact_id')
      .notNull()
      .references(() => contactCards.id),
    moved: jsonb('moved').$type<MovedByMerge>().notNull(),
    mergedBy: text('merged_by').notNull(),
    mergedAt: moment('merged_at').notNull().defaultNow(),
    undoneAt: moment('undone_at'),
  },
  (table) => [
    index('contact_merges_contact').on(table.contactId),
    index('contact_merges_merged').on(table.mergedContactId),
  ],
);

/** Ids of what a merge took over. */
export interface MovedByMerge {
  calls: string[];
  leads: string[];
  appointments: string[];
  /** Contacts that had been merged into the other one before. */
  contacts: string[];
  /** The contact had no name and took the other one's. */
  name: boolean;
}
