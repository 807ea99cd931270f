/** A contact, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { ContactRow } from '../db/queries/contacts.ts';
import { EXAMPLE } from './examples.ts';
import { momentOut } from './shapes.ts';

export const contactSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.contactId }),
    phone_number: z.string().nullable().openapi({ example: EXAMPLE.phoneNumber }),
    name: z.string().nullable().openapi({ example: 'Pat Reyes' }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Contact');

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
