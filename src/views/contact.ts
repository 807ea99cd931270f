/** A contact, as the world sees it. */
import type { ContactRow } from '../db/queries/contacts.ts';

export const contactView = (contact: ContactRow) => ({
  ...contactRefView(contact),
  created_at: contact.createdAt.toISOString(),
  updated_at: contact.updatedAt.toISOString(),
});

/** The contact inside of calls, leads and appointments. */
export const contactRefView = (contact: { id: string; phoneNumber: string | null; name: string | null }) => ({
  id: contact.id,
  phone_number: contact.phoneNumber,
  name: contact.name,
});
