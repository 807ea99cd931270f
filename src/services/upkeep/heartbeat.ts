import { lt, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { workerHeartbeats } from '../../db/schema/index.ts';

/** Records that a worker is alive, and deletes workers that have been silent for an hour. */
export async function recordHeartbeat(db: Queryable, worker: { workerId: string; taskQueue: string }): Promise<void> {
  const beatAt = sql`now()`;
  await db
    .insert(workerHeartbeats)
    .values({ ...worker, beatAt })
    .onConflictDoUpdate({ target: workerHeartbeats.workerId, set: { beatAt } });
  await db.delete(workerHeartbeats).where(lt(workerHeartbeats.beatAt, sql`now() - interval '1 hour'`));
}
