import { eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findContact } from '../../db/queries/contacts.ts';
import { contactCards } from '../../db/schema/index.ts';
import { changedFields } from '../../domain/outgoingWebhook.ts';
import { audit } from '../audit.ts';
import { announce } from '../deliveries/announce.ts';
import { refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { nextUpdatedAt } from '../versions.ts';

export interface ContactChange {
  /** Null: none, until a call tells one. */
  name?: string | null;
  notes?: string | null;
}

/** Changes a contact as a person asks; a name that is set here holds against whatever calls tell. */
export async function updateContact(
  tx: Transaction,
  requester: Requester<string>,
  id: string,
  { name, notes }: ContactChange,
  precondition: Precondition,
): Promise<void> {
  const found = await findContact(tx, requester, id);
  if (!found) throw refuseMissing();
  const [before] = await tx.select().from(contactCards).where(eq(contactCards.id, found.id)).for('update');
  if (!before) throw refuseMissing();
  precondition(before);
  const fields = Object.entries({ name, notes }).flatMap(([field, value]) => (value === undefined ? [] : [field]));
  if (fields.length === 0) return;

  const named = name === undefined ? {} : { name, nameByPerson: name !== null, namedAt: null };
  await tx
    .update(contactCards)
    .set({ ...named, notes, updatedAt: nextUpdatedAt(contactCards.updatedAt) })
    .where(eq(contactCards.id, before.id));
  const after = { name: name === undefined ? before.name : name, notes: notes === undefined ? before.notes : notes };
  const previous = changedFields({ name: before.name, notes: before.notes }, after);
  const { companyId } = before;
  if (Object.keys(previous).length > 0)
    await announce(tx, { companyId, type: 'contact.updated', subjectId: before.id, previous });
  await audit(tx, requester, {
    action: 'contact.update',
    subject: { kind: 'contact', id: before.id },
    details: { fields },
  });
}
