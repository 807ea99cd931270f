/** Folds all stored events of a call into its contact, lead and call rows. */
import { and, asc, eq, exists, inArray, ne, not, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { analysisRuns, calls, callTombstones, companies, leads, users, webhookEvents } from '../../db/schema/index.ts';
import { alongside, type Write } from '../../db/writes.ts';
import {
  asksForCallback,
  CALL_EVENT_KINDS,
  type CallEvent,
  type CallEventKind,
  type FoldedCall,
} from '../../domain/call.ts';
import { callIdOf } from '../../domain/callId.ts';
import { foldCall } from '../../domain/foldCall.ts';
import type { PipelineStage } from '../../domain/pipeline.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { readCallRailEvent } from '../../providers/callrail/payload.ts';
import { applyCallAnalysisEffects } from '../analysis/effects.ts';
import { announce } from '../deliveries/announce.ts';
import { lockingFollowUp, refreshFollowUp, refreshLockedFollowUp } from '../followUps/refresh.ts';
import { markingApplied, redacting } from '../inbox/applied.ts';
import { isRingOf, takingRings } from '../inbox/internalEvents.ts';
import { hasEventsToAdopt } from '../inbox/reroute.ts';
import { type ShownState, shownColumns, stageColumns } from '../pipelines/state.ts';
import {
  type Caller,
  dropLeftovers,
  findOrCreateContact,
  findOrPrepareLead,
  nameContact,
  type PlacedCall,
} from './caller.ts';

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
  await redacting(tx, and(eventsOf(input), ne(webhookEvents.status, 'applied')));
}

const callColumns = {
  ...shownColumns(calls),
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

export type FoundCall = NonNullable<Awaited<ReturnType<typeof loadCallAndMarkApplied>>>;
export type StoredCall = NonNullable<FoundCall['call']>;
export type RunRow = NonNullable<FoundCall['run']>;

/**
 * All that is known of a call: its row, its lead, the run of its generation and, where some came since, its events. The same
 * statement deletes its rings, marks those events applied unless the call was deleted, and holds its company against
 * removal. The call's lock must be held.
 * @returns undefined where the company is gone
 */
export async function loadCallAndMarkApplied(tx: Transaction, input: ProviderCall) {
  const { companyId, providerCallId } = input;
  const workflowId = callWorkflowId(companyId, providerCallId);
  const isOfCall = and(eq(callTombstones.companyId, companyId), eq(callTombstones.providerCallId, providerCallId));
  const isDeleted = exists(tx.select({ id: callTombstones.providerCallId }).from(callTombstones).where(isOfCall));
  // This statement still sees the rings that it takes.
  const isEvent = and(eventsOf(input), sql`not ${isRingOf(workflowId)}`);
  const company = tx
    .$with('company')
    .as(tx.select({ id: companies.id }).from(companies).where(eq(companies.id, companyId)).for('key share'));
  const isToApply = and(
    isEvent,
    ne(webhookEvents.status, 'applied'),
    exists(sql`(select from company)`),
    not(isDeleted),
  );
  const news = tx.$with('news').as(markingApplied(tx, isToApply).returning({ id: webhookEvents.id }));
  const rows = await tx
    .with(takingRings(tx, workflowId), company, news)
    .select({
      call: callColumns,
      lead: { id: leads.id, contactId: leads.contactId, source: leads.source },
      run: { state: analysisRuns.state, reason: analysisRuns.reason, recordingUrl: analysisRuns.recordingUrl },
      isDeleted: sql<boolean>`${isDeleted}`,
      hasUnrouted: hasEventsToAdopt(tx, { providerCallId }),
      event: {
        sequence: webhookEvents.sequence,
        route: webhookEvents.route,
        // As it was before this statement.
        status: webhookEvents.status,
        body: webhookEvents.body,
        receivedAt: webhookEvents.receivedAt,
      },
    })
    .from(company)
    .leftJoin(calls, and(eq(calls.companyId, companyId), eq(calls.id, callIdOf(companyId, providerCallId))))
    .leftJoin(leads, eq(leads.id, calls.leadId))
    .leftJoin(
      analysisRuns,
      and(
        eq(analysisRuns.subjectKind, 'call'),
        eq(analysisRuns.subjectId, calls.id),
        eq(analysisRuns.generation, calls.generation),
      ),
    )
    .leftJoin(webhookEvents, and(isEvent, exists(sql`(select from news)`)))
    .orderBy(asc(webhookEvents.sequence));
  const [found] = rows;
  if (!found) return undefined;
  const { event: _, ...known } = found;
  return { ...known, events: rows.flatMap(({ event }) => event ?? []) };
}

/** What all events of a call say together. */
export interface FoldedEvents {
  folded: FoldedCall;
  /** When the first of them came. */
  firstReceivedAt: Date;
  /** One of those that came since tells of the recording. */
  hasNewRecordingEvent: boolean;
}

/** Folds the events of a call; undefined where none came now, or none speaks of it. */
export function foldEvents({ events: stored }: FoundCall): FoldedEvents | undefined {
  const events = stored.flatMap(toCallEvent);
  if (events.length === 0) return undefined;
  return {
    folded: foldCall(events),
    firstReceivedAt: new Date(Math.min(...events.map((event) => Date.parse(event.receivedAt)))),
    hasNewRecordingEvent: events.some((event) => event.tellsRecording && event.isNew),
  };
}

/** What decides on the next step of a call. */
export type CallState = ShownState &
  Pick<StoredCall, 'id' | 'status' | 'endedAt' | 'recordingUrl' | 'generation' | 'createdAt'>;

/** A call as it will be once it says what its events tell. @param existing its row, if it has one */
export function stateOf(
  input: ProviderCall,
  { folded, firstReceivedAt }: FoldedEvents,
  existing: StoredCall | null,
): CallState {
  return {
    ...(existing ?? NEW_CALL),
    id: callIdOf(input.companyId, input.providerCallId),
    status: folded.status,
    endedAt: endSeenAt(folded, existing),
    recordingUrl: folded.recordingUrl ?? null,
    createdAt: existing?.createdAt ?? firstReceivedAt,
  };
}

/** By our clock, whatever the sender's says: how long a recording is waited for counts from it. */
const endSeenAt = (folded: FoldedCall, before: StoredCall | null | undefined): Date | null =>
  folded.ended ? (before?.endedAt ?? new Date()) : null;

/** What the columns of a new row are by default. */
const NEW_CALL: ShownState & Pick<StoredCall, 'generation'> = {
  stage: 'awaiting_end',
  reason: null,
  hint: null,
  blockedOn: null,
  attempts: 0,
  needsAttention: false,
  generation: 1,
};

type StoredEvent = Pick<typeof webhookEvents.$inferSelect, 'sequence' | 'route' | 'status' | 'body' | 'receivedAt'>;

function toCallEvent(row: StoredEvent): (CallEvent & { isNew: boolean; tellsRecording: boolean })[] {
  const kind = row.route.replace(/^call\./, '') as CallEventKind;
  if (!CALL_EVENT_KINDS.includes(kind)) return [];
  const { fields, tellsRecording } = readCallRailEvent(kind, parseBodyBytes(row.body));
  const isNew = row.status !== 'applied';
  return [{ kind, sequence: row.sequence, receivedAt: row.receivedAt.toISOString(), fields, tellsRecording, isNew }];
}

/**
 * Updates the call's rows to what all of its events say, and to the stage that follows.
 * @param decided what follows, with what is to be written of it
 */
export async function writeCall(
  tx: Transaction,
  input: ProviderCall,
  found: FoundCall,
  events: FoldedEvents,
  decided: DecidedStage,
): Promise<void> {
  const place = await placeCall(tx, input, found, events.folded);
  await upsertCall(tx, input, events, place, decided);
  await writeEffects(tx, input, events.folded, place);
}

interface DecidedStage {
  stage: PipelineStage;
  reason: string | null;
  writes: readonly Write[];
}

/** Whose a call is, and what its row said before. */
interface Place {
  before: (StoredCall & PlacedCall) | undefined;
  contact: Caller;
  leadId: string | null;
  /** What makes its lead, to be sent with the call. */
  openingLead: Write | undefined;
  /** Its contact and its lead are those that it had. */
  isUnchanged: boolean;
}

async function placeCall(
  tx: Transaction,
  { companyId }: ProviderCall,
  { call, lead }: FoundCall,
  folded: FoldedCall,
): Promise<Place> {
  const before = call ? { ...call, lead } : undefined;
  const contact = await findOrCreateContact(tx, companyId, folded, before);
  const { id: leadId, write: openingLead } = await findOrPrepareLead(tx, companyId, contact, folded, before);
  const isUnchanged = before?.contactId === contact.id && before.leadId === leadId;
  return { before, contact, leadId, openingLead, isUnchanged };
}

async function upsertCall(
  tx: Transaction,
  { companyId, providerCallId }: ProviderCall,
  { folded, firstReceivedAt }: FoldedEvents,
  { before, contact, leadId, openingLead, isUnchanged }: Place,
  { stage, reason, writes }: DecidedStage,
): Promise<void> {
  const facts = {
    status: folded.status,
    direction: folded.direction,
    answered: folded.answered,
    spam: folded.spam,
    startedAt: new Date(folded.startedAt),
    endedAt: endSeenAt(folded, before),
    durationSeconds: folded.durationSeconds ?? null,
    trackingNumber: folded.trackingNumber ?? null,
    // Retention may have taken it from the events.
    callerNumber: folded.callerNumber ?? before?.callerNumber ?? null,
    callerNumberRaw: folded.callerNumber ? null : (folded.callerNumberRaw ?? null),
    contactId: contact.id,
    leadId,
    csrId: await findAgent(tx, companyId, folded),
    recordingUrl: folded.recordingUrl ?? null,
  };
  const id = callIdOf(companyId, providerCallId);
  const isMoved = before && (before.stage !== stage || (before.reason !== reason && !before.blockedOn));
  await tx
    .with(...alongside(tx, [...(openingLead ? [openingLead] : []), ...writes]))
    .insert(calls)
    .values({ ...facts, id, companyId, providerCallId, stage, reason, createdAt: firstReceivedAt })
    .onConflictDoUpdate({
      target: calls.id,
      set: { ...facts, ...(isMoved && stageColumns(calls, stage, reason)), updatedAt: sql`now()` },
    })
    // One that is new or moves takes it later: rows of the contact and the lead that it leaves are locked first.
    .returning({ followUpLock: folded.ended && isUnchanged ? lockingFollowUp(contact.id) : sql`null` });
}

/** What a call that was just written changes beside its row. */
async function writeEffects(
  tx: Transaction,
  { companyId, providerCallId }: ProviderCall,
  folded: FoldedCall,
  { before, contact, leadId, isUnchanged }: Place,
): Promise<void> {
  const id = callIdOf(companyId, providerCallId);
  if (before && !isUnchanged) await dropLeftovers(tx, before);
  // What was judged while it had no lead is made up for.
  if (before && before.leadId === null && leadId !== null)
    await applyCallAnalysisEffects(tx, { companyId, callId: id });
  await nameContact(tx, { companyId, contact, startedAt: new Date(folded.startedAt) }, folded);
  // One that stays in its place has taken the lock of this already.
  if (folded.ended) await (isUnchanged ? refreshLockedFollowUp : refreshFollowUp)(tx, { companyId, id: contact.id });
  const isToCallBack = !folded.spam && folded.direction === 'inbound' && asksForCallback(folded.status);
  if (isToCallBack && !(before && asksForCallback(before.status)))
    await announce(tx, { companyId, type: 'call.missed', subjectId: id });
}

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
