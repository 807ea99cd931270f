/** A lead, as the API answers it. */
import { z } from '@hono/zod-openapi';
import type { LeadRow } from '../../db/queries/leads.ts';
import { QUALIFICATIONS } from '../../domain/analysis.ts';
import { LEAD_STATUSES } from '../../domain/lead.ts';
import { contactRefSchema, iso, momentOut } from '../schemas.ts';
import { contactRefView } from './contact.ts';

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
    id: '0f5f0a3c-6c59-4d6d-8f0a-7d9d0b0c4e21',
    contact: { id: '5d0c1f0e-7f0b-4c37-9c43-2f1f2d1b7a10', phone_number: '+15551234567', name: 'Pat Reyes' },
    status: 'qualified_booked' as const,
    qualification: 'hot' as const,
    source: 'Google Ads',
    call_ids: ['8a1b7c52-93f7-4f0a-a6f1-0d1f6f4c2b33'],
    assigned_rep_id: 'user_42',
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
  created_at: iso(lead.createdAt),
  updated_at: iso(lead.updatedAt),
});
