/** What lists and exports of leads can be filtered by. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { QUALIFICATIONS } from '../../domain/analysis.ts';
import { LEAD_STATUSES } from '../../domain/lead.ts';
import type { Access } from '../http/permissions.ts';
import { booleanQuery, commaList, dayInput } from '../http/schemas.ts';

export const leadFilters = {
  status: commaList(LEAD_STATUSES).optional(),
  qualification: commaList(QUALIFICATIONS).optional(),
  assigned_rep_id: z
    .string()
    .max(255)
    .optional()
    .openapi({ description: 'Only leads that are assigned to this sales rep.' }),
  contact_id: z.string().max(255).optional().openapi({ description: 'Only leads of this contact.' }),
  has_open_appointment: booleanQuery.optional().openapi({
    description: '`false`: only leads without a scheduled or confirmed appointment. `true`: only those with one.',
  }),
  date_from: dayInput
    .optional()
    .openapi({ description: 'Only leads that were created on this day or later, in the company’s time zone.' }),
  date_to: dayInput.optional().openapi({ description: 'Only leads that were created on this day or earlier.' }),
};

type LeadFilters = z.output<z.ZodObject<typeof leadFilters>>;

/** What the filters ask for, of the leads that somebody may see. */
export async function readLeadFilter(db: Queryable, { companyId, repId }: Access<string>, query: LeadFilters) {
  const { status, qualification, assigned_rep_id: assignedRepId, contact_id: contactId } = query;
  const { has_open_appointment: hasOpenAppointment } = query;
  const { date_from: from, date_to: to } = query;
  const createdOn = from || to ? { from, to, timeZone: await companyTimeZone(db, companyId) } : undefined;
  return { companyId, repId, status, qualification, assignedRepId, contactId, createdOn, hasOpenAppointment };
}
