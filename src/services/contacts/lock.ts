import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { appointments, calls, contactCards, leads } from '../../db/schema/index.ts';
import { lockCall } from '../calls/lock.ts';

/**
 * Locks contacts and all of theirs, in the order in which others lock: whoever is about to add to one, or writes one of its
 * calls, waits, and then sees what became of it.
 */
export async function lockContacts(tx: Transaction, companyId: string, ids: string[]): Promise<void> {
  const ofContacts = and(eq(calls.companyId, companyId), inArray(calls.contactId, ids));
  const providerCallIds = async () =>
    (await tx.select({ id: calls.providerCallId }).from(calls).where(ofContacts).orderBy(calls.providerCallId)).map(
      ({ id }) => id,
    );
  const known = await providerCallIds();
  for (const providerCallId of known) await lockCall(tx, { companyId, providerCallId });
  // A call locks the card of its number first, then the one that it was merged into.
  await tx
    .select({ id: contactCards.id })
    .from(contactCards)
    .where(or(inArray(contactCards.id, ids), inArray(contactCards.mergedIntoId, ids)))
    .orderBy(sql`${contactCards.mergedIntoId} is null`, contactCards.id)
    .for('update');
  // One that came before the cards were locked. Whoever holds its lock and waits for a card makes this a deadlock, and a repeat.
  for (const providerCallId of await providerCallIds())
    if (!known.includes(providerCallId)) await lockCall(tx, { companyId, providerCallId });
  await tx.select({ id: calls.id }).from(calls).where(ofContacts).orderBy(calls.id).for('update');
  await tx.select({ id: leads.id }).from(leads).where(inArray(leads.contactId, ids)).orderBy(leads.id).for('update');
  await tx
    .select({ id: appointments.id })
    .from(appointments)
    .where(inArray(appointments.contactId, ids))
    .orderBy(appointments.id)
    .for('update');
}
