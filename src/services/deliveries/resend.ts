import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findDelivery } from '../../db/queries/deliveries.ts';
import { findEndpoint } from '../../db/queries/webhookEndpoints.ts';
import { webhookDeliveries } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { ringDelivery } from './ring.ts';

/** Starts the attempts of a delivery anew as a person asks, the first one now. */
export async function resendDelivery(tx: Transaction, requester: Requester, id: string): Promise<void> {
  const delivery = await findDelivery(tx, requester.companyId, id);
  if (!delivery) throw refuseMissing();
  const { companyId, endpointId } = delivery;
  const endpoint = await findEndpoint(tx, companyId, endpointId);
  if (!endpoint) throw refuseMissing();
  if (!endpoint.enabled) throw new Refusal('conflict', { detail: 'The endpoint is disabled.' });
  await tx
    .update(webhookDeliveries)
    .set({ status: 'pending', attempts: 0, nextAttemptAt: sql`now()`, deliveredAt: null })
    .where(eq(webhookDeliveries.id, id));
  await ringDelivery(tx, delivery);
  await audit(tx, requester, {
    action: 'webhook_delivery.resend',
    subject: { kind: 'webhook_delivery', id },
    companyId,
  });
}
