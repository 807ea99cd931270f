import { index, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/** A number callers dial; it belongs to one company and routes that company's webhooks. */
export const trackingNumbers = pgTable(
  'tracking_numbers',
  {
    /** E.164 */
    phoneNumber: text('phone_number').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    label: text('label'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('tracking_numbers_company').on(table.companyId, table.createdAt)],
);
