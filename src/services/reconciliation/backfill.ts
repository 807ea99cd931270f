/** How far `npm run backfill` is with a range of days. */
import { and, eq, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { callrailBackfills } from '../../db/schema/index.ts';

/** A range of days of one company, as `backfill` was asked for it. */
export interface BackfillKey {
  companyId: string;
  fromDate: string;
  toDate: string;
}

export type BackfillRow = typeof callrailBackfills.$inferSelect;

const backfillIs = (key: BackfillKey) =>
  and(
    eq(callrailBackfills.companyId, key.companyId),
    eq(callrailBackfills.fromDate, key.fromDate),
    eq(callrailBackfills.toDate, key.toDate),
  );

/**
 * The range's row: where an earlier run was interrupted, that one; else it begins at `end`. One that finished before
 * `end` begins again, since its last day was not over.
 */
export async function openBackfill(db: Queryable, key: BackfillKey, end: Date): Promise<BackfillRow> {
  const afresh = { position: end, listed: 0, fed: 0, startedAt: sql`now()`, finishedAt: null };
  await db
    .insert(callrailBackfills)
    .values({ ...key, ...afresh })
    .onConflictDoUpdate({
      target: [callrailBackfills.companyId, callrailBackfills.fromDate, callrailBackfills.toDate],
      set: afresh,
      setWhere: sql`${callrailBackfills.finishedAt} < ${end.toISOString()}::timestamptz`,
    });
  const [row] = await db.select().from(callrailBackfills).where(backfillIs(key));
  if (!row) throw new Error('a backfill that was just stored is gone');
  return row;
}

/** Remembers how far a range is. */
export async function recordBackfill(
  db: Queryable,
  key: BackfillKey,
  progress: { position: Date; listed: number; fed: number; finished: boolean },
): Promise<void> {
  const { finished, ...rest } = progress;
  await db
    .update(callrailBackfills)
    .set({ ...rest, finishedAt: finished ? sql`now()` : null })
    .where(backfillIs(key));
}
