import type { Transaction } from '../../db/client.ts';
import { visitWorkflowId } from '../../domain/workflowIds.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';

/** Rings a visit's workflow, once the transaction is committed. */
export async function ringVisit(
  tx: Transaction,
  visit: { companyId: string; id: string; route: 'visit.started' | 'visit.stopped' },
): Promise<void> {
  const { companyId, id, route } = visit;
  await storeInternalEvent(tx, { companyId, route, workflowId: visitWorkflowId(id), body: { session_id: id } });
}
