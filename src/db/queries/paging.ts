/** How lists are paged: by the key of the last row, which stays put while rows arrive; totals are bounded. */
import { and, gt, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { LRUCache } from 'lru-cache';
import type { Queryable } from '../client.ts';

/** Up to here a total is exact. */
export const EXACT_TOTAL = 10_000;
/** A total that is not exact. */
export const LARGE_TOTAL = EXACT_TOTAL + 1;

/** The place of a row in a list that is sorted by a moment, then by id. */
export interface MomentKey<At = Date> {
  at: At;
  id: string;
}

/** A page of a list: how many rows at most, and the key of the last row before them. */
export interface Page<Key = MomentKey> {
  limit: number;
  after?: Key;
}

export interface Count {
  total: number;
  total_is_estimate?: true;
}

/** The condition for rows after a key, newest first, ids descending. */
export function olderThan(at: PgColumn, id: PgColumn, key: MomentKey | undefined): SQL | undefined {
  return key && sql`(${at}, ${id}) < (${key.at.toISOString()}::timestamptz, ${key.id})`;
}

/** The condition for rows after a key, earliest first, rows without a moment last, ids ascending. */
export function laterThan(at: PgColumn, id: PgColumn, key: MomentKey<Date | null> | undefined): SQL | undefined {
  if (!key) return undefined;
  if (key.at === null) return and(isNull(at), gt(id, key.id));
  return or(sql`(${at}, ${id}) > (${key.at.toISOString()}::timestamptz, ${key.id})`, isNull(at));
}

/** The condition for rows after a number that grows with each row, newest first. */
export function belowSequence(sequence: PgColumn, key: number | undefined): SQL | undefined {
  return key === undefined ? undefined : lt(sequence, key);
}

/** How many rows there are, but no further than the exact range and one. @param rows a select of anything */
export const totalOf = (rows: SQL): SQL<number> =>
  sql`(select count(*)::int from (${rows} limit ${sql.raw(String(LARGE_TOTAL))}) as counted)`;

/** What people are told of a total. */
export const countOf = (total: number): Count =>
  total > EXACT_TOTAL ? { total: EXACT_TOTAL, total_is_estimate: true } : { total };

const LARGE_FOR_MS = 30_000;
const LARGE_MAX = 1000;

/** Lists that had more rows a moment ago than are counted. What people are told of their total is the same with any more. */
export interface LargeLists {
  has(list: string): boolean;
  add(list: string): void;
}

/** Remembers them for half a minute, so that page after page, or a list that is looked at again, is not counted anew. */
export function createLargeLists(now: () => number = () => performance.now()): LargeLists {
  const lists = new LRUCache<string, true>({ max: LARGE_MAX, ttl: LARGE_FOR_MS, ttlResolution: 0, perf: { now } });
  return { has: (list) => lists.has(list), add: (list) => void lists.set(list, true) };
}

/** Counts rows, but no further than the exact range and one. @param rows a select of anything */
export async function countUpTo(db: Queryable, rows: SQL): Promise<Count> {
  const [row] = await db.execute<{ total: number }>(sql`select ${totalOf(rows)} as total`);
  return countOf(row?.total ?? 0);
}
