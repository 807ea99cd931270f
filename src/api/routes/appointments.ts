/** Appointments: lists by day, and people's changes. */
import { z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import { DateTime } from 'luxon';
import type { Queryable, Transaction } from '../../db/client.ts';
import {
  type AppointmentFilter,
  type AppointmentRow,
  type AppointmentScope,
  appointmentsOf,
  findAppointment,
  findSuccessor,
  listAppointments,
} from '../../db/queries/appointments.ts';
import { writeAudit } from '../../db/queries/audit.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { lockLead } from '../../db/queries/leads.ts';
import { appointments } from '../../db/schema/index.ts';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import {
  APPOINTMENT_STATUSES,
  DEFAULT_APPOINTMENT_MINUTES,
  isOpenStatus,
  MAX_APPOINTMENT_MINUTES,
} from '../../domain/appointment.ts';
import { applyOutcome } from '../../services/analysis/effects.ts';
import { findOverlap } from '../../services/appointments/overlap.ts';
import { dismissReview } from '../../services/appointments/review.ts';
import {
  changeAppointment,
  type LockedAppointment,
  lockAppointment,
  makeAppointment,
  rescheduleAppointment,
} from '../../services/appointments/write.ts';
import type { ApiDeps } from '../deps.ts';
import { checkIfMatch, etagOf } from '../http/conditional.ts';
import { ApiError, notFound } from '../http/errors.ts';
import { EXAMPLE } from '../http/examples.ts';
import {
  countUpTo,
  decodeMomentCursor,
  encodeMomentCursor,
  laterThan,
  listOf,
  pageQuery,
  toList,
} from '../http/pagination.ts';
import type { Access } from '../http/permissions.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { booleanQuery, commaList, dayInput, idText, momentInput, optionalText } from '../http/schemas.ts';
import { appointmentSchema, appointmentView } from '../views/appointment.ts';
import { assertUserOfCompany } from './leads.ts';

/** Filters of the list and of the export. */
export const appointmentFilters = {
  date: dayInput.optional().openapi({ description: 'A day in the company’s time zone.' }),
  date_from: dayInput.optional(),
  date_to: dayInput.optional().openapi({ description: 'Included.' }),
  assigned_rep_id: z.string().max(255).optional(),
  status: commaList(APPOINTMENT_STATUSES).optional(),
  lead_id: z.string().max(255).optional(),
  contact_id: z.string().max(255).optional(),
  review: booleanQuery.optional().openapi({
    description: '`true`: only appointments that a person should look at, see `review`. `false`: only the others.',
  }),
  unscheduled: booleanQuery.optional().openapi({ description: '`true`: only those whose time is not known.' }),
};
const listQuery = z.object({ ...pageQuery, ...appointmentFilters });
type AppointmentFilters = Omit<z.output<typeof listQuery>, keyof typeof pageQuery>;

const minutesInput = z.int().min(1).max(MAX_APPOINTMENT_MINUTES);
const forceInput = z.boolean().optional().openapi({ description: 'Take it though the rep has another at that time.' });

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
    async ({ db, query, access }) => listPage(db, await readAppointmentFilter(db, access, query), query),
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
      return listPage(db, { companyId, repId, startsOn, assignedRepId: actor.userId }, query);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/appointments',
      permission: 'appointments.create',
      tag,
      summary: 'Make an appointment',
      body: appointmentInput,
      status: 201,
      data: appointmentSchema,
      creates: true,
      errors: ['not_found', 'rep_double_booked'],
    },
    async ({ tx, body, access }) => {
      const { companyId } = access;
      const lead = await lockLead(tx, access, body.lead_id);
      if (!lead) throw new ApiError('not_found', { detail: 'lead_id: there is no such lead.' });
      const timeZone = await companyTimeZone(tx, companyId);
      const { duration_minutes: durationMinutes, location } = body;
      const scheduledStart = body.scheduled_start(timeZone);
      const assignedRepId = body.assigned_rep_id ?? null;
      await assertUserOfCompany(tx, companyId, assignedRepId);
      if (!body.force) await assertRepIsFree(tx, { companyId, scheduledStart, durationMinutes, assignedRepId });
      const id = await makeAppointment(
        tx,
        {
          companyId,
          leadId: lead.id,
          contactId: lead.contactId,
          scheduledStart,
          durationMinutes,
          assignedRepId,
          location,
          serviceType: body.service_type,
        },
        timeZone,
      );
      const entry = { action: 'appointment.create', subjectKind: 'appointment', subjectId: id };
      await writeAudit(tx, { companyId, actor: access.actor, ...entry });
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
        'What is not named stays. An outcome has the effects of a visit: won or lost completes the appointment and closes ' +
        'the lead. A sales rep may set the outcome.',
      body: appointmentPatch,
      data: appointmentSchema,
      errors: ['appointment_over', 'rep_double_booked'],
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const fields = Object.keys(appointmentPatch.shape).filter((field) => field in body && field !== 'force');
      if (access.repId !== undefined && fields.some((field) => field !== 'outcome'))
        throw new ApiError('forbidden', { detail: 'A sales rep may set the outcome of an appointment.' });
      const before = await lockAppointment(tx, access, id);
      if (!before) throw notFound();
      checkIfMatch(c, before);
      if (fields.length === 0) return readAppointment(tx, access, id);
      await assertNotReplaced(tx, id);

      await changeDetails(tx, before, body);
      if (body.review === null) await dismissReview(tx, id);
      if (body.outcome !== undefined)
        await applyOutcome(tx, {
          companyId: access.companyId,
          appointmentId: id,
          outcome: body.outcome,
          byPerson: true,
        });
      await writeAudit(tx, {
        companyId: access.companyId,
        actor: access.actor,
        action: 'appointment.update',
        subjectKind: 'appointment',
        subjectId: id,
        details: { fields, status: body.status, outcome: body.outcome },
      });
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
        'Makes a new appointment of the same lead; what is not named is taken over. The old one is cancelled (one with ' +
        'status no_show stays so) and each names the other, so that a chain shows how often it moved. To move an ' +
        'appointment without a trace, PATCH its scheduled_start.',
      body: rescheduleInput,
      status: 201,
      data: appointmentSchema,
      creates: true,
      errors: ['appointment_over', 'rep_double_booked'],
    },
    async ({ tx, params, body, access }) => {
      const { companyId } = access;
      const old = await lockAppointment(tx, access, params.id);
      if (!old) throw notFound();
      await assertNotReplaced(tx, old.id);
      if (!isOpenStatus(old.status) && old.status !== 'no_show')
        throw new ApiError('appointment_over', { detail: `Its status is ${old.status}.` });
      const slot = {
        scheduledStart: body.scheduled_start(await companyTimeZone(tx, companyId)),
        durationMinutes: body.duration_minutes ?? old.durationMinutes,
        assignedRepId: body.assigned_rep_id === undefined ? old.assignedRepId : body.assigned_rep_id,
        location: body.location === undefined ? old.location : body.location,
      };
      if (slot.assignedRepId !== old.assignedRepId) await assertUserOfCompany(tx, companyId, slot.assignedRepId);
      if (!body.force) await assertRepIsFree(tx, { ...slot, companyId, exceptId: old.id });
      const id = await rescheduleAppointment(tx, old, slot);
      const entry = { action: 'appointment.reschedule', subjectKind: 'appointment', subjectId: old.id };
      await writeAudit(tx, { companyId, actor: access.actor, ...entry, details: { rescheduled_to_id: id } });
      return readAppointment(tx, access, id);
    },
  );

  return routes.app;
}

/** One that was replaced takes no more changes: its successor is the appointment. */
async function assertNotReplaced(tx: Transaction, id: string): Promise<void> {
  const successor = await findSuccessor(tx, id);
  if (successor)
    throw new ApiError('appointment_over', {
      detail: `It was rescheduled: see appointment ${successor}.`,
      appointmentId: successor,
    });
}

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
  const { assigned_rep_id: assignedRepId, lead_id: leadId, contact_id: contactId, review } = query;
  return { companyId, repId, startsOn, assignedRepId, leadId, contactId, status, unscheduled, review };
}

async function listPage(db: Queryable, filter: AppointmentFilter, query: { limit: number; cursor?: string }) {
  const after = laterThan(appointments.scheduledStart, appointments.id, decodeMomentCursor(query.cursor));
  return toList(await listAppointments(db, filter, { limit: query.limit + 1, after }), {
    limit: query.limit,
    count: await countUpTo(db, sql`select 1 from ${appointments} where ${appointmentsOf(filter)}`),
    cursorOf: (row: AppointmentRow) => encodeMomentCursor({ at: row.scheduledStart, id: row.id }),
    view: appointmentView,
  });
}

async function readAppointment(db: Queryable, scope: AppointmentScope, id: string) {
  const appointment = await findAppointment(db, scope, id);
  if (!appointment) throw notFound();
  return reply(appointmentView(appointment), { etag: etagOf(appointment) });
}

/** Writes everything but the outcome. The rep's time is looked at only where the change takes time it did not take. */
async function changeDetails(
  tx: Transaction,
  before: LockedAppointment,
  body: z.output<typeof appointmentPatch>,
): Promise<void> {
  const start = body.scheduled_start;
  const change = {
    status: body.status,
    scheduledStart: start ? start(await companyTimeZone(tx, before.companyId)) : start,
    durationMinutes: body.duration_minutes,
    assignedRepId: body.assigned_rep_id,
    location: body.location,
    serviceType: body.service_type,
  };
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return;
  if (body.assigned_rep_id !== before.assignedRepId)
    await assertUserOfCompany(tx, before.companyId, body.assigned_rep_id);

  const after: LockedAppointment = { ...before, ...given };
  const moves =
    after.scheduledStart?.getTime() !== before.scheduledStart?.getTime() ||
    after.durationMinutes !== before.durationMinutes ||
    after.assignedRepId !== before.assignedRepId ||
    !isOpenStatus(before.status);
  const endsNow = body.outcome === 'won' || body.outcome === 'lost';
  if (moves && isOpenStatus(after.status) && !endsNow && !body.force)
    await assertRepIsFree(tx, { ...after, exceptId: before.id });
  await changeAppointment(tx, before, given);
}

async function assertRepIsFree(
  tx: Transaction,
  slot: {
    companyId: string;
    assignedRepId: string | null;
    scheduledStart: Date | null;
    durationMinutes: number;
    exceptId?: string;
  },
): Promise<void> {
  const { companyId, assignedRepId: repId, scheduledStart: start, durationMinutes, exceptId } = slot;
  if (repId === null || start === null) return;
  const other = await findOverlap(tx, { companyId, repId, start, durationMinutes, exceptId });
  if (other !== undefined) throw new ApiError('rep_double_booked', { detail: `It overlaps appointment ${other}.` });
}
