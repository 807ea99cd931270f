import { index, integer, pgTable, text } from 'drizzle-orm/pg-core';
import type { Qualification } from '../../domain/analysis.ts';
import type { LeadStatus } from '../../domain/lead.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';
import { contactCards } from './contactCards.ts';

/** A chance of work for one contact; one or more calls feed it. */
export const leads = pgTable(
  'leads',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id),
    status: text('status').$type<LeadStatus>().notNull().default('new'),
    qualification: text('qualification').$type<Qualification>(),
    /** Where the caller came from, as the first call's provider names it. */
    source: text('source'),
    assignedRepId: text('assigned_rep_id'),
    notes: text('notes'),
    /** When a person set the status; it then holds against analyses of calls that started before. */
    statusSetAt: moment('status_set_at'),
    version: integer('version').notNull().default(1),
    ...timestamps,
  },
  (table) => [
    index('leads_by_creation').on(table.companyId, table.createdAt, table.id),
    // The list by status, by qualification and by rep.
    index('leads_status').on(table.companyId, table.status, table.createdAt, table.id),
    index('leads_qualification').on(table.companyId, table.qualification, table.createdAt, table.id),
    index('leads_rep').on(table.companyId, table.assignedRepId, table.createdAt, table.id),
    index('leads_contact').on(table.contactId),
  ],
);
