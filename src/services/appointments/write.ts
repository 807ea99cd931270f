/** Makes and changes appointments: every write goes through here, with its outgoing event and its review. */
import { randomUUID } from 'node:crypto';
import { eq, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { type AppointmentScope, matchingAppointments } from '../../db/queries/appointments.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { appointments, leads } from '../../db/schema/index.ts';
import { alongside, type Write } from '../../db/writes.ts';
import { DEFAULT_APPOINTMENT_MINUTES, isOpenStatus } from '../../domain/appointment.ts';
import { changedFields } from '../../domain/outgoingWebhook.ts';
import { announce } from '../deliveries/announce.ts';
import { lockingFollowUp, refreshFollowUp, refreshLockedFollowUp } from '../followUps/refresh.ts';
import { lockingRep } from './overlap.ts';
import { type Reviewed, refreshReviews, reviewBooking } from './review.ts';

const lockedColumns = {
  id: appointments.id,
  companyId: appointments.companyId,
  leadId: appointments.leadId,
  contactId: appointments.contactId,
  scheduledStart: appointments.scheduledStart,
  durationMinutes: appointments.durationMinutes,
  assignedRepId: appointments.assignedRepId,
  location: appointments.location,
  serviceType: appointments.serviceType,
  status: appointments.status,
  outcome: appointments.outcome,
  outcomeByPerson: appointments.outcomeByPerson,
  version: appointments.version,
  updatedAt: appointments.updatedAt,
};

export type LockedAppointment = NonNullable<Awaited<ReturnType<typeof lockAppointment>>>;

/** Locks an appointment for a change, and its lead before it: changes of one lead's appointments happen one by one. */
export async function lockAppointment(tx: Transaction, scope: AppointmentScope, id: string) {
  const where = matchingAppointments({ ...scope, ids: [id] });
  const [found] = await tx.select({ leadId: appointments.leadId }).from(appointments).where(where);
  if (!found) return undefined;
  await tx.select({ id: leads.id }).from(leads).where(eq(leads.id, found.leadId)).for('update');
  const [row] = await tx.select(lockedColumns).from(appointments).where(where).for('update');
  return row;
}

export type NewAppointment = Pick<
  typeof appointments.$inferInsert,
  | 'companyId'
  | 'leadId'
  | 'contactId'
  | 'callId'
  | 'scheduledStart'
  | 'saidDate'
  | 'location'
  | 'serviceType'
  | 'rescheduledFromId'
> & {
  assignedRepId?: string | null | SQL;
  /** Whom the statement that is `assignedRepId` names, if anybody. */
  maybeRepId?: string | null;
  durationMinutes?: number;
};

/**
 * Makes an appointment and tells the company's endpoints. The lead must be locked. The statement that stores it also locks
 * the rep and the contact's follow-up, for the review and the refresh that come after it.
 * @param timeZone the company's
 * @param writes sent with it, also where nothing is made
 * @returns its id. Nothing is made where the call that books it has an appointment already.
 */
export async function makeAppointment(
  tx: Transaction,
  { maybeRepId, ...appointment }: NewAppointment,
  timeZone: string,
  writes: readonly Write[] = [],
): Promise<{ id: string; isNew: boolean }> {
  const id = randomUUID();
  const { companyId, contactId } = appointment;
  const [made] = await tx
    .with(...alongside(tx, writes))
    .insert(appointments)
    .values({
      ...appointment,
      id,
      durationMinutes: appointment.durationMinutes ?? DEFAULT_APPOINTMENT_MINUTES,
    })
    .onConflictDoNothing({ target: appointments.callId })
    .returning({
      ...lockedColumns,
      repLock: maybeRepId ? lockingRep({ companyId, repId: maybeRepId }) : sql`null`,
      followUpLock: lockingFollowUp(contactId),
    });
  if (!made) return { id, isNew: false };
  await announce(tx, { companyId: made.companyId, type: 'appointment.created', subjectId: made.id });
  if (appointment.callId) await reviewBooking(tx, made, timeZone);
  // A new one may answer what another was marked for.
  else await refreshReviews(tx, made, timeZone);
  await refreshLockedFollowUp(tx, { companyId: made.companyId, id: made.contactId });
  return { id, isNew: true };
}

export type AppointmentChange = Partial<
  Pick<
    typeof appointments.$inferInsert,
    | 'scheduledStart'
    | 'durationMinutes'
    | 'assignedRepId'
    | 'location'
    | 'serviceType'
    | 'status'
    | 'outcome'
    | 'outcomeByPerson'
  >
>;

/** Changes an appointment that is locked, tells the endpoints what it was before, and brings reviews up to date. */
export async function changeAppointment(
  tx: Transaction,
  before: LockedAppointment,
  change: AppointmentChange,
  { silent = false } = {},
): Promise<void> {
  const [after] = await tx
    .update(appointments)
    .set({ ...change, version: sql`${appointments.version} + 1`, updatedAt: sql`now()` })
    .where(eq(appointments.id, before.id))
    .returning(lockedColumns);
  if (!after) return;
  const previous = changedFields(shown(before), shown(after));
  if (!silent && Object.keys(previous).length > 0) {
    const isCancelled = after.status === 'cancelled' && before.status !== 'cancelled';
    const type = isCancelled ? 'appointment.cancelled' : 'appointment.updated';
    await announce(tx, { companyId: after.companyId, type, subjectId: after.id, previous });
  }
  if (after.status !== before.status) await refreshFollowUp(tx, { companyId: after.companyId, id: after.contactId });
  const timing = (each: Reviewed) => [each.scheduledStart?.getTime(), each.durationMinutes, each.assignedRepId];
  if (after.status !== before.status || timing(after).join() !== timing(before).join())
    await refreshReviews(tx, after, await companyTimeZone(tx, after.companyId));
}

/**
 * Replaces an open or missed appointment by one at another time. The old one is cancelled (a no-show stays one) and each
 * names the other. @returns the new one's id
 */
export async function replaceAppointment(
  tx: Transaction,
  old: LockedAppointment,
  slot: Pick<LockedAppointment, 'scheduledStart' | 'durationMinutes' | 'assignedRepId' | 'location'>,
): Promise<string> {
  const { companyId, leadId, contactId, serviceType } = old;
  const id = randomUUID();
  await tx
    .insert(appointments)
    .values({ ...slot, id, companyId, leadId, contactId, serviceType, rescheduledFromId: old.id });
  // One event tells of both; endpoints that know of new appointments only are told of this one too.
  await changeAppointment(tx, old, isOpenStatus(old.status) ? { status: 'cancelled' } : {}, { silent: true });
  await announce(tx, { companyId, type: 'appointment.created', subjectId: id });
  const previous = { id: old.id, ...shown(old) };
  await announce(tx, { companyId, type: 'appointment.rescheduled', subjectId: id, previous });
  const [made] = await tx.select(lockedColumns).from(appointments).where(eq(appointments.id, id));
  if (made) await refreshReviews(tx, made, await companyTimeZone(tx, companyId));
  return id;
}

/** An appointment's fields as events name them. */
const shown = (row: LockedAppointment) => ({
  scheduled_start: row.scheduledStart?.toISOString() ?? null,
  duration_minutes: row.durationMinutes,
  assigned_rep_id: row.assignedRepId,
  location: row.location,
  service_type: row.serviceType,
  status: row.status,
  outcome: row.outcome,
});
