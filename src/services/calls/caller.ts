/** Whose call it is: the contact of the other side, its name, and the lead that the call belongs to. */
import { randomUUID } from 'node:crypto';
import { and, desc, eq, inArray, ne, notInArray, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { appointments, auditLog, calls, contactCards, contactMerges, leads } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import type { FoldedCall } from '../../domain/call.ts';
import { NOT_OPEN_LEAD_STATUSES } from '../../domain/lead.ts';
import { phoneForms } from '../../domain/phone.ts';
import { announce } from '../deliveries/announce.ts';
import { nextUpdatedAt } from '../versions.ts';

/** A call's row before it is written. */
export interface PlacedCall {
  id: string;
  contactId: string;
  leadId: string | null;
  /** Read under the call's lock, without which nobody moves it to another contact. */
  lead: { id: string; contactId: string; source: string | null } | null;
}

/**
 * The card of the caller, made where their number has none, and locked until the end so that two calls of one person do not
 * each open a lead.
 */
export async function findOrCreateContact(
  tx: Transaction,
  companyId: string,
  folded: FoldedCall,
  existing: PlacedCall | undefined,
): Promise<Caller> {
  const { callerNumber } = folded;
  if (!callerNumber && existing) {
    const [card] = await selectCards(tx, eq(contactCards.id, existing.contactId));
    if (!card) throw new Error('the contact of a call is gone');
    return card;
  }
  const known = callerNumber && (await lockCardOfPhone(tx, companyId, callerNumber));
  if (known) return known;
  const named = namesOf(folded, new Date(folded.startedAt));
  const [made] = await tx
    .insert(contactCards)
    .values({ ...named, id: randomUUID(), companyId, phoneNumber: callerNumber ?? null })
    .onConflictDoNothing({ target: [contactCards.companyId, contactCards.phoneNumber] })
    .returning(callerColumns);
  if (made) return { ...made, isNew: true };
  const other = callerNumber && (await lockCardOfPhone(tx, companyId, callerNumber));
  if (!other) throw new Error('a contact that was just stored is gone');
  return other;
}

/** A contact's card, locked. */
export interface Caller {
  id: string;
  name: string | null;
  namedAt: Date | null;
  nameByPerson: boolean;
  /** Nothing is known of it yet. */
  isNew?: boolean;
}

const callerColumns = {
  id: contactCards.id,
  name: contactCards.name,
  namedAt: contactCards.namedAt,
  nameByPerson: contactCards.nameByPerson,
};

const selectCards = (tx: Transaction, which: SQL | undefined) =>
  tx
    .select({ ...callerColumns, phoneNumber: contactCards.phoneNumber, mergedIntoId: contactCards.mergedIntoId })
    .from(contactCards)
    .where(which)
    .for('no key update');

/** What a call says of its caller's name: that a carrier put one where it knows none is no word of its time. */
const namesOf = ({ callerName, callerLabel }: FoldedCall, startedAt: Date) => ({
  name: callerName ?? callerLabel ?? null,
  namedAt: callerName ? startedAt : null,
});

/**
 * The card of a phone in any of its forms, locked. It takes the best form once a call shows it. A lock that lets others
 * refer to the card: who writes a follow-up or an appointment of the contact meanwhile need not wait, nor be waited for.
 */
async function lockCardOfPhone(tx: Transaction, companyId: string, phone: string): Promise<Caller | undefined> {
  const forms = phoneForms(phone);
  // No unique index keeps two forms of one phone apart.
  if (forms.length > 1) await lockKey(tx, 'phone', companyId, forms[0] ?? '');
  const ofPhone = and(eq(contactCards.companyId, companyId), inArray(contactCards.phoneNumber, forms));
  const cards = await selectCards(tx, ofPhone);
  const card = cards.find(({ phoneNumber }) => phoneNumber === forms[0]) ?? cards[0];
  if (!card) return undefined;
  if (phone === forms[0] && card.phoneNumber !== phone)
    await tx.update(contactCards).set({ phoneNumber: phone }).where(eq(contactCards.id, card.id));
  return card.mergedIntoId === null ? card : lockSurvivor(tx, card.mergedIntoId);
}

/** The contact that a merged one has become, locked. It may be merged itself in this moment. */
async function lockSurvivor(tx: Transaction, id: string): Promise<Caller> {
  const [card] = await selectCards(tx, eq(contactCards.id, id));
  if (!card) throw new Error('the contact that another was merged into is gone');
  return card.mergedIntoId ? lockSurvivor(tx, card.mergedIntoId) : card;
}

/**
 * The lead of the call: its own, else the newest open one of the contact, else a new one, which is still to be written. Spam
 * has none, and whoever we dialled without an answer gets none.
 */
export async function findOrPrepareLead(
  tx: Transaction,
  companyId: string,
  { id: contactId, isNew }: Caller,
  folded: FoldedCall,
  existing: PlacedCall | undefined,
): Promise<LeadOfCall> {
  if (folded.spam) return { id: null };
  const makesLead = folded.direction === 'inbound' || folded.answered;
  const isFirst = isNew && !existing;
  const lead = isFirst ? undefined : await selectLead(tx, companyId, contactId, makesLead, existing);
  if (lead) {
    if (lead.source === null && folded.source)
      await tx.update(leads).set({ source: folded.source }).where(eq(leads.id, lead.id));
    return { id: lead.id };
  }
  if (!makesLead) return { id: null };
  // A call whose caller became known later takes its lead along, with all that was written on it.
  if (existing?.leadId && (await leadHasOnly(tx, existing))) {
    await tx.update(leads).set({ contactId }).where(eq(leads.id, existing.leadId));
    await tx.update(appointments).set({ contactId }).where(eq(appointments.leadId, existing.leadId));
    return { id: existing.leadId };
  }
  return openingLead(tx, { companyId, contactId, source: folded.source ?? null });
}

interface LeadOfCall {
  id: string | null;
  /** What makes it, where it is new: to be sent with the call. */
  write?: Write;
}

interface LeadOf {
  companyId: string;
  contactId: string;
  source: string | null;
}

/** The newest open lead of a contact, else a new one. */
export async function findOrCreateLead(tx: Transaction, of: LeadOf): Promise<string> {
  const open = await selectOpenLead(tx, of);
  if (open) return open.id;
  const { id, write } = openingLead(tx, of);
  await write;
  return id;
}

function openingLead(tx: Transaction, lead: LeadOf) {
  const id = randomUUID();
  return { id, write: tx.insert(leads).values({ ...lead, id }) };
}

const leadColumns = { id: leads.id, source: leads.source };

async function selectOpenLead(tx: Transaction, of: { companyId: string; contactId: string }, exceptId?: string) {
  const [open] = await tx
    .select(leadColumns)
    .from(leads)
    .where(
      and(
        eq(leads.companyId, of.companyId),
        eq(leads.contactId, of.contactId),
        notInArray(leads.status, [...NOT_OPEN_LEAD_STATUSES]),
        exceptId === undefined ? undefined : ne(leads.id, exceptId),
      ),
    )
    .orderBy(desc(leads.createdAt), desc(leads.id))
    .limit(1);
  return open;
}

async function selectLead(
  tx: Transaction,
  companyId: string,
  contactId: string,
  makesLead: boolean,
  existing: PlacedCall | undefined,
) {
  const own = existing && (existing.lead ?? (await leadOfAppointment(tx, existing.id)));
  const stays = own?.contactId === contactId ? own : undefined;
  // One that was opened before the call turned out to be ours is given up again.
  if (stays && (makesLead || !(await isOnlyOf(tx, stays.id, existing)))) return stays;
  return selectOpenLead(tx, { companyId, contactId }, stays?.id);
}

/** Of a call that had none for a while, the lead of the appointment it booked. */
async function leadOfAppointment(tx: Transaction, callId: string): Promise<PlacedCall['lead'] | undefined> {
  const [lead] = await tx
    .select({ ...leadColumns, contactId: leads.contactId })
    .from(appointments)
    .innerJoin(leads, eq(leads.id, appointments.leadId))
    .where(eq(appointments.callId, callId));
  return lead;
}

async function isOnlyOf(tx: Transaction, leadId: string, call: PlacedCall | undefined): Promise<boolean> {
  const [held] = await tx
    .select({ id: leads.id })
    .from(leads)
    .where(and(eq(leads.id, leadId), isHeld(leadId, call?.id)));
  return !held;
}

/** Something but this call keeps a lead: another call, an appointment, or that a person worked on it. */
const isHeld = (leadId: string, exceptCallId = '') => sql`(
  ${leads.notes} is not null
  or exists (select 1 from ${calls} where ${calls.leadId} = ${leadId} and ${calls.id} <> ${exceptCallId})
  or exists (select 1 from ${appointments} where ${appointments.leadId} = ${leadId})
  or exists (select 1 from ${auditLog} where ${auditLog.companyId} = ${leads.companyId}
    and ${auditLog.subjectKind} = 'lead' and ${auditLog.subjectId} = ${leadId}))`;

async function leadHasOnly(tx: Transaction, call: PlacedCall): Promise<boolean> {
  const others = await tx
    .select({ id: calls.id })
    .from(calls)
    .where(and(eq(calls.leadId, call.leadId ?? ''), ne(calls.id, call.id)))
    .limit(1);
  return others.length === 0;
}

/** A lead and a card that only this call had, before it was known whose it is, or that it is none for a lead. */
export async function dropLeftovers(tx: Transaction, before: PlacedCall): Promise<void> {
  const { leadId, contactId } = before;
  if (leadId !== null) await tx.delete(leads).where(and(eq(leads.id, leadId), sql`not ${isHeld(leadId)}`));
  await tx.delete(contactCards).where(
    and(
      eq(contactCards.id, contactId),
      eq(contactCards.nameByPerson, false),
      sql`${contactCards.notes} is null`,
      sql`not exists (select 1 from ${calls} where ${calls.contactId} = ${contactId})`,
      sql`not exists (select 1 from ${leads} where ${leads.contactId} = ${contactId})`,
      sql`not exists (select 1 from ${appointments} where ${appointments.contactId} = ${contactId})`,
      sql`not exists (select 1 from ${contactMerges}
          where ${contactMerges.contactId} = ${contactId} or ${contactMerges.mergedContactId} = ${contactId})`,
    ),
  );
}

/**
 * Names the contact: what a person set stays, else the newest call that tells a name decides. What a carrier puts where it
 * knows none only fills an empty one.
 */
export async function nameContact(
  tx: Transaction,
  { companyId, contact: card, startedAt }: { companyId: string; contact: Caller; startedAt: Date },
  folded: FoldedCall,
): Promise<void> {
  const { name: said, namedAt } = namesOf(folded, startedAt);
  if (said === null || card.nameByPerson) return;
  const isWanted = namedAt ? card.namedAt === null || card.namedAt <= namedAt : card.name === null;
  if (!isWanted) return;
  if (card.name === said && card.namedAt?.getTime() === namedAt?.getTime()) return;
  await tx
    .update(contactCards)
    .set({ name: said, namedAt, ...(card.name === said ? {} : { updatedAt: nextUpdatedAt(contactCards.updatedAt) }) })
    .where(eq(contactCards.id, card.id));
  if (card.name === null || card.name === said) return;
  await announce(tx, { companyId, type: 'contact.updated', subjectId: card.id, previous: { name: card.name } });
}
