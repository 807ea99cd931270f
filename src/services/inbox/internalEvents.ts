/** Events of our own in the inbox: how a change of rows rings a workflow. */
import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import { sha256 } from './store.ts';

export interface InternalEvent {
  source?: 'internal' | 'operator';
  companyId: string;
  /** call.abandoned, call.reanalyze, call.restart, visit.started, visit.stopped, visit.restart, delivery.due; ring; retry, skip */
  route: string;
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
 * @returns the event's id
 */
export async function storeInternalEvent(db: Queryable, event: InternalEvent): Promise<string> {
  const id = event.id ?? randomUUID();
  const body = Buffer.from(JSON.stringify(event.body ?? {}));
  const stored = db.insert(webhookEvents).values({
    id,
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
  await (event.id ? stored.onConflictDoNothing() : stored);
  return id;
}
