import { randomUUID } from 'node:crypto';
import { eq, inArray, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findContact } from '../../db/queries/contacts.ts';
import { appointments, calls, contactCards, contactMerges, leads } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import { announce } from '../deliveries/announce.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { nextUpdatedAt } from '../versions.ts';
import { lockContacts } from './lock.ts';

/**
 * Makes two contacts one, as a person asks: the first takes over all that the other has, and its later calls. The other's
 * card stays, out of sight, so that its number leads here and the merge can be undone.
 * @returns the merge's id
 */
export async function mergeContacts(
  tx: Transaction,
  requester: Requester<string>,
  contactId: string,
  { otherContactId, reason }: { otherContactId: string; reason: string },
): Promise<string> {
  const [mine, theirs] = await lockBoth(tx, requester, contactId, otherContactId);
  const { companyId } = mine;
  const moved = await moveAll(tx, theirs.id, mine.id);
  await tx.update(contactCards).set({ mergedIntoId: mine.id }).where(eq(contactCards.id, theirs.id));
  const name = await takeOverCard(tx, mine, theirs);

  const id = randomUUID();
  const mergedBy = requester.actor.userId;
  await tx
    .insert(contactMerges)
    .values({ id, companyId, contactId: mine.id, mergedContactId: theirs.id, moved: { ...moved, name }, mergedBy });
  for (const { id: each } of [mine, theirs]) await refreshFollowUp(tx, { companyId, id: each });
  const details = { merge_id: id, other_contact_id: theirs.id };
  await audit(tx, requester, { action: 'contact.merge', subject: { kind: 'contact', id: mine.id }, reason, details });
  await announce(tx, { companyId, type: 'contact.updated', subjectId: mine.id });
  return id;
}

type Card = typeof contactCards.$inferSelect;

/** The cards of both, locked. @throws {Refusal} where one is missing, or they are one already */
async function lockBoth(
  tx: Transaction,
  requester: Requester<string>,
  contactId: string,
  otherContactId: string,
): Promise<[Card, Card]> {
  const [into, other] = [await findContact(tx, requester, contactId), await findContact(tx, requester, otherContactId)];
  if (!into) throw refuseMissing();
  if (!other) throw new Refusal('not_found', { detail: 'other_contact_id: there is no such contact.' });
  if (into.id === other.id) throw new Refusal('conflict', { detail: 'They are one contact already.' });
  await lockContacts(tx, into.companyId, [into.id, other.id]);
  const cards = await tx
    .select()
    .from(contactCards)
    .where(inArray(contactCards.id, [into.id, other.id]));
  const [mine, theirs] = [into.id, other.id].map((id) => cards.find((card) => card.id === id));
  // Deleted or merged while this waited for the locks.
  if (!mine || !theirs || mine.mergedIntoId !== null || theirs.mergedIntoId !== null)
    throw new Refusal('conflict', { detail: 'One of them has changed. Read both again.' });
  return [mine, theirs];
}

/** Calls, leads, appointments and contacts that were merged before. @returns the ids of each */
async function moveAll(tx: Transaction, fromId: string, toId: string) {
  const now = sql`now()`;
  const movedCalls = await tx
    .update(calls)
    .set({ contactId: toId, updatedAt: now })
    .where(eq(calls.contactId, fromId))
    .returning({ id: calls.id });
  const movedLeads = await tx
    .update(leads)
    .set({ contactId: toId, version: sql`${leads.version} + 1`, updatedAt: now })
    .where(eq(leads.contactId, fromId))
    .returning({ id: leads.id });
  const movedAppointments = await tx
    .update(appointments)
    .set({ contactId: toId, version: sql`${appointments.version} + 1`, updatedAt: now })
    .where(eq(appointments.contactId, fromId))
    .returning({ id: appointments.id });
  const movedContacts = await tx
    .update(contactCards)
    .set({ mergedIntoId: toId })
    .where(eq(contactCards.mergedIntoId, fromId))
    .returning({ id: contactCards.id });
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
  return {
    calls: ids(movedCalls),
    leads: ids(movedLeads),
    appointments: ids(movedAppointments),
    contacts: ids(movedContacts),
  };
}

/** The notes of both, and the better name. @returns whether the other's name was taken */
async function takeOverCard(tx: Transaction, mine: Card, theirs: Card): Promise<boolean> {
  const isNamed = theirs.nameByPerson || theirs.namedAt !== null;
  const lacksName = mine.name === null || (mine.namedAt === null && isNamed);
  const takesName = !mine.nameByPerson && theirs.name !== null && (theirs.nameByPerson || lacksName);
  const notes = [mine.notes, theirs.notes].filter((text) => text !== null).join('\n\n');
  await tx
    .update(contactCards)
    .set({
      ...(takesName ? { name: theirs.name, namedAt: theirs.namedAt, nameByPerson: theirs.nameByPerson } : {}),
      notes: notes || null,
      updatedAt: nextUpdatedAt(contactCards.updatedAt),
    })
    .where(eq(contactCards.id, mine.id));
  return takesName;
}
