/** The API's connections to Postgres, in pools by purpose: whoever uses one up makes nobody else wait. */
import { type Database, openDatabase, type PoolOptions } from './client.ts';

/** Few, since each busy one takes processor time from the webhooks: 25 in all, and 25 more for a worker. */
const POOLS = {
  /** Events come in through these, and nothing else does. */
  webhooks: { max: 6, readsByIndex: true },
  /** What people read. A query that takes longer would be given up by whoever waits for it. */
  reads: { max: 4, statementTimeoutMs: 4000, plans: 'each' },
  /** Pages that are read along an index, whatever the values: to plan one takes as long as to read it. */
  pages: { max: 3, statementTimeoutMs: 4000, plans: 'once' },
  writes: { max: 4 },
  exports: { max: 2, statementTimeoutMs: 10_000, plans: 'each' },
  /** The relay, which takes the ends of a backlog that the statistics do not know of yet, and the feed of live changes. */
  background: { max: 4, readsInIndexOrder: true },
  /** Readiness and metrics. */
  system: { max: 2, statementTimeoutMs: 3000 },
} as const satisfies Record<string, PoolOptions>;

export type Pools = Record<keyof typeof POOLS, Database>;

/** How many requests can read at the same time. */
export const READ_CONNECTIONS = POOLS.reads.max;

/**
 * Opens the pools; a connection is made when it is first needed.
 * @returns the pools and `close`, which waits for running queries up to five seconds
 */
export function openPools(databaseUrl: string): { pools: Pools; close: () => Promise<void> } {
  const opened = Object.entries(POOLS).map(
    ([purpose, options]) => [purpose, openDatabase(databaseUrl, { ...options, purpose })] as const,
  );
  return {
    pools: Object.fromEntries(opened.map(([purpose, { db }]) => [purpose, db])) as Pools,
    close: async () => {
      await Promise.all(opened.map(([, { close }]) => close()));
    },
  };
}
