import type { Database } from '../../db/client.ts';
import type { ShunyaCallback } from '../../providers/shunya/payload.ts';
import { callbackRoutedAs, lockTaskId, routeAndHoldCallback } from './routeCallback.ts';
import { type StoredEvent, sha256, storeEvent } from './store.ts';
import { storeOfKnownJob } from './storeOfKnownJob.ts';

/** Takes a callback of Shunya whose signature holds: matches it to its job, or keeps it for one that is not known yet. */
export async function receiveCallback(
  db: Database,
  { body, callback }: { body: Buffer; callback: ShunyaCallback },
): Promise<StoredEvent> {
  const known = await storeOfKnownJob(db, { body, callback });
  if (known) return { id: known, status: 'pending', reason: null, duplicate: false };
  return db.transaction(async (tx) => {
    if (callback.jobId) await lockTaskId(tx, callback.jobId);
    const { jobId: taskId = null, shunyaCallId = null } = callback;
    const routed = callbackRoutedAs(await routeAndHoldCallback(tx, callback));
    return storeEvent(tx, { source: 'shunya', route: 'job', body, taskId, shunyaCallId, ...routed }, sha256(body));
  });
}
