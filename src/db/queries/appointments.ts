/** Appointments: lists by start. */
import { and, asc, eq, isNotNull, isNull, ne, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { AppointmentOutcome } from '../../domain/analysis.ts';
import type { AppointmentStatus } from '../../domain/appointment.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards } from '../schema/index.ts';
import { isAnyOf } from './conditions.ts';
import { type DayRange, onDays } from './days.ts';
import { type Count, countUpTo, laterThan, type MomentKey, type Page } from './paging.ts';

const successors = alias(appointments, 'successors');

const appointmentColumns = {
  id: appointments.id,
  companyId: appointments.companyId,
  leadId: appointments.leadId,
  callId: appointments.callId,
  contact: { id: contactCards.id, phoneNumber: contactCards.phoneNumber, name: contactCards.name },
  scheduledStart: appointments.scheduledStart,
  durationMinutes: appointments.durationMinutes,
  assignedRepId: appointments.assignedRepId,
  location: appointments.location,
  serviceType: appointments.serviceType,
  status: appointments.status,
  outcome: appointments.outcome,
  saidDate: appointments.saidDate,
  reviewReason: appointments.reviewReason,
  reviewSince: appointments.reviewSince,
  reviewOfId: appointments.reviewOfId,
  rescheduledFromId: appointments.rescheduledFromId,
  rescheduledToId: successors.id,
  version: appointments.version,
  createdAt: appointments.createdAt,
  updatedAt: appointments.updatedAt,
};

export type AppointmentRow = Awaited<ReturnType<typeof listAppointments>>[number];

/** Whose appointments somebody may see. */
export interface AppointmentScope {
  companyId: string;
  /** Only those assigned to this rep. */
  repId?: string;
}

export interface AppointmentFilter extends AppointmentScope {
  ids?: readonly string[];
  startsOn?: (Partial<DayRange> & { timeZone: string })[];
  assignedRepId?: string;
  status?: readonly AppointmentStatus[];
  outcome?: readonly AppointmentOutcome[];
  /** true: days count as in the metrics, by start, else by when it was made; cancelled ones are left out. */
  counted?: boolean;
  contactId?: string;
  leadId?: string;
  /** true: only those without a time · false: only those with one. */
  unscheduled?: boolean;
  /** true: only those that a person should look at. */
  review?: boolean;
}

/** A page of appointments, by start; those without a time last. */
export async function listAppointments(db: Queryable, filter: AppointmentFilter, page: Page<MomentKey<Date | null>>) {
  return db
    .select(appointmentColumns)
    .from(appointments)
    .innerJoin(contactCards, eq(contactCards.id, appointments.contactId))
    .leftJoin(successors, eq(successors.rescheduledFromId, appointments.id))
    .where(and(matchingAppointments(filter), laterThan(appointments.scheduledStart, appointments.id, page.after)))
    .orderBy(asc(appointments.scheduledStart), asc(appointments.id))
    .limit(page.limit);
}

export const countAppointments = (db: Queryable, filter: AppointmentFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${appointments} where ${matchingAppointments(filter)}`);

export async function findAppointment(
  db: Queryable,
  scope: AppointmentScope,
  id: string,
): Promise<AppointmentRow | undefined> {
  const [row] = await listAppointments(db, { ...scope, ids: [id] }, { limit: 1 });
  return row;
}

/** @returns the appointment that replaced this one, if any */
export async function findSuccessor(db: Queryable, id: string): Promise<string | undefined> {
  const [row] = await db
    .select({ id: appointments.id })
    .from(appointments)
    .where(eq(appointments.rescheduledFromId, id));
  return row?.id;
}

/** @returns the appointment at the end of the chain that replaced this one, if any */
export async function findLastSuccessor(db: Queryable, id: string): Promise<string | undefined> {
  const next = await findSuccessor(db, id);
  return next === undefined ? undefined : ((await findLastSuccessor(db, next)) ?? next);
}

/** The condition of a filter. */
export function matchingAppointments(filter: AppointmentFilter): SQL | undefined {
  return and(
    eq(appointments.companyId, filter.companyId),
    filter.ids && isAnyOf(appointments.id, filter.ids),
    filter.repId === undefined ? undefined : eq(appointments.assignedRepId, filter.repId),
    filter.assignedRepId === undefined ? undefined : isAssignedTo(filter.assignedRepId),
    filter.outcome && isAnyOf(appointments.outcome, filter.outcome),
    filter.counted ? ne(appointments.status, 'cancelled') : undefined,
    filter.status && isAnyOf(appointments.status, filter.status),
    filter.contactId === undefined ? undefined : eq(appointments.contactId, filter.contactId),
    filter.leadId === undefined ? undefined : eq(appointments.leadId, filter.leadId),
    filter.unscheduled === true ? isNull(appointments.scheduledStart) : undefined,
    filter.unscheduled === false ? isNotNull(appointments.scheduledStart) : undefined,
    filter.review === true ? isNotNull(appointments.reviewReason) : undefined,
    filter.review === false ? isNull(appointments.reviewReason) : undefined,
    ...(filter.startsOn ?? []).map((days) =>
      onDays(filter.counted ? countedAt : sql`${appointments.scheduledStart}`, days),
    ),
  );
}

const countedAt = sql`coalesce(${appointments.scheduledStart}, ${appointments.createdAt})`;

const isAssignedTo = (id: string): SQL =>
  id === 'none' ? isNull(appointments.assignedRepId) : eq(appointments.assignedRepId, id);
