import { sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { CHANGES_KEPT_HOURS } from '../../db/queries/changes.ts';

/** Deletes changes that no client can still ask for, oldest first, a bounded number at a time. */
export async function pruneChanges(db: Queryable): Promise<number> {
  const rows = await db.execute(sql`
    delete from changes where (xid, id) in (
      select xid, id from (select xid, id, created_at from changes order by xid, id limit 10000) as oldest
      where created_at < now() - make_interval(hours => ${CHANGES_KEPT_HOURS}))
    returning 1`);
  return rows.length;
}
