import type { Transaction } from '../../db/client.ts';
import { findContact } from '../../db/queries/contacts.ts';
import { audit } from '../audit.ts';
import { lockContacts } from '../contacts/lock.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { type Deletion, eraseContact } from './erase.ts';

/** Deletes a contact with everything attached to it, as a person asks. */
export async function deleteContact(tx: Transaction, requester: Requester, id: string): Promise<Deletion> {
  const contact = await findContact(tx, requester, id);
  if (!contact) throw refuseMissing();
  const { companyId } = contact;
  await lockContacts(tx, companyId, [contact.id]);
  const locked = await findContact(tx, requester, contact.id);
  if (!locked) throw refuseMissing();
  // Merged while this waited for the locks: all of it belongs to another now.
  if (locked.id !== contact.id) throw new Refusal('conflict', { detail: 'It was merged into another. Read it again.' });
  const deletion = await eraseContact(tx, contact);
  await audit(tx, requester, { action: 'contact.delete', subject: { kind: 'contact', id: contact.id }, companyId });
  return deletion;
}
