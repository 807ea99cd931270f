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
  .openapi('Lead');

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
