/** The change feed, read in an order that misses nothing. */
import { type SQL, sql } from 'drizzle-orm';
import type { ChangeKind } from '../../domain/change.ts';
import type { Queryable } from '../client.ts';

/** How long changes are kept; who was away for longer starts anew. */
export const CHANGES_KEPT_HOURS = 72;

/** A place in the feed: a transaction's number, then the row's within it. */
export interface ChangePosition {
  xid: bigint;
  id: bigint;
}

export interface Change {
  position: ChangePosition;
  companyId: string;
  kind: ChangeKind;
  /** Of a pipeline: the call or visit. */
  subjectId: string;
  /** The sales rep an appointment was taken from. */
  formerRepId: string | null;
}

export const isAfter = (a: ChangePosition, b: ChangePosition): boolean =>
  a.xid > b.xid || (a.xid === b.xid && a.id > b.id);

/** The end of the feed: what every transaction up to now has written lies before it, what is still open after it. */
export async function feedEnd(db: Queryable): Promise<ChangePosition> {
  const [row] = await db.execute<{ xid: string }>(sql`select pg_snapshot_xmin(pg_current_snapshot())::text as xid`);
  return { xid: BigInt(row?.xid ?? 0), id: 0n };
}

/**
 * Changes between two places, in order. `until` must come from `feedEnd`: an open transaction could still commit rows
 * before a place that was found in any other way, and they would be missed.
 */
export async function listChanges(
  db: Queryable,
  range: { after: ChangePosition; until: ChangePosition; companyId?: string; limit: number },
): Promise<Change[]> {
  const { after, until, companyId, limit } = range;
  const rows = await db.execute<{
    xid: string;
    id: string;
    company_id: string;
    kind: ChangeKind;
    subject_id: string;
    operation: string;
    former_rep_id: string | null;
  }>(sql`
    select xid::text as xid, id::text as id, company_id, kind, subject_id, operation, former_rep_id
    from changes
    where (xid, id) > ${place(after)} and (xid, id) < ${place(until)}
      ${companyId === undefined ? sql`` : sql`and company_id = ${companyId}`}
    order by xid, id limit ${limit}`);
  return [...rows].map((row) => ({
    position: { xid: BigInt(row.xid), id: BigInt(row.id) },
    companyId: row.company_id,
    kind: row.kind,
    subjectId: row.subject_id,
    formerRepId: row.former_rep_id,
  }));
}

const place = ({ xid, id }: ChangePosition): SQL => sql`(${String(xid)}::xid8, ${String(id)}::bigint)`;
