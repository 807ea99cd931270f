import type { Queryable } from '../../db/client.ts';
import { deliveryWorkflowId } from '../../domain/workflowIds.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';

/** Rings the workflow of a delivery, once the transaction is committed. */
export async function ringDelivery(tx: Queryable, { id, companyId }: { id: string; companyId: string }): Promise<void> {
  await storeInternalEvent(tx, { companyId, route: 'delivery.due', workflowId: deliveryWorkflowId(id) });
}
