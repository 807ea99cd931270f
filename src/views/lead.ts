/** A lead, as the world sees it. */
import type { LeadRow } from '../db/queries/leads.ts';
import { contactRefView } from './contact.ts';

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
