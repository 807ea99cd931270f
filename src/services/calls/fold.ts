/** Folds all stored events of a call into its contact, lead and call rows. */
import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Transaction } from '../../db/client.ts';
import { calls, users, webhookEvents } from '../../db/schema/index.ts';
import {
  CALL_EVENT_KINDS,
  type CallEvent,
  type CallEventKind,
  type CallStatus,
  type FoldedCall,
} from '../../domain/call.ts';
import { callIdOf } from '../../domain/callId.ts';
import { foldCall } from '../../domain/foldCall.ts';
import { UNANSWERED_STATUSES } from '../../domain/followUp.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { readCallRailEvent } from '../../providers/callrail/payload.ts';
import { applyCallAnalysisEffects } from '../analysis/effects.ts';
import { announce } from '../deliveries/announce.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';
import { REDACTED } from '../inbox/redacted.ts';
import { adoptEventsOfCall } from '../inbox/reroute.ts';
import { contactOfCaller, dropLeftovers, leadOfCall, nameContact } from './caller.ts';

/** A call by the provider's id. */
export interface ProviderCall {
  companyId: string;
  providerCallId: string;
}

const eventsOf = (input: ProviderCall) =>
  and(
    eq(webhookEvents.companyId, input.companyId),
    eq(webhookEvents.providerCallId, input.providerCallId),
    inArray(webhookEvents.source, ['callrail', 'internal']),
    inArray(webhookEvents.status, ['pending', 'dispatched', 'applied']),
  );

/** Events of a call that a person deleted: their content goes too. */
export async function redactEvents(tx: Transaction, input: ProviderCall): Promise<void> {
  await tx
    .update(webhookEvents)
    .set({ ...REDACTED, appliedAt: sql`now()` })
    .where(and(eventsOf(input), ne(webhookEvents.status, 'applied')));
}

const callColumns = {
  id: calls.id,
  status: calls.status,
  contactId: calls.contactId,
  callerNumber: calls.callerNumber,
  leadId: calls.leadId,
  startedAt: calls.startedAt,
  endedAt: calls.endedAt,
  recordingUrl: calls.recordingUrl,
  generation: calls.generation,
  createdAt: calls.createdAt,
};

export type StoredCall = NonNullable<Awaited<ReturnType<typeof selectCall>>>;

/** A call as its events say; `recordingTold`: one of those that came now tells of the recording. */
export type FoldedCallRow = StoredCall & { recordingTold: boolean };

async function selectCall(tx: Transaction, companyId: string, callId: string) {
  const [row] = await tx
    .select(callColumns)
    .from(calls)
    .where(and(eq(calls.companyId, companyId), eq(calls.id, callId)));
  return row;
}

/** Updates the call's rows to what all of its events say. @returns the call, or undefined where no event speaks of it */
export async function foldEvents(
  tx: Transaction,
  input: ProviderCall,
  config: Config,
): Promise<FoldedCallRow | undefined> {
  const rows = await tx
    .select({
      id: webhookEvents.id,
      sequence: webhookEvents.sequence,
      route: webhookEvents.route,
      status: webhookEvents.status,
      body: webhookEvents.body,
      receivedAt: webhookEvents.receivedAt,
    })
    .from(webhookEvents)
    .where(eventsOf(input))
    .orderBy(asc(webhookEvents.sequence));
  const unapplied = rows.filter((row) => row.status !== 'applied').map((row) => row.id);
  const existing = await selectCall(tx, input.companyId, callIdOf(input.companyId, input.providerCallId));
  if (unapplied.length === 0) return existing && { ...existing, recordingTold: false };
  if (!existing) await adoptEventsOfCall(tx, input.providerCallId, config);

  const events = rows.flatMap(toCallEvent);
  const recordingTold = events.some((event) => event.tellsRecording && event.isNew);
  const call = events.length > 0 ? await writeCall(tx, input, foldCall(events), events, existing) : existing;
  await tx
    .update(webhookEvents)
    .set({ status: 'applied', appliedAt: sql`now()` })
    .where(inArray(webhookEvents.id, unapplied));
  return call && { ...call, recordingTold };
}

type StoredEvent = Pick<typeof webhookEvents.$inferSelect, 'sequence' | 'route' | 'status' | 'body' | 'receivedAt'>;

function toCallEvent(row: StoredEvent): (CallEvent & { isNew: boolean; tellsRecording: boolean })[] {
  const kind = row.route.replace(/^call\./, '') as CallEventKind;
  if (!CALL_EVENT_KINDS.includes(kind)) return [];
  const { fields, tellsRecording } = readCallRailEvent(kind, parseBodyBytes(row.body));
  const isNew = row.status !== 'applied';
  return [{ kind, sequence: row.sequence, receivedAt: row.receivedAt.toISOString(), fields, tellsRecording, isNew }];
}

async function writeCall(
  tx: Transaction,
  input: ProviderCall,
  folded: FoldedCall,
  events: CallEvent[],
  existing: StoredCall | undefined,
): Promise<StoredCall> {
  const { companyId, providerCallId } = input;
  const id = callIdOf(companyId, providerCallId);
  const startedAt = new Date(folded.startedAt);
  const contactId = await contactOfCaller(tx, companyId, folded, existing);
  const leadId = await leadOfCall(tx, companyId, contactId, folded, existing);
  const facts = {
    status: folded.status,
    direction: folded.direction,
    answered: folded.answered,
    spam: folded.spam,
    startedAt,
    endedAt: folded.ended ? (existing?.endedAt ?? new Date()) : null,
    durationSeconds: folded.durationSeconds ?? null,
    trackingNumber: folded.trackingNumber ?? null,
    // Retention may have taken it from the events.
    callerNumber: folded.callerNumber ?? existing?.callerNumber ?? null,
    callerNumberRaw: folded.callerNumber ? null : (folded.callerNumberRaw ?? null),
    contactId,
    leadId,
    csrId: await findAgent(tx, companyId, folded),
    recordingUrl: folded.recordingUrl ?? null,
  };
  const [call] = await tx
    .insert(calls)
    .values({ ...facts, id, companyId, providerCallId, createdAt: firstReceivedAt(events) })
    .onConflictDoUpdate({ target: calls.id, set: { ...facts, updatedAt: sql`now()` } })
    .returning(callColumns);
  if (!call) throw new Error('an upsert returned no row');
  if (existing && (existing.contactId !== contactId || existing.leadId !== leadId)) await dropLeftovers(tx, existing);
  // What was judged while it had no lead is made up for.
  if (existing && existing.leadId === null && leadId !== null)
    await applyCallAnalysisEffects(tx, { companyId, callId: id });
  await nameContact(tx, { companyId, contactId, startedAt }, folded);
  if (folded.ended) await refreshFollowUp(tx, { companyId, id: contactId });
  if (
    !folded.spam &&
    folded.direction === 'inbound' &&
    isMissedCall(call.status) &&
    !(existing && isMissedCall(existing.status))
  )
    await announce(tx, { companyId, type: 'call.missed', subjectId: id });
  return call;
}

const isMissedCall = (status: CallStatus) => (UNANSWERED_STATUSES as readonly string[]).includes(status);

const firstReceivedAt = (events: CallEvent[]): Date =>
  new Date(Math.min(...events.map((event) => Date.parse(event.receivedAt))));

async function findAgent(tx: Transaction, companyId: string, folded: FoldedCall): Promise<string | null> {
  if (folded.agentEmail) {
    const [user] = await tx
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.companyId, companyId), sql`lower(${users.email}) = lower(${folded.agentEmail})`))
      .orderBy(asc(users.id))
      .limit(1);
    if (user) return user.id;
  }
  return folded.csrId ?? null;
}
