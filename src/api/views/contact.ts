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
  .openapi('Contact', {
    example: {
      id: '5d0c1f0e-7f0b-4c37-9c43-2f1f2d1b7a10',
      phone_number: '+15551234567',
      name: 'Pat Reyes',
      created_at: '2026-03-10T15:04:05.000Z',
      updated_at: '2026-03-10T15:04:05.000Z',
    },
  });

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
