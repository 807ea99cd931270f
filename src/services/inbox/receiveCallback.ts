import type { Database } from '../../db/client.ts';
import type { ShunyaCallback } from '../../providers/shunya/payload.ts';
import { lockTaskId, routeAndHoldCallback } from './routeCallback.ts';
import { type NewWebhookEvent, type StoredEvent, storeEvent, storeRedacted } from './store.ts';
import { storeOfKnownJob } from './storeOfKnownJob.ts';

/** Takes a callback of Shunya whose signature holds: matches it to its job, or keeps it for one that is not known yet. */
export async function receiveCallback(
  db: Database,
  { body, callback }: { body: Buffer; callback: ShunyaCallback },
): Promise<StoredEvent> {
  const known = await storeOfKnownJob(db, { body, callback });
  if (known) return { id: known, status: 'pending', reason: null, duplicate: false };
  const stored = (fields: Pick<NewWebhookEvent, 'status'> & Partial<NewWebhookEvent>): NewWebhookEvent => ({
    source: 'shunya',
    route: 'job',
    body,
    taskId: callback.jobId ?? null,
    shunyaCallId: callback.shunyaCallId ?? null,
    ...fields,
  });
  return db.transaction(async (tx) => {
    if (callback.jobId) await lockTaskId(tx, callback.jobId);
    const route = await routeAndHoldCallback(tx, callback);
    if (route.decision === 'invalid') return storeEvent(tx, stored({ status: 'invalid', reason: route.reason }));
    if (route.decision === 'unrouted') return storeEvent(tx, stored({ status: 'unrouted', reason: 'unknown_job' }));
    if (route.decision === 'deleted')
      return storeRedacted(tx, stored({ status: 'applied', companyId: route.companyId }));
    const { companyId, jobId, workflowId } = route;
    return storeEvent(tx, stored({ status: 'pending', companyId, jobId, workflowId }));
  });
}
