import type { Transaction } from '../../db/client.ts';
import { findContact } from '../../db/queries/contacts.ts';
import { audit } from '../audit.ts';
import type { Caller } from '../caller.ts';
import { refuseMissing } from '../refusal.ts';
import { type Deletion, eraseContact } from './erase.ts';

/** Deletes a contact with everything attached to it, as a person asks. */
export async function deleteContact(tx: Transaction, caller: Caller, id: string): Promise<Deletion> {
  const contact = await findContact(tx, caller, id);
  if (!contact) throw refuseMissing();
  const deletion = await eraseContact(tx, contact);
  const { companyId } = contact;
  await audit(tx, caller, { action: 'contact.delete', subject: { kind: 'contact', id: contact.id }, companyId });
  return deletion;
}
