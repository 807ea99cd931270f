import { sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';

/** Far longer than any client repeats a request; answers hold people's data and are not kept for longer than they serve. */
export const IDEMPOTENCY_KEPT_DAYS = 30;

/** Forgets old answers, some at a time. @returns how many */
export async function pruneIdempotencyKeys(db: Queryable): Promise<number> {
  const rows = await db.execute(sql`
    delete from idempotency_keys where ctid in (
      select ctid from idempotency_keys
      where created_at < now() - make_interval(days => ${IDEMPOTENCY_KEPT_DAYS}) limit 1000)
    returning 1`);
  return rows.length;
}
