/** Writes events to the inbox. An event is accepted when its row is committed, and only then. */
import { createHash, randomUUID } from 'node:crypto';
import { and, eq, ne, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import { FORGOTTEN } from './redacted.ts';

export type NewWebhookEvent = Omit<
  typeof webhookEvents.$inferInsert,
  'id' | 'sequence' | 'bodySha256' | 'attempts' | 'receivedAt'
>;

export interface StoredEvent {
  id: string;
  status: WebhookEventStatus;
  duplicate: boolean;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Rejected events kept for one company (or for none) at a time: enough to mend a key, too few to fill a disk. */
const REJECTED_KEPT = 1000;

/**
 * Stores one event, or finds the one with the same route and the same bytes.
 * @returns the stored event; `duplicate` when it was there before
 */
export async function storeEvent(db: Queryable, event: NewWebhookEvent): Promise<StoredEvent> {
  return insertOnce(db, event, sha256(event.body));
}

async function insertOnce(db: Queryable, event: NewWebhookEvent, bodySha256: string): Promise<StoredEvent> {
  const [inserted] = await db
    .insert(webhookEvents)
    .values({ ...event, id: randomUUID(), bodySha256 })
    .onConflictDoNothing()
    .returning({ id: webhookEvents.id, status: webhookEvents.status });
  if (inserted) return { ...inserted, duplicate: false };

  const [existing] = await db
    .select({ id: webhookEvents.id, status: webhookEvents.status })
    .from(webhookEvents)
    .where(
      and(
        eq(webhookEvents.source, event.source),
        eq(webhookEvents.route, event.route),
        eq(webhookEvents.bodySha256, bodySha256),
        ne(webhookEvents.status, 'rejected'),
      ),
    );
  // The twin was rejected or deleted between the two statements: the place is free now.
  if (!existing) return insertOnce(db, event, bodySha256);
  const isKept =
    existing.status !== 'unrouted' || !event.signature || (await addSignature(db, existing.id, event.signature));
  // It was routed meanwhile, by the signature that it had: look at what it is now.
  if (!isKept) return insertOnce(db, event, bodySha256);
  return { ...existing, duplicate: true };
}

/** Signatures kept of an event whose company is not known yet: which of them is genuine shows only then. */
const SIGNATURES_LENGTH_MAX = 1000;

/** @returns false where the event is not unrouted any more */
async function addSignature(db: Queryable, eventId: string, signature: string): Promise<boolean> {
  const known = sql`coalesce(${webhookEvents.signature}, '')`;
  const isEnough = sql`${signature}::text = any(string_to_array(${known}, ' ')) or length(${known}) > ${SIGNATURES_LENGTH_MAX}`;
  const kept = await db
    .update(webhookEvents)
    .set({ signature: sql`case when ${isEnough} then ${known} else trim(${known} || ' ' || ${signature}::text) end` })
    .where(and(eq(webhookEvents.id, eventId), eq(webhookEvents.status, 'unrouted')))
    .returning({ id: webhookEvents.id });
  return kept.length > 0;
}

/**
 * Stores the event of a deleted call without its content: it is answered, counted once, and brings nothing back.
 */
export async function storeForgotten(db: Queryable, event: NewWebhookEvent): Promise<StoredEvent> {
  const forgotten = { ...event, ...FORGOTTEN, appliedAt: new Date() };
  return insertOnce(db, forgotten, sha256(event.body));
}

/** Keeps an event whose signature does not match, up to a bound; beyond it nothing is stored. */
export async function storeRejected(db: Queryable, event: NewWebhookEvent): Promise<void> {
  const [kept] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(webhookEvents)
    .where(
      and(
        eq(webhookEvents.status, 'rejected'),
        event.companyId ? eq(webhookEvents.companyId, event.companyId) : sql`${webhookEvents.companyId} is null`,
      ),
    );
  if ((kept?.count ?? 0) >= REJECTED_KEPT) return;
  await db
    .insert(webhookEvents)
    .values({ ...event, id: randomUUID(), status: 'rejected', bodySha256: sha256(event.body) });
}

export { type InternalEvent, storeInternalEvent } from './internalEvents.ts';
