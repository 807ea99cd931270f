import { randomUUID } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
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
  for (const { endpointId, events } of await endpointsOf(tx, companyId)) {
    if (!events.includes(type)) continue;
    const id = randomUUID();
    await tx.insert(webhookDeliveries).values({ id, companyId, endpointId, eventType: type, subjectId, previous });
    await ringDelivery(tx, { id, companyId });
  }
}

interface Endpoint {
  endpointId: string;
  events: readonly string[];
}

/** Read once a transaction, since one change may tell of several things. */
const known = new WeakMap<Transaction, Map<string, Endpoint[]>>();

async function endpointsOf(tx: Transaction, companyId: string): Promise<Endpoint[]> {
  const ofTransaction = known.get(tx) ?? new Map<string, Endpoint[]>();
  known.set(tx, ofTransaction);
  const before = ofTransaction.get(companyId);
  if (before) return before;
  const endpoints = await tx
    .select({ endpointId: webhookEndpoints.id, events: webhookEndpoints.events })
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.companyId, companyId), eq(webhookEndpoints.enabled, true)));
  ofTransaction.set(companyId, endpoints);
  return endpoints;
}
