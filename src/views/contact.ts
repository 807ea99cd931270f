/** A contact, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { ContactRow, MergeRow } from '../db/queries/contacts.ts';
import { EXAMPLE } from './examples.ts';
import { momentOut } from './shapes.ts';

const NAME_SOURCES = ['person', 'call', 'carrier'] as const;

export const contactSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.contactId }),
    phone_number: z.string().nullable().openapi({ example: EXAMPLE.phoneNumber }),
    name: z.string().nullable().openapi({ example: 'Pat Reyes' }),
    name_source: z.enum(NAME_SOURCES).nullable().openapi({
      description: 'Where the name comes from.',
      example: 'call',
    }),
    phone_numbers: z.array(z.string()).openapi({
      description: 'All numbers as E.164: `phone_number`, then those of contacts that were merged into this one.',
      example: [EXAMPLE.phoneNumber],
    }),
    notes: z
      .string()
      .nullable()
      .openapi({ description: 'Notes of the company’s users.', example: 'Prefers to be called at noon.' }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Contact');

export const contactView = (contact: ContactRow) => ({
  ...contactRefView(contact),
  name_source: nameSourceOf(contact),
  phone_numbers: contact.phoneNumbers,
  notes: contact.notes,
  created_at: contact.createdAt.toISOString(),
  updated_at: contact.updatedAt.toISOString(),
});

function nameSourceOf({ name, nameByPerson, namedAt }: ContactRow): (typeof NAME_SOURCES)[number] | null {
  if (nameByPerson) return 'person';
  if (name === null) return null;
  return namedAt === null ? 'carrier' : 'call';
}

export const mergeSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.mergeId }),
    contact_id: z.string().openapi({ description: 'The contact that stays.', example: EXAMPLE.contactId }),
    merged_contact_id: z.string().openapi({
      description: 'The contact that was merged into it; this id leads to the one that stays.',
      example: EXAMPLE.otherContactId,
    }),
    phone_number: z
      .string()
      .nullable()
      .openapi({ description: 'The number of the merged contact, as E.164.', example: '+12125550148' }),
    name: z.string().nullable().openapi({ description: 'The name of the merged contact.', example: 'P. Reyes' }),
    merged_by: z.string().openapi({ description: 'The user who merged them.', example: EXAMPLE.csrId }),
    merged_at: momentOut,
    undone_at: momentOut.nullable().openapi({ description: 'When the merge was undone; null unless it was.' }),
  })
  .openapi('ContactMerge');

export const mergeView = (merge: MergeRow) => ({
  id: merge.id,
  contact_id: merge.contactId,
  merged_contact_id: merge.mergedContactId,
  phone_number: merge.phoneNumber,
  name: merge.name,
  merged_by: merge.mergedBy,
  merged_at: merge.mergedAt.toISOString(),
  undone_at: merge.undoneAt?.toISOString() ?? null,
});

/** The contact inside of calls, leads and appointments. */
export const contactRefView = (contact: { id: string; phoneNumber: string | null; name: string | null }) => ({
  id: contact.id,
  phone_number: contact.phoneNumber,
  name: contact.name,
});
