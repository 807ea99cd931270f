/** What is known of reading CallRail's list of calls: how far, how often, and what went wrong. */
import { date, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/** How far the calls of a company were compared with CallRail's list. */
export const callrailReconciliations = pgTable('callrail_reconciliations', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id, { onDelete: 'cascade' }),
  /** Calls that started before this have been looked at; null before the first success. */
  reconciledUntil: moment('reconciled_until'),
  lastRunAt: moment('last_run_at').notNull().defaultNow(),
  /** A code, while the last run failed. */
  lastError: text('last_error'),
  /** Runs that failed since the last success. */
  failures: integer('failures').notNull().default(0),
  /** Calls that the webhooks had missed, in all. */
  fed: integer('fed').notNull().default(0),
});

/** One range that `backfill` reads, newest call first, and how far it is. */
export const callrailBackfills = pgTable(
  'callrail_backfills',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    /** Days in the company's zone, both inclusive. */
    fromDate: date('from_date', { mode: 'string' }).notNull(),
    toDate: date('to_date', { mode: 'string' }).notNull(),
    /** Calls that started after this have been looked at. */
    position: moment('position').notNull(),
    listed: integer('listed').notNull().default(0),
    fed: integer('fed').notNull().default(0),
    startedAt: moment('started_at').notNull().defaultNow(),
    finishedAt: moment('finished_at'),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.fromDate, table.toDate] })],
);

/** Requests made of one CallRail account, which several companies may share: the API counts and refuses by account. */
export const callrailAccounts = pgTable('callrail_accounts', {
  accountId: text('account_id').primaryKey(),
  hour: moment('hour').notNull(),
  hourRequests: integer('hour_requests').notNull(),
  day: moment('day').notNull(),
  dayRequests: integer('day_requests').notNull(),
  /** After a 429, which does not say for how long. */
  blockedUntil: moment('blocked_until'),
  /** 429s in a row. */
  refusals: integer('refusals').notNull().default(0),
});
