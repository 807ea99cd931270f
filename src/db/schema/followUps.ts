import { sql } from 'drizzle-orm';
import { index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { FollowUpKind, FollowUpStatus } from '../../domain/followUp.ts';
import { calls } from './calls.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';
import { contactCards } from './contactCards.ts';
import { leads } from './leads.ts';

/** A caller whom somebody should call; written from the contact's calls, and by people. */
export const followUps = pgTable(
  'follow_ups',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id, { onDelete: 'cascade' }),
    leadId: text('lead_id')
      .notNull()
      .references(() => leads.id, { onDelete: 'cascade' }),
    /** The newest call that it is about. */
    callId: text('call_id')
      .notNull()
      .references(() => calls.id, { onDelete: 'cascade' }),
    /** When that caller first called in vain: the day it counts on, and where the time to call back begins. */
    calledAt: moment('called_at').notNull(),
    kind: text('kind').$type<FollowUpKind>().notNull(),
    status: text('status').$type<FollowUpStatus>().notNull().default('open'),
    dueAt: moment('due_at').notNull(),
    assignedTo: text('assigned_to'),
    note: text('note'),
    /** Why it was dismissed. */
    reason: text('reason'),
    /** The user who closed it; null where a call did. */
    closedBy: text('closed_by'),
    /** The conversation that closed it. */
    closedByCallId: text('closed_by_call_id'),
    /** When the caller was reached, or a person closed it. */
    closedAt: moment('closed_at'),
    version: integer('version').notNull().default(1),
    ...timestamps,
  },
  (table) => [
    // Nobody is in the queue twice.
    uniqueIndex('follow_ups_active').on(table.contactId).where(sql`${table.status} in ('open', 'claimed')`),
    // The queue, by when it is due.
    index('follow_ups_queue').on(table.companyId, table.status, table.dueAt, table.id),
    index('follow_ups_called').on(table.companyId, table.calledAt),
    index('follow_ups_contact').on(table.contactId),
    index('follow_ups_lead').on(table.leadId),
    index('follow_ups_call').on(table.callId),
  ],
);
