import { eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockEndpoint } from '../../db/queries/webhookEndpoints.ts';
import { webhookEndpoints } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import { refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';

/** Deletes an endpoint with its delivery log; deliveries under way find nothing and end. */
export async function deleteEndpoint(tx: Transaction, requester: Requester, id: string): Promise<void> {
  const endpoint = await lockEndpoint(tx, requester.companyId, id);
  if (!endpoint) throw refuseMissing();
  await tx.delete(webhookEndpoints).where(eq(webhookEndpoints.id, id));
  const subject = { kind: 'webhook_endpoint', id };
  await audit(tx, requester, { action: 'webhook_endpoint.delete', subject, companyId: endpoint.companyId });
}
