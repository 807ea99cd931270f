/**
 * Events of our own in the inbox: stored in the transaction of the change that rings a workflow, and deleted again where
 * nobody needs them once that workflow has advanced.
 */
import { randomUUID } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import type { Queryable, Transaction } from '../../db/client.ts';
import { isOpen, isRestart, webhookEvents } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import type { OperatorActionName } from '../../domain/pipelineSteps.ts';
import { type InternalRoute, RING } from '../../domain/webhookEvent.ts';
import { sha256 } from './store.ts';

export interface InternalEvent {
  source?: 'internal' | 'operator';
  companyId: string;
  route: InternalRoute | OperatorActionName;
  /** The workflow to ring. */
  workflowId: string;
  providerCallId?: string;
  /** Stored once under it. */
  id?: string;
  /** Ids and states only. */
  body?: Record<string, unknown>;
}

/**
 * Stores an event of our own in the caller's transaction, so that a change of rows and the ring of its workflow
 * are committed together.
 */
export async function storeInternalEvent(db: Queryable, event: InternalEvent): Promise<void> {
  await storingInternalEvent(db, event);
}

/** The same, to be sent with other writes. */
export function storingInternalEvent(db: Queryable, event: InternalEvent): Write {
  const body = Buffer.from(JSON.stringify(event.body ?? {}));
  const stored = db.insert(webhookEvents).values({
    id: event.id ?? randomUUID(),
    source: event.source ?? 'internal',
    route: event.route,
    companyId: event.companyId,
    status: 'pending',
    body,
    bodySha256: sha256(body),
    providerCallId: event.providerCallId,
    workflowId: event.workflowId,
  });
  // Operators' actions of one content are told apart by their id; a repeat under the same id is the same.
  return event.id ? stored.onConflictDoNothing() : stored;
}

/**
 * Deletes the rings of a workflow that advances now, within a statement that reads more: what the rings were stored with is
 * there for whoever reads after it.
 */
export const takingRings = (tx: Transaction, workflowId: string) =>
  tx.$with('rings').as(tx.delete(webhookEvents).where(isRingOf(workflowId)).returning({ id: webhookEvents.id }));

/** The rings of a workflow that it has not answered. */
export const isRingOf = (workflowId: string) =>
  and(eq(webhookEvents.workflowId, workflowId), eq(webhookEvents.route, RING), isOpen(webhookEvents));

/** Deletes what rang the workflow of a delivery; the delivery log has the rest. */
export async function takeDeliveryRings(tx: Transaction, workflowId: string): Promise<void> {
  await tx.delete(webhookEvents).where(and(eq(webhookEvents.workflowId, workflowId), isOpen(webhookEvents)));
}

/** Deletes earlier restarts of a pipeline that were applied: the newest says when it was restarted last. */
export async function dropAppliedRestarts(tx: Transaction, workflowId: string): Promise<void> {
  const ofWorkflow = eq(webhookEvents.workflowId, workflowId);
  await tx.delete(webhookEvents).where(and(ofWorkflow, isRestart(webhookEvents), eq(webhookEvents.status, 'applied')));
}
