/** Bounds what strangers can make us keep: unrouted, invalid and rejected events, which have no effect for now. */
import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { tryLockKey } from '../../db/locks.ts';
import { isStray, webhookEvents } from '../../db/schema/webhookEvents.ts';

const MIB = 1024 * 1024;

/** How much is kept, in rows and in bytes of their bodies. */
export interface StrayBounds {
  perCall: { rows: number; bytes: number };
  perNumber: { rows: number; bytes: number };
  /** Of one company; those of no company count as one. */
  perCompany: { rows: number; bytes: number };
  inAll: { rows: number; bytes: number };
}

export const STRAY_BOUNDS: StrayBounds = {
  perCall: { rows: 20, bytes: 4 * MIB },
  perNumber: { rows: 1000, bytes: 16 * MIB },
  perCompany: { rows: 1000, bytes: 16 * MIB },
  inAll: { rows: 20_000, bytes: 256 * MIB },
};
/** Of those without a company, which all companies-to-be share. */
const WITHOUT_COMPANY_TIMES = 10;

/** Bodies above this go first: what a phone call sends is far smaller. */
const LARGE_BODY_BYTES = 64 * 1024;

interface PruneOptions {
  days: number;
  bounds?: StrayBounds;
}

/**
 * Deletes what is older than `days` or beyond the bounds: what cannot be verified goes first, then large bodies, then the
 * oldest. Only one process at a time does this; any other has nothing to do then.
 * @returns how many were deleted
 */
export async function pruneStrays(db: Database, options: PruneOptions): Promise<number> {
  return db.transaction(async (tx) => ((await tryLockKey(tx, 'strays')) ? deleteStrays(tx, options) : 0));
}

async function deleteStrays(tx: Transaction, options: PruneOptions): Promise<number> {
  const { perCall, perNumber, perCompany, inAll } = options.bounds ?? STRAY_BOUNDS;
  const times = sql`(case when company_id is null then ${WITHOUT_COMPANY_TIMES} else 1 end)`;
  const deleted = await tx.execute(sql`
    with strays as (
      select id, source, company_id, tracking_number, provider_call_id, sequence, received_at,
        octet_length(body) as bytes, signature is null as is_unsigned,
        octet_length(body) > ${LARGE_BODY_BYTES}::int as is_large
      from ${webhookEvents} where ${isStray(webhookEvents)}
    ), ranked as (
      select *,
        row_number() over of_call as call_rows, sum(bytes) over of_call as call_bytes,
        row_number() over of_number as number_rows, sum(bytes) over of_number as number_bytes,
        row_number() over of_company as company_rows, sum(bytes) over of_company as company_bytes,
        row_number() over of_all as all_rows, sum(bytes) over of_all as all_bytes
      from strays
      window
        of_call as (partition by source, provider_call_id order by is_unsigned, is_large, sequence desc),
        of_number as (partition by source, company_id, tracking_number order by is_unsigned, is_large, sequence desc),
        of_company as (partition by source, company_id order by is_unsigned, is_large, sequence desc),
        of_all as (partition by source order by is_unsigned, is_large, sequence desc)
    ), gone as (
      select id from ranked
      where received_at < now() - make_interval(secs => ${options.days * 86_400}::float8)
        or (provider_call_id is not null and (call_rows > ${perCall.rows} or call_bytes > ${perCall.bytes}))
        or (tracking_number is not null and (number_rows > ${perNumber.rows} or number_bytes > ${perNumber.bytes}))
        or company_rows > ${perCompany.rows} * ${times} or company_bytes > ${perCompany.bytes}::bigint * ${times}
        or all_rows > ${inAll.rows} or all_bytes > ${inAll.bytes}
      order by sequence limit 20000
    ), locked as (
      select id from ${webhookEvents} where id in (select id from gone) and ${isStray(webhookEvents)}
      for update skip locked
    )
    delete from ${webhookEvents} where id in (select id from locked) returning 1`);
  return deleted.length;
}

/** Rows and bytes that a process may store before it prunes. */
const STORED_ROWS_MAX = 1000;
const STORED_BYTES_MAX = 16 * MIB;

/** Counts what a process stores, and calls `prune` after every so much of it, one run at a time. Housekeeping does the rest. */
export function createStrayCounter(prune: () => Promise<unknown>): (bytes: number) => void {
  let rows = 0;
  let stored = 0;
  let isPruning = false;
  return (bytes) => {
    rows += 1;
    stored += bytes;
    if (isPruning || (rows < STORED_ROWS_MAX && stored < STORED_BYTES_MAX)) return;
    rows = 0;
    stored = 0;
    isPruning = true;
    void prune().finally(() => {
      isPruning = false;
    });
  };
}
