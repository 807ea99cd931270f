/** A contact, as the API answers it. */
import { z } from '@hono/zod-openapi';
import type { ContactRow } from '../../db/queries/contacts.ts';
import { iso, momentOut } from '../schemas.ts';

export const contactSchema = z
  .object({
    id: z.string(),
    phone_number: z.string().nullable(),
    name: z.string().nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Contact');

export const contactView = (contact: ContactRow) => ({
  ...contactRefView(contact),
  created_at: iso(contact.createdAt),
  updated_at: iso(contact.updatedAt),
});

/** The contact inside of calls, leads and appointments. */
export const contactRefView = (contact: { id: string; phoneNumber: string | null; name: string | null }) => ({
  id: contact.id,
  phone_number: contact.phoneNumber,
  name: contact.name,
});
