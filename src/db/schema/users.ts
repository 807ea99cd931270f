import { sql } from 'drizzle-orm';
import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Role } from '../../domain/user.ts';
import { timestamps } from './columns.ts';
import { companies } from './companies.ts';

/** People of a company. The token authorizes; these rows give names and match agents. */
export const users = pgTable(
  'users',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    /** The `sub` of the person's token; unique within the company. */
    id: text('id').notNull(),
    role: text('role').$type<Role>().notNull(),
    name: text('name').notNull(),
    email: text('email'),
    ...timestamps,
  },
  (table) => [
    primaryKey({ columns: [table.companyId, table.id] }),
    // An event's agent_email finds its user by this.
    index('users_email').on(table.companyId, sql`lower(${table.email})`),
  ],
);
