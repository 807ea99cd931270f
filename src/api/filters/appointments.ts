/** What lists and exports of appointments can be filtered by. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import type { AppointmentFilter } from '../../db/queries/appointments.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import { APPOINTMENT_STATUSES } from '../../domain/appointment.ts';
import type { Access } from '../http/permissions.ts';
import { booleanQuery, commaList, dayInput } from '../http/schemas.ts';

export const appointmentFilters = {
  date: dayInput
    .optional()
    .openapi({ description: 'Only appointments that start on this day, in the company’s time zone.' }),
  date_from: dayInput.optional().openapi({
    description: 'Only appointments that start on this day or later, in the company’s time zone.',
  }),
  date_to: dayInput.optional().openapi({ description: 'Only appointments that start on this day or earlier.' }),
  assigned_rep_id: z.string().max(255).optional().openapi({
    description:
      'Only appointments that are assigned to this sales rep; `none`: only those that are assigned to nobody.',
  }),
  outcome: commaList(APPOINTMENT_OUTCOMES).optional(),
  counted: booleanQuery.optional().openapi({
    description:
      '`true`: only the appointments that the metrics count on these days. An appointment counts on the day it starts, one ' +
      'without a time on the day it was created; a cancelled one does not count.',
  }),
  status: commaList(APPOINTMENT_STATUSES).optional(),
  lead_id: z.string().max(255).optional().openapi({ description: 'Only appointments of this lead.' }),
  contact_id: z.string().max(255).optional().openapi({ description: 'Only appointments of this contact.' }),
  review: booleanQuery.optional().openapi({
    description: '`true`: only appointments that a person should look at, see `review`. `false`: only the others.',
  }),
  unscheduled: booleanQuery
    .optional()
    .openapi({ description: '`true`: only appointments whose start is not known. `false`: only the others.' }),
};

type AppointmentFilters = z.output<z.ZodObject<typeof appointmentFilters>>;

/** What the filters ask for, of the appointments that somebody may see. */
export async function readAppointmentFilter(
  db: Queryable,
  { companyId, repId }: Access<string>,
  query: AppointmentFilters,
): Promise<AppointmentFilter> {
  const { date, date_from: from, date_to: to, status, unscheduled } = query;
  const timeZone = await companyTimeZone(db, companyId);
  const startsOn = [
    { from: date, to: date, timeZone },
    { from, to, timeZone },
  ];
  const { assigned_rep_id: assignedRepId, lead_id: leadId, contact_id: contactId, outcome, counted, review } = query;
  return {
    companyId,
    repId,
    startsOn,
    assignedRepId,
    leadId,
    contactId,
    status,
    outcome,
    counted,
    unscheduled,
    review,
  };
}
