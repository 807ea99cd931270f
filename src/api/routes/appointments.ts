/** Appointments: lists by day, and people's changes. */
import { z } from '@hono/zod-openapi';
import { DateTime } from 'luxon';
import type { Queryable } from '../../db/client.ts';
import {
  type AppointmentFilter,
  type AppointmentRow,
  type AppointmentScope,
  countAppointments,
  findAppointment,
  listAppointments,
} from '../../db/queries/appointments.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import {
  APPOINTMENT_STATUSES,
  DEFAULT_APPOINTMENT_MINUTES,
  MAX_APPOINTMENT_MINUTES,
} from '../../domain/appointment.ts';
import { createAppointment } from '../../services/appointments/create.ts';
import { rescheduleAppointment } from '../../services/appointments/reschedule.ts';
import { updateAppointment } from '../../services/appointments/update.ts';
import { appointmentSchema, appointmentView } from '../../views/appointment.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiDeps } from '../deps.ts';
import { appointmentFilters, readAppointmentFilter } from '../filters/appointments.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind } from '../http/errors.ts';
import { byMomentOrNone, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { idText, momentInput, optionalText } from '../http/schemas.ts';

const listQuery = z.object({ ...pageQuery, ...appointmentFilters });

const minutesInput = z.int().min(1).max(MAX_APPOINTMENT_MINUTES);
const forceInput = z
  .boolean()
  .optional()
  .openapi({ description: '`true` books even if the rep has another appointment at that time.' });

const appointmentInput = z
  .object({
    lead_id: idText,
    scheduled_start: momentInput,
    duration_minutes: minutesInput.nullish().transform((minutes) => minutes ?? DEFAULT_APPOINTMENT_MINUTES),
    assigned_rep_id: idText.nullish(),
    location: optionalText(500),
    service_type: optionalText(200),
    force: forceInput,
  })
  .openapi('AppointmentInput', {
    example: {
      lead_id: EXAMPLE.leadId,
      scheduled_start: '2026-03-14T09:00:00-04:00',
      assigned_rep_id: EXAMPLE.userId,
      location: '1 Main St, Springfield',
    },
  });

const appointmentPatch = z
  .object({
    status: z.enum(APPOINTMENT_STATUSES).optional(),
    outcome: z.enum(APPOINTMENT_OUTCOMES).optional(),
    scheduled_start: momentInput.nullish(),
    duration_minutes: minutesInput.optional(),
    assigned_rep_id: idText.nullish(),
    location: optionalText(500),
    service_type: optionalText(200),
    review: z.null().optional().openapi({
      description: '`null` removes the review mark: a person looked and the appointment is right as it is.',
    }),
    force: forceInput,
  })
  .openapi('AppointmentPatch', { example: { outcome: 'won' } });

const rescheduleInput = z
  .object({
    scheduled_start: momentInput,
    duration_minutes: minutesInput.optional(),
    assigned_rep_id: idText.nullish(),
    location: optionalText(500),
    force: forceInput,
  })
  .openapi('AppointmentReschedule', { example: { scheduled_start: '2026-03-17T10:00:00-04:00' } });

export function appointmentRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Appointments';

  routes.add(
    {
      method: 'get',
      path: '/appointments',
      permission: 'appointments.read',
      tag,
      summary: 'List appointments by start; those without a time last',
      query: listQuery,
      data: listOf(appointmentSchema),
    },
    async ({ db, query, access }) => answerPage(db, await readAppointmentFilter(db, access, query), query),
  );

  routes.add(
    {
      method: 'get',
      path: '/appointments/today/self',
      permission: 'appointments.read',
      tag,
      summary: 'My appointments of today, by start',
      query: z.object(pageQuery),
      data: listOf(appointmentSchema),
    },
    async ({ db, query, access: { companyId, repId, actor } }) => {
      const timeZone = await companyTimeZone(db, companyId);
      const today = DateTime.now().setZone(timeZone).toFormat('yyyy-MM-dd');
      const startsOn = [{ from: today, to: today, timeZone }];
      return answerPage(db, { companyId, repId, startsOn, assignedRepId: actor.userId }, query);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/appointments',
      permission: 'appointments.create',
      tag,
      summary: 'Create an appointment',
      body: appointmentInput,
      status: 201,
      data: appointmentSchema,
      creates: true,
      errors: ['not_found', 'rep_double_booked'],
    },
    async ({ tx, body, access }) => {
      const appointment = {
        leadId: body.lead_id,
        scheduledStart: body.scheduled_start(await companyTimeZone(tx, access.companyId)),
        durationMinutes: body.duration_minutes,
        assignedRepId: body.assigned_rep_id ?? null,
        location: body.location,
        serviceType: body.service_type,
      };
      const id = await createAppointment(tx, access, appointment, body);
      return readAppointment(tx, access, id);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/appointments/{id}',
      permission: 'appointments.read',
      tag,
      summary: 'Read an appointment',
      data: appointmentSchema,
    },
    async ({ db, params, access }) => readAppointment(db, access, params.id),
  );

  routes.add(
    {
      method: 'patch',
      path: '/appointments/{id}',
      permission: 'appointments.update',
      tag,
      summary: 'Change an appointment',
      description:
        'Fields that are absent stay as they are. `won` completes the appointment and closes the lead; `lost` completes the ' +
        'appointment, and closes the lead unless another appointment is still open. A sales rep may set the outcome.',
      body: appointmentPatch,
      data: appointmentSchema,
      errors: ['appointment_over', 'rep_double_booked'],
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const fields = Object.keys(appointmentPatch.shape).filter((field) => field in body && field !== 'force');
      const start = body.scheduled_start;
      const change = {
        status: body.status,
        outcome: body.outcome,
        scheduledStart: start ? start(await companyTimeZone(tx, access.companyId)) : start,
        durationMinutes: body.duration_minutes,
        assignedRepId: body.assigned_rep_id,
        location: body.location,
        serviceType: body.service_type,
        review: body.review,
      };
      await updateAppointment(tx, access, id, { change, fields, force: body.force }, ifMatch(c));
      return readAppointment(tx, access, id);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/appointments/{id}/reschedule',
      permission: 'appointments.create',
      tag,
      summary: 'Replace an appointment by one at another time',
      description:
        'Makes a new appointment of the same lead; absent fields are taken over. The old one is cancelled (one with ' +
        'status no_show stays so) and each names the other, so that a chain shows how often it moved. To move an ' +
        'appointment without keeping the old one, PATCH its scheduled_start.',
      body: rescheduleInput,
      status: 201,
      data: appointmentSchema,
      creates: true,
      errors: ['appointment_over', 'rep_double_booked'],
    },
    async ({ tx, params, body, access }) => {
      const change = {
        scheduledStart: body.scheduled_start(await companyTimeZone(tx, access.companyId)),
        durationMinutes: body.duration_minutes,
        assignedRepId: body.assigned_rep_id,
        location: body.location,
      };
      const id = await rescheduleAppointment(tx, access, params.id, change, body);
      return readAppointment(tx, access, id);
    },
  );

  return routes.app;
}

const answerPage = (db: Queryable, filter: AppointmentFilter, query: { limit: number; cursor?: string }) =>
  listPage(query, {
    rows: (page) => listAppointments(db, filter, page),
    count: () => countAppointments(db, filter),
    key: byMomentOrNone((row: AppointmentRow) => ({ at: row.scheduledStart, id: row.id })),
    view: appointmentView,
  });

async function readAppointment(db: Queryable, scope: AppointmentScope, id: string) {
  const appointment = await mustFind(findAppointment(db, scope, id));
  return reply(appointmentView(appointment), { etag: etagOf(appointment) });
}
