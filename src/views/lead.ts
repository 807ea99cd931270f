/** A lead, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { LeadRow } from '../db/queries/leads.ts';
import { QUALIFICATIONS } from '../domain/analysis.ts';
import { LEAD_STATUSES } from '../domain/lead.ts';
import { contactRefView } from './contact.ts';
import { EXAMPLE } from './examples.ts';
import { contactRefSchema, momentOut } from './shapes.ts';

export const leadSchema = z
  .object({
    id: z.string(),
    contact: contactRefSchema,
    status: z.enum(LEAD_STATUSES),
    qualification: z.enum(QUALIFICATIONS).nullable(),
    source: z.string().nullable(),
    call_ids: z.array(z.string()),
    assigned_rep_id: z.string().nullable(),
    notes: z.string().nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Lead', { example: leadExample() });

function leadExample() {
  return {
    id: EXAMPLE.leadId,
    contact: { id: EXAMPLE.contactId, phone_number: EXAMPLE.phoneNumber, name: 'Pat Reyes' },
    status: 'qualified_booked' as const,
    qualification: 'hot' as const,
    source: 'Google Ads',
    call_ids: [EXAMPLE.callId],
    assigned_rep_id: EXAMPLE.userId,
    notes: 'Leak above the kitchen.',
    created_at: '2026-03-10T15:04:05.000Z',
    updated_at: '2026-03-10T15:09:41.000Z',
  };
}

export const leadView = (lead: LeadRow) => ({
  id: lead.id,
  contact: contactRefView(lead.contact),
  status: lead.status,
  qualification: lead.qualification,
  source: lead.source,
  call_ids: lead.callIds,
  assigned_rep_id: lead.assignedRepId,
  notes: lead.notes,
  created_at: lead.createdAt.toISOString(),
  updated_at: lead.updatedAt.toISOString(),
});
