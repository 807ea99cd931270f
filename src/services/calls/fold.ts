/** Folds all stored events of a call into its contact, lead and call rows. */
import { randomUUID } from 'node:crypto';
import { and, asc, desc, eq, gt, inArray, ne, notInArray, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { appointments, calls, contactCards, leads, users, webhookEvents } from '../../db/schema/index.ts';
import { CALL_EVENT_KINDS, type CallEvent, type CallEventKind, type FoldedCall } from '../../domain/call.ts';
import { foldCall } from '../../domain/foldCall.ts';
import { callIdOf } from '../../domain/ids.ts';
import { NOT_OPEN_LEAD_STATUSES } from '../../domain/lead.ts';
import { phoneForms } from '../../domain/phone.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { readCallRailEvent } from '../../providers/callrail/payload.ts';
import { FORGOTTEN } from '../inbox/redacted.ts';
import { adoptEventsOfCall } from '../inbox/routing.ts';

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
export async function forgetEvents(tx: Transaction, input: ProviderCall): Promise<void> {
  await tx
    .update(webhookEvents)
    .set({ ...FORGOTTEN, appliedAt: sql`now()` })
    .where(and(eventsOf(input), ne(webhookEvents.status, 'applied')));
}

const callColumns = {
  id: calls.id,
  status: calls.status,
  contactId: calls.contactId,
  leadId: calls.leadId,
  startedAt: calls.startedAt,
  endedAt: calls.endedAt,
  recordingUrl: calls.recordingUrl,
  generation: calls.generation,
  createdAt: calls.createdAt,
};

export type CallRow = NonNullable<Awaited<ReturnType<typeof selectCall>>>;

async function selectCall(tx: Transaction, companyId: string, callId: string) {
  const [row] = await tx
    .select(callColumns)
    .from(calls)
    .where(and(eq(calls.companyId, companyId), eq(calls.id, callId)));
  return row;
}

/** Brings the call's rows to what all of its events say. @returns the call, or undefined where no event speaks of it */
export async function foldEvents(tx: Transaction, input: ProviderCall, config: Config): Promise<CallRow | undefined> {
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
  if (unapplied.length === 0) return existing;
  if (!existing) await adoptEventsOfCall(tx, input.providerCallId, config);

  const events = rows.flatMap(toCallEvent);
  const call = events.length > 0 ? await writeCall(tx, input, foldCall(events), events, existing) : existing;
  await tx
    .update(webhookEvents)
    .set({ status: 'applied', appliedAt: sql`now()` })
    .where(inArray(webhookEvents.id, unapplied));
  return call;
}

function toCallEvent(row: { sequence: number; route: string; body: Buffer; receivedAt: Date }): CallEvent[] {
  const kind = row.route.replace(/^call\./, '') as CallEventKind;
  if (!CALL_EVENT_KINDS.includes(kind)) return [];
  const { fields } = readCallRailEvent(kind, parseBodyBytes(row.body));
  return [{ kind, sequence: row.sequence, receivedAt: row.receivedAt.toISOString(), fields }];
}

async function writeCall(
  tx: Transaction,
  input: ProviderCall,
  folded: FoldedCall,
  events: CallEvent[],
  existing: CallRow | undefined,
): Promise<CallRow> {
  const { companyId, providerCallId } = input;
  const id = callIdOf(companyId, providerCallId);
  const startedAt = new Date(folded.startedAt);
  const contactId = await findContact(tx, companyId, folded, existing);
  const leadId = await findLead(tx, companyId, contactId, folded, existing);
  const facts = {
    status: folded.status,
    direction: folded.direction,
    answered: folded.answered,
    startedAt,
    endedAt: folded.ended ? (existing?.endedAt ?? new Date()) : null,
    durationSeconds: folded.durationSeconds ?? null,
    trackingNumber: folded.trackingNumber ?? null,
    callerNumberRaw: folded.callerNumber ? null : (folded.callerNumberRaw ?? null),
    contactId,
    leadId,
    csrId: await findAgent(tx, companyId, folded),
    recordingUrl: folded.recordingUrl ?? null,
  };
  const [call] = await tx
    .insert(calls)
    .values({ ...facts, id, companyId, providerCallId, createdAt: firstReceipt(events) })
    .onConflictDoUpdate({ target: calls.id, set: { ...facts, updatedAt: sql`now()` } })
    .returning(callColumns);
  if (!call) throw new Error('an upsert returned no row');
  if (existing && existing.contactId !== contactId) await dropLeftovers(tx, existing);
  await nameContact(tx, call, folded);
  return call;
}

const firstReceipt = (events: CallEvent[]): Date =>
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

/** The caller's card, locked until the end so that two calls of one person do not each open a lead. */
async function findContact(
  tx: Transaction,
  companyId: string,
  folded: FoldedCall,
  existing: CallRow | undefined,
): Promise<string> {
  const { callerNumber } = folded;
  const card = { id: randomUUID(), companyId, phoneNumber: callerNumber ?? null };
  if (!callerNumber) {
    if (existing) return existing.contactId;
    await tx.insert(contactCards).values(card);
    return card.id;
  }
  const known = await findCard(tx, companyId, callerNumber);
  if (known) return known;
  await tx
    .insert(contactCards)
    .values(card)
    .onConflictDoNothing({ target: [contactCards.companyId, contactCards.phoneNumber] });
  const contactId = await findCard(tx, companyId, callerNumber);
  if (!contactId) throw new Error('a contact that was just stored is gone');
  return contactId;
}

/** The card of a phone in any of its forms, locked. It takes the best form once a call shows it. */
async function findCard(tx: Transaction, companyId: string, phone: string): Promise<string | undefined> {
  const forms = phoneForms(phone);
  // No unique index keeps two forms of one phone apart.
  if (forms.length > 1) await lockKey(tx, 'phone', companyId, forms[0] ?? '');
  const cards = await tx
    .select({ id: contactCards.id, phoneNumber: contactCards.phoneNumber })
    .from(contactCards)
    .where(and(eq(contactCards.companyId, companyId), inArray(contactCards.phoneNumber, forms)))
    .for('update');
  const card = cards.find(({ phoneNumber }) => phoneNumber === forms[0]) ?? cards[0];
  if (card && phone === forms[0] && card.phoneNumber !== phone)
    await tx.update(contactCards).set({ phoneNumber: phone }).where(eq(contactCards.id, card.id));
  return card?.id;
}

/** The lead of the call: its own, else the newest open one of the contact, else a new one. */
async function findLead(
  tx: Transaction,
  companyId: string,
  contactId: string,
  folded: FoldedCall,
  existing: CallRow | undefined,
): Promise<string> {
  const stays = existing?.contactId === contactId;
  const [open] = await tx
    .select({ id: leads.id, source: leads.source })
    .from(leads)
    .where(
      and(
        eq(leads.companyId, companyId),
        stays
          ? eq(leads.id, existing.leadId)
          : and(eq(leads.contactId, contactId), notInArray(leads.status, [...NOT_OPEN_LEAD_STATUSES])),
      ),
    )
    .orderBy(desc(leads.createdAt), desc(leads.id))
    .limit(1);
  if (open) {
    if (open.source === null && folded.source)
      await tx.update(leads).set({ source: folded.source }).where(eq(leads.id, open.id));
    return open.id;
  }
  // A call whose caller became known later takes its lead along, with all that was written on it.
  if (existing && (await leadHasOnly(tx, existing))) {
    await tx.update(leads).set({ contactId }).where(eq(leads.id, existing.leadId));
    await tx.update(appointments).set({ contactId }).where(eq(appointments.leadId, existing.leadId));
    return existing.leadId;
  }
  const id = randomUUID();
  await tx.insert(leads).values({ id, companyId, contactId, source: folded.source ?? null });
  return id;
}

async function leadHasOnly(tx: Transaction, call: CallRow): Promise<boolean> {
  const others = await tx
    .select({ id: calls.id })
    .from(calls)
    .where(and(eq(calls.leadId, call.leadId), ne(calls.id, call.id)))
    .limit(1);
  return others.length === 0;
}

/** A lead and a card that only this call had, before its caller was known to be somebody else. */
async function dropLeftovers(tx: Transaction, before: CallRow): Promise<void> {
  await tx
    .delete(leads)
    .where(
      and(
        eq(leads.id, before.leadId),
        sql`${leads.notes} is null`,
        sql`not exists (select 1 from ${calls} where ${calls.leadId} = ${before.leadId})`,
        sql`not exists (select 1 from ${appointments} where ${appointments.leadId} = ${before.leadId})`,
      ),
    );
  await tx
    .delete(contactCards)
    .where(
      and(
        eq(contactCards.id, before.contactId),
        sql`not exists (select 1 from ${calls} where ${calls.contactId} = ${before.contactId})`,
        sql`not exists (select 1 from ${leads} where ${leads.contactId} = ${before.contactId})`,
        sql`not exists (select 1 from ${appointments} where ${appointments.contactId} = ${before.contactId})`,
      ),
    );
}

/** The newest call's caller name is the contact's. */
async function nameContact(tx: Transaction, call: CallRow, folded: FoldedCall): Promise<void> {
  if (!folded.callerName) return;
  const later = await tx
    .select({ id: calls.id })
    .from(calls)
    .where(and(eq(calls.contactId, call.contactId), gt(calls.startedAt, call.startedAt), ne(calls.id, call.id)))
    .limit(1);
  if (later.length > 0) return;
  await tx
    .update(contactCards)
    .set({ name: folded.callerName, updatedAt: sql`now()` })
    .where(and(eq(contactCards.id, call.contactId), sql`${contactCards.name} is distinct from ${folded.callerName}`));
}
