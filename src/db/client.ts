/** The one way to Postgres. */
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { createPreparing } from './preparing.ts';
import * as schema from './schema/index.ts';
import { guardTransactions } from './transactions.ts';

export interface PoolOptions {
  /** Connections at most; each is opened when it is first needed. */
  max?: number;
  /** What the connections are for, as `pg_stat_activity` shows it. */
  purpose?: string;
  /** A statement that takes longer fails. */
  statementTimeoutMs?: number;
  /**
   * `each`: a statement is planned for its values every time, since what suits a company with few calls does not suit one
   * with many. `once`: for all values together. Else Postgres chooses.
   */
  plans?: 'each' | 'once';
  /** Rows that are asked for in the order of an index are read in it, also while statistics say that there are hardly any to sort. */
  readsInIndexOrder?: boolean;
  /** No table is read from end to end, also where statistics say that it is empty: a plan made then is kept when it is not. */
  readsByIndex?: boolean;
}

/** Statements that a connection keeps prepared. */
const TEXTS_MAX = 300;
/** The same where it keeps their plans too: that of a list with filters has 0.7 MiB. */
const PLANNED_TEXTS_MAX = 60;

const PLAN_CACHE_MODE = { each: 'force_custom_plan', once: 'force_generic_plan', auto: 'auto' } as const;

/**
 * Opens a pool.
 * @param databaseUrl a Postgres connection string
 * @returns the Drizzle handle and `close`, which waits for running queries up to five seconds
 */
export function openDatabase(databaseUrl: string, options: PoolOptions = {}) {
  const { statementTimeoutMs = 15_000 } = options;
  const sql = postgres(databaseUrl, {
    max: options.max ?? 10,
    connect_timeout: 5,
    idle_timeout: 60,
    onnotice: () => {},
    // Drizzle reads and writes arrays itself; the driver's question for their types fails where nobody can catch it.
    fetch_types: false,
    // A commit that hangs must not hang a webhook: better 503 and an honest retry.
    connection: {
      application_name: options.purpose ? `callwright ${options.purpose}` : 'callwright',
      statement_timeout: statementTimeoutMs,
      // Before the statement's own: whoever waits for a row is told another thing than whoever asks for too much.
      lock_timeout: Math.min(10_000, statementTimeoutMs * 0.75),
      // Compiling a plan pays for reports of seconds; a list that is estimated too high would wait for it.
      jit: 'off',
      plan_cache_mode: PLAN_CACHE_MODE[options.plans ?? 'auto'],
      enable_bitmapscan: options.readsInIndexOrder ? 'off' : 'on',
      enable_seqscan: options.readsByIndex ? 'off' : 'on',
    },
  });
  const preparing = createPreparing(options.plans === 'once' ? PLANNED_TEXTS_MAX : TEXTS_MAX);
  preparing.on(sql);
  guardTransactions(sql, preparing.on);
  const db = drizzle(sql, { schema });
  return { db, sql, close: () => sql.end({ timeout: 5 }) };
}

export type Database = ReturnType<typeof openDatabase>['db'];
/** A transaction of it. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Queries take this first: the database or a transaction of it. */
export type Queryable = Database | Transaction;
