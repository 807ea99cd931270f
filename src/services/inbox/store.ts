/** Writes events to the inbox. An event is accepted when its row is committed, and only then. */
import { createHash, randomUUID } from 'node:crypto';
import { and, eq, ne, sql } from 'drizzle-orm';
import type { Database, Queryable } from '../../db/client.ts';
import { executePrepared } from '../../db/prepared.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import { byteaArrayLiteral } from './arrayLiterals.ts';

export type NewWebhookEvent = Omit<
  typeof webhookEvents.$inferInsert,
  'id' | 'sequence' | 'bodySha256' | 'attempts' | 'receivedAt'
>;

export interface StoredEvent {
  id: string;
  status: WebhookEventStatus;
  /** Why it is unrouted, invalid or rejected. A code. */
  reason: string | null;
  /** It was there before. */
  duplicate: boolean;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What is kept of a body that can never take effect: enough to see what it was. */
const KEPT_OF_STRAY_BYTES = 64 * 1024;

/** Keeps at most 64 KB of what CallRail can never have meant: it names no call, or was refused and has no signature. */
export function boundBody<E extends NewWebhookEvent>(event: E): E {
  const { source, status, providerCallId, signature, body } = event;
  const isHopeless =
    (status === 'invalid' && !providerCallId) || (status === 'rejected' && !(providerCallId && signature));
  if (source !== 'callrail' || !isHopeless || body.length <= KEPT_OF_STRAY_BYTES) return event;
  return { ...event, body: body.subarray(0, KEPT_OF_STRAY_BYTES) };
}

/**
 * Stores one event, or finds the one with the same route and the same bytes.
 * @param bodySha256 of the bytes as they came; of something deleted only that is kept of them
 * @returns the stored event; `duplicate` when it was there before
 */
export async function storeEvent(
  db: Queryable,
  event: NewWebhookEvent,
  bodySha256 = sha256(event.body),
): Promise<StoredEvent> {
  const [inserted] = await db
    .insert(webhookEvents)
    .values({ ...boundBody(event), id: randomUUID(), bodySha256 })
    .onConflictDoNothing()
    .returning({ id: webhookEvents.id, status: webhookEvents.status, reason: webhookEvents.reason });
  if (inserted) return { ...inserted, duplicate: false };
  // Where it is not found it was deleted between the two statements, or is another event now: the place is free.
  return (await findTwin(db, event, bodySha256)) ?? storeEvent(db, event, bodySha256);
}

/** The stored event with the same route and bytes. An unrouted one also keeps this one's signature, for when its company is known. */
async function findTwin(db: Queryable, event: NewWebhookEvent, bodySha256: string): Promise<StoredEvent | undefined> {
  const [existing] = await db
    .select({ id: webhookEvents.id, status: webhookEvents.status, reason: webhookEvents.reason })
    .from(webhookEvents)
    .where(
      and(
        eq(webhookEvents.source, event.source),
        eq(webhookEvents.route, event.route),
        eq(webhookEvents.bodySha256, bodySha256),
        ne(webhookEvents.status, 'rejected'),
      ),
    );
  if (!existing) return undefined;
  const isKept =
    existing.status !== 'unrouted' || !event.signature || (await addSignature(db, existing.id, event.signature));
  return isKept ? { ...existing, duplicate: true } : undefined;
}

/** Signatures kept of an event whose company is not known yet: which of them is genuine shows only then. */
const SIGNATURES_LENGTH_MAX = 1000;

/** @returns false where the event is not unrouted any more: it was routed by the signatures that it had */
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

/** What a CallRail event has, with the hash of its whole body. */
export type BatchedEvent = NewWebhookEvent & { bodySha256: string };

/** `company_unavailable`: nothing was stored, since its company is gone or is just being removed. */
export type BatchedOutcome = StoredEvent | 'company_unavailable';

/**
 * Stores events of several calls and companies in one statement, in the order of the list. Companies are locked against
 * removal; one that is being removed is passed over, so that nobody waits for that but its own events.
 */
export async function storeEvents(db: Database, events: readonly BatchedEvent[]): Promise<BatchedOutcome[]> {
  const rows = events.map((event, index) => ({ ...columnsOf(event), n: index + 1, id: randomUUID() }));
  const stored = await executePrepared<{ n: number; is_stored: boolean; is_company_unavailable: boolean }>(
    db,
    insertStatement(
      rows,
      events.map(({ body }) => body),
    ),
  );
  const outcomes: BatchedOutcome[] = [];
  for (const row of stored) {
    const event = events[row.n - 1];
    const id = rows[row.n - 1]?.id;
    if (!event || !id) continue;
    const { status, reason = null } = event;
    if (row.is_stored) outcomes.push({ id, status, reason, duplicate: false });
    else if (row.is_company_unavailable) outcomes.push('company_unavailable');
    else
      outcomes.push((await findTwin(db, event, event.bodySha256)) ?? (await storeEvent(db, event, event.bodySha256)));
  }
  return outcomes;
}

const columnsOf = (event: BatchedEvent) => ({
  source: event.source,
  route: event.route,
  company_id: event.companyId,
  status: event.status,
  reason: event.reason,
  body_sha256: event.bodySha256,
  signature: event.signature,
  provider_call_id: event.providerCallId,
  tracking_number: event.trackingNumber,
  callrail_company_id: event.callrailCompanyId,
  callrail_company_alias: event.callrailCompanyAlias,
  caller_number: event.callerNumber,
  workflow_id: event.workflowId,
  applied_at: event.appliedAt,
});

/** The text is always the same: rows travel as JSON, bodies as one array. */
function insertStatement(rows: readonly object[], bodies: readonly Uint8Array[]) {
  return sql`
    with event as (
      select e.*, b.body
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as e(
        n int, id text, source text, route text, company_id text, status text, reason text, body_sha256 text,
        signature text, provider_call_id text, tracking_number text, callrail_company_id text,
        callrail_company_alias text, caller_number text, workflow_id text, applied_at timestamptz)
      join unnest(${byteaArrayLiteral(bodies)}::text::bytea[]) with ordinality as b(body, n) on b.n = e.n
    ), held as (
      select id from companies where id in (select company_id from event) order by id for key share skip locked
    ), stored as (
      insert into webhook_events (id, source, route, company_id, status, reason, body, body_sha256, signature,
        provider_call_id, tracking_number, callrail_company_id, callrail_company_alias, caller_number, workflow_id,
        applied_at)
      select id, source, route, company_id, status, reason, body, body_sha256, signature,
        provider_call_id, tracking_number, callrail_company_id, callrail_company_alias, caller_number, workflow_id,
        applied_at
      from event where company_id is null or company_id in (select id from held) order by n
      on conflict do nothing returning id
    )
    select n, id in (select id from stored) as is_stored,
      company_id is not null and company_id not in (select id from held) as is_company_unavailable
    from event order by n`;
}
