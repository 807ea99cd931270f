/** Appointments: reads, and writes that keep one rep from being in two places. */
import { randomUUID } from 'node:crypto';
import { and, asc, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import { type AppointmentStatus, DEFAULT_APPOINTMENT_MINUTES } from '../../domain/appointment.ts';
import type { Queryable, Transaction } from '../client.ts';
import { appointments, contactCards } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';
import { announce } from './deliveries.ts';

/** The longest an appointment can take: a week. Also bounds how far back an overlap is looked for. */
export const MAX_APPOINTMENT_MINUTES = 7 * 24 * 60;

/** Only these take a rep's time. */
const TAKES_TIME = ['scheduled', 'confirmed'] as const satisfies readonly AppointmentStatus[];
export const takesTime = (status: AppointmentStatus): boolean => (TAKES_TIME as readonly string[]).includes(status);

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
  startsOn?: (Partial<DayRange> & { timeZone: string })[];
  assignedRepId?: string;
  status?: readonly AppointmentStatus[];
  contactId?: string;
  leadId?: string;
  /** true: only those without a time · false: only those with one. */
  unscheduled?: boolean;
}

/** A page of appointments, by start; those without a time last. */
export async function listAppointments(db: Queryable, filter: AppointmentFilter, page: { limit: number; after?: SQL }) {
  return db
    .select(appointmentColumns)
    .from(appointments)
    .innerJoin(contactCards, eq(contactCards.id, appointments.contactId))
    .leftJoin(successors, eq(successors.rescheduledFromId, appointments.id))
    .where(and(appointmentsOf(filter), page.after))
    .orderBy(asc(appointments.scheduledStart), asc(appointments.id))
    .limit(page.limit);
}

export async function findAppointment(
  db: Queryable,
  scope: AppointmentScope,
  id: string,
): Promise<AppointmentRow | undefined> {
  const [row] = await listAppointments(db, scope, { limit: 1, after: eq(appointments.id, id) });
  return row;
}

/** Locks an appointment for a change. */
export async function lockAppointment(db: Queryable, scope: AppointmentScope, id: string) {
  const [row] = await db
    .select({
      id: appointments.id,
      leadId: appointments.leadId,
      contactId: appointments.contactId,
      scheduledStart: appointments.scheduledStart,
      durationMinutes: appointments.durationMinutes,
      assignedRepId: appointments.assignedRepId,
      location: appointments.location,
      serviceType: appointments.serviceType,
      status: appointments.status,
      version: appointments.version,
      updatedAt: appointments.updatedAt,
    })
    .from(appointments)
    .where(and(appointmentsOf(scope), eq(appointments.id, id)))
    .for('update');
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

export type NewAppointment = Pick<
  typeof appointments.$inferInsert,
  | 'companyId'
  | 'leadId'
  | 'contactId'
  | 'scheduledStart'
  | 'assignedRepId'
  | 'location'
  | 'serviceType'
  | 'rescheduledFromId'
> & { durationMinutes?: number };

/** Makes an appointment and tells the company's endpoints. @returns its id */
export async function insertAppointment(tx: Transaction, appointment: NewAppointment): Promise<string> {
  const id = randomUUID();
  const durationMinutes = appointment.durationMinutes ?? DEFAULT_APPOINTMENT_MINUTES;
  await tx.insert(appointments).values({ ...appointment, id, durationMinutes });
  await announce(tx, { companyId: appointment.companyId, type: 'appointment.created', subjectId: id });
  return id;
}

export type AppointmentChange = Partial<
  Pick<
    typeof appointments.$inferInsert,
    'scheduledStart' | 'durationMinutes' | 'assignedRepId' | 'location' | 'serviceType' | 'status'
  >
>;

export async function updateAppointment(db: Queryable, id: string, change: AppointmentChange): Promise<void> {
  await db
    .update(appointments)
    .set({ ...change, version: sql`${appointments.version} + 1`, updatedAt: sql`now()` })
    .where(eq(appointments.id, id));
}

/**
 * Finds another appointment of a rep at the same time. Holds a lock on the rep until the transaction ends, so that of
 * two that are made at once one sees the other.
 */
export async function findOverlap(
  tx: Transaction,
  slot: { companyId: string; repId: string; start: Date; durationMinutes: number; exceptId?: string },
): Promise<string | undefined> {
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify(['rep', slot.companyId, slot.repId])}, 0))`,
  );
  const start = sql`${slot.start.toISOString()}::timestamptz`;
  const minutes = (count: SQL) => sql`${count} * interval '1 minute'`;
  const [row] = await tx
    .select({ id: appointments.id })
    .from(appointments)
    .where(
      and(
        eq(appointments.companyId, slot.companyId),
        eq(appointments.assignedRepId, slot.repId),
        inArray(appointments.status, [...TAKES_TIME]),
        slot.exceptId === undefined ? undefined : ne(appointments.id, slot.exceptId),
        sql`${appointments.scheduledStart} > ${start} - ${minutes(sql`${MAX_APPOINTMENT_MINUTES}::int`)}`,
        sql`${appointments.scheduledStart} < ${start} + ${minutes(sql`${slot.durationMinutes}::int`)}`,
        sql`${appointments.scheduledStart} + ${minutes(sql`${appointments.durationMinutes}`)} > ${start}`,
      ),
    )
    .limit(1);
  return row?.id;
}

/** The condition of a list of appointments. */
export function appointmentsOf(filter: AppointmentFilter): SQL | undefined {
  return and(
    eq(appointments.companyId, filter.companyId),
    filter.repId === undefined ? undefined : eq(appointments.assignedRepId, filter.repId),
    filter.assignedRepId === undefined ? undefined : eq(appointments.assignedRepId, filter.assignedRepId),
    filter.status && inArray(appointments.status, [...filter.status]),
    filter.contactId === undefined ? undefined : eq(appointments.contactId, filter.contactId),
    filter.leadId === undefined ? undefined : eq(appointments.leadId, filter.leadId),
    filter.unscheduled === true ? isNull(appointments.scheduledStart) : undefined,
    filter.unscheduled === false ? isNotNull(appointments.scheduledStart) : undefined,
    ...(filter.startsOn ?? []).map((days) => onDays(sql`${appointments.scheduledStart}`, days)),
  );
}
