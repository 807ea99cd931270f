import { randomUUID } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { webhookDeliveries, webhookEndpoints } from '../../db/schema/index.ts';
import type { OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import { ringDelivery } from './ring.ts';

/**
 * Queues an event for a company's endpoints. Call it in the transaction of the effect, so that each endpoint is told once
 * however often a step repeats; the workflows that deliver start after the commit.
 */
export async function announce(
  tx: Transaction,
  event: { companyId: string; type: OutgoingEventType; subjectId: string; previous?: Record<string, unknown> },
): Promise<void> {
  const { companyId, type, subjectId, previous } = event;
  const listening = await tx
    .select({ endpointId: webhookEndpoints.id })
    .from(webhookEndpoints)
    .where(
      and(
        eq(webhookEndpoints.companyId, companyId),
        eq(webhookEndpoints.enabled, true),
        sql`${type} = any(${webhookEndpoints.events})`,
      ),
    );
  for (const { endpointId } of listening) {
    const id = randomUUID();
    await tx.insert(webhookDeliveries).values({ id, companyId, endpointId, eventType: type, subjectId, previous });
    await ringDelivery(tx, { id, companyId });
  }
}
