import { and, asc, eq, inArray, or, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { appointments, calls, contactCards, contactMerges, leads } from '../../db/schema/index.ts';
import { phoneForms } from '../../domain/phone.ts';
import { audit } from '../audit.ts';
import { findOrCreateLead } from '../calls/caller.ts';
import { announce } from '../deliveries/announce.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { nextUpdatedAt } from '../versions.ts';
import { lockContacts } from './lock.ts';

/**
 * Takes a merge back: the other contact gets what it had, and what came from its number since. What people wrote meanwhile
 * stays where they wrote it.
 */
export async function undoMerge(
  tx: Transaction,
  requester: Requester<string>,
  mergeId: string,
  { reason }: { reason: string },
): Promise<void> {
  const { companyId } = requester;
  const { into, other, moved } = await lockMerge(tx, companyId, mergeId);
  await tx.update(contactCards).set({ mergedIntoId: null }).where(eq(contactCards.id, other.id));
  const alongside = await tx
    .update(contactCards)
    .set({ mergedIntoId: other.id })
    .where(and(inArray(contactCards.id, moved.contacts), eq(contactCards.mergedIntoId, into.id)))
    .returning({ phoneNumber: contactCards.phoneNumber });
  const numbers = [other, ...alongside].flatMap(({ phoneNumber }) => (phoneNumber ? phoneForms(phoneNumber) : []));
  await moveBack(tx, { from: into.id, to: other.id, moved, numbers });
  await settleLeads(tx, companyId, [into.id, other.id]);

  const keepsName = !moved.name || into.name !== other.name;
  await tx
    .update(contactCards)
    .set({
      ...(keepsName ? {} : { name: null, namedAt: null, nameByPerson: false }),
      updatedAt: nextUpdatedAt(contactCards.updatedAt),
    })
    .where(eq(contactCards.id, into.id));
  await tx.update(contactMerges).set({ undoneAt: sql`now()` }).where(eq(contactMerges.id, mergeId));
  for (const { id } of [into, other]) await refreshFollowUp(tx, { companyId, id });
  const details = { merge_id: mergeId, other_contact_id: other.id };
  await audit(tx, requester, { action: 'contact.unmerge', subject: { kind: 'contact', id: into.id }, reason, details });
  for (const { id } of [into, other]) await announce(tx, { companyId, type: 'contact.updated', subjectId: id });
}

/** The merge with both cards, locked. @throws {Refusal} where it is gone, was undone, or another one came on top */
async function lockMerge(tx: Transaction, companyId: string, mergeId: string) {
  const ofMerge = and(eq(contactMerges.companyId, companyId), eq(contactMerges.id, mergeId));
  const [known] = await tx.select().from(contactMerges).where(ofMerge);
  if (!known) throw refuseMissing();
  const { contactId, mergedContactId, moved } = known;
  await lockContacts(tx, companyId, [contactId, mergedContactId]);
  const [merge] = await tx
    .select({ undoneAt: contactMerges.undoneAt })
    .from(contactMerges)
    .where(ofMerge)
    .for('update');
  const cards = await tx
    .select()
    .from(contactCards)
    .where(inArray(contactCards.id, [contactId, mergedContactId]));
  const into = cards.find(({ id }) => id === contactId);
  const other = cards.find(({ id }) => id === mergedContactId);
  if (!merge || !into || !other) throw refuseMissing();
  if (merge.undoneAt !== null) throw new Refusal('conflict', { detail: 'It was undone before.' });
  if (other.mergedIntoId !== into.id)
    throw new Refusal('conflict', { detail: 'The contact was merged again since. Undo that first.' });
  return { into, other, moved };
}

interface Move {
  from: string;
  to: string;
  moved: { calls: string[]; leads: string[]; appointments: string[] };
  /** That calls of the other contact came from since. */
  numbers: string[];
}

async function moveBack(tx: Transaction, { from, to, moved, numbers }: Move): Promise<void> {
  const now = sql`now()`;
  await tx
    .update(calls)
    .set({ contactId: to, updatedAt: now })
    .where(and(eq(calls.contactId, from), or(inArray(calls.id, moved.calls), inArray(calls.callerNumber, numbers))));
  // A lead that only its calls made since then is its own too.
  const isItsOwn = sql`(exists (select 1 from calls as c where c.lead_id = ${leads.id})
    and not exists (select 1 from calls as c where c.lead_id = ${leads.id} and c.contact_id <> ${to}))`;
  await tx
    .update(leads)
    .set({ contactId: to, version: sql`${leads.version} + 1`, updatedAt: now })
    .where(and(eq(leads.contactId, from), or(inArray(leads.id, moved.leads), isItsOwn)));
  await tx
    .update(appointments)
    .set({ contactId: to, version: sql`${appointments.version} + 1`, updatedAt: now })
    .where(
      and(
        eq(appointments.contactId, from),
        sql`exists (select 1 from leads as l where l.id = ${appointments.leadId} and l.contact_id = ${to})`,
      ),
    );
}

/** Calls whose lead has become another contact's join a lead of their own one. */
async function settleLeads(tx: Transaction, companyId: string, contactIds: string[]): Promise<void> {
  const misplaced = await tx
    .select({ id: calls.id, contactId: calls.contactId, source: leads.source })
    .from(calls)
    .innerJoin(leads, eq(leads.id, calls.leadId))
    .where(and(inArray(calls.contactId, contactIds), sql`${leads.contactId} <> ${calls.contactId}`))
    .orderBy(asc(calls.startedAt), asc(calls.id));
  for (const { id, contactId, source } of misplaced) {
    const leadId = await findOrCreateLead(tx, { companyId, contactId, source });
    await tx.update(calls).set({ leadId, updatedAt: sql`now()` }).where(eq(calls.id, id));
  }
}
