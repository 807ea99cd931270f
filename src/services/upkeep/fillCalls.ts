/** Fills columns that were added to calls, on rows that are older than they are. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';

const BATCH_ROWS = 1000;

/**
 * Fills the judgement and the facet of some calls that have none, by the trigger that keeps them. Rows that somebody works
 * on are left for the next time; several processes may do this at once.
 * @returns how many
 */
export async function fillCalls(db: Database): Promise<number> {
  return db.transaction(async (tx) => {
    // Read by the triggers of the change feed: nothing changes for people who look at these calls.
    await tx.execute(sql`set local callwright.filling = 'on'`);
    const filled = await tx.execute(sql`
      update calls set facet = null where id in (
        select id from calls where facet is null limit ${BATCH_ROWS} for update skip locked)
      returning 1`);
    return filled.length;
  });
}
