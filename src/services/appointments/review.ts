/**
 * The mark that asks a person to look at an appointment. It is set where a call or a change leaves something doubtful,
 * and goes away when that no longer holds or a person says it is right. Callers hold the lead's lock.
 */
import { and, eq, inArray, isNotNull, ne, or, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { appointments, leads } from '../../db/schema/index.ts';
import {
  type AppointmentStatus,
  isOpenStatus,
  isUnusualHour,
  OPEN_APPOINTMENT_STATUSES,
  type ReviewReason,
} from '../../domain/appointment.ts';
import { findOverlap } from './overlap.ts';

export interface Reviewed {
  id: string;
  companyId: string;
  leadId: string;
  contactId: string;
  scheduledStart: Date | null;
  durationMinutes: number;
  assignedRepId: string | null;
  status: AppointmentStatus;
}

/** Marks an appointment that a call has just booked, where something about it is doubtful. */
export async function reviewBooking(tx: Transaction, made: Reviewed, timeZone: string): Promise<void> {
  const [other] = await openOfContact(tx, made);
  if (other) {
    const reason = mayBeTheSame(made, other) ? 'possible_duplicate' : 'second_open_appointment';
    return raise(tx, made.id, reason, other.id);
  }
  const overlapping = await overlapOf(tx, made);
  if (overlapping !== undefined) return raise(tx, made.id, 'overlap', overlapping);
  await reviewHour(tx, made, timeZone);
}

/** Marks an open appointment that starts in the night. */
export async function reviewHour(tx: Transaction, made: Reviewed, timeZone: string): Promise<void> {
  if (made.scheduledStart && isOpenStatus(made.status) && isUnusualHour(made.scheduledStart, timeZone))
    await raise(tx, made.id, 'unusual_hour', null);
}

/**
 * Brings the marks of an appointment, and of those that point to it, up to date after it changed; and marks it where its
 * lead is booked and now has no open appointment.
 */
export async function refreshReviews(tx: Transaction, changed: Reviewed, timeZone: string): Promise<void> {
  const marked = await tx
    .select({ ...reviewColumns, reason: appointments.reviewReason })
    .from(appointments)
    .where(
      and(
        eq(appointments.companyId, changed.companyId),
        isNotNull(appointments.reviewReason),
        or(
          eq(appointments.id, changed.id),
          eq(appointments.reviewOfId, changed.id),
          eq(appointments.leadId, changed.leadId),
        ),
      ),
    );
  for (const each of marked)
    if (each.reason && !(await stillHolds(tx, each, each.reason, timeZone))) await clearReview(tx, each.id);
  if (isOpenStatus(changed.status)) await reviewHour(tx, changed, timeZone);
  else if (changed.status !== 'completed' && (await isBookedWithoutOpen(tx, changed.leadId)))
    await raise(tx, changed.id, 'no_open_appointment', null);
}

/** After a lead's status changed: what no longer holds goes away. */
export async function refreshLeadReviews(tx: Transaction, leadId: string): Promise<void> {
  if (await isBookedWithoutOpen(tx, leadId)) return;
  await tx
    .update(appointments)
    .set({ reviewReason: null, reviewSince: null, reviewOfId: null })
    .where(and(eq(appointments.leadId, leadId), eq(appointments.reviewReason, 'no_open_appointment')));
}

/** A person looked: the mark goes, and the same reason is not raised again. */
export async function dismissReview(tx: Transaction, id: string): Promise<void> {
  await tx
    .update(appointments)
    .set({ reviewDismissed: appointments.reviewReason, reviewReason: null, reviewSince: null, reviewOfId: null })
    .where(and(eq(appointments.id, id), isNotNull(appointments.reviewReason)));
}

const reviewColumns = {
  id: appointments.id,
  companyId: appointments.companyId,
  leadId: appointments.leadId,
  contactId: appointments.contactId,
  scheduledStart: appointments.scheduledStart,
  durationMinutes: appointments.durationMinutes,
  assignedRepId: appointments.assignedRepId,
  status: appointments.status,
};

async function stillHolds(tx: Transaction, one: Reviewed, reason: ReviewReason, timeZone: string): Promise<boolean> {
  if (reason === 'no_open_appointment') return !isOpenStatus(one.status) && isBookedWithoutOpen(tx, one.leadId);
  if (!isOpenStatus(one.status)) return false;
  switch (reason) {
    case 'possible_duplicate':
      return (await openOfContact(tx, one)).some((other) => mayBeTheSame(one, other));
    case 'second_open_appointment':
      return (await openOfContact(tx, one)).length > 0;
    case 'overlap':
      return (await overlapOf(tx, one)) !== undefined;
    case 'unusual_hour':
      return one.scheduledStart !== null && isUnusualHour(one.scheduledStart, timeZone);
  }
}

/** The contact's other appointments that are still to come; those at about the same time first. */
async function openOfContact(tx: Transaction, one: Reviewed): Promise<Reviewed[]> {
  const others = await tx
    .select(reviewColumns)
    .from(appointments)
    .where(
      and(
        eq(appointments.companyId, one.companyId),
        eq(appointments.contactId, one.contactId),
        ne(appointments.id, one.id),
        inArray(appointments.status, [...OPEN_APPOINTMENT_STATUSES]),
        eq(appointments.outcome, 'pending'),
      ),
    )
    .orderBy(appointments.createdAt);
  return others.sort((a, b) => Number(mayBeTheSame(one, b)) - Number(mayBeTheSame(one, a)));
}

/** Two that overlap, or of which one has no time yet, may be one visit that was spoken of twice. */
function mayBeTheSame(one: Reviewed, other: Reviewed): boolean {
  if (!one.scheduledStart || !other.scheduledStart) return true;
  const endOf = (each: Reviewed) => (each.scheduledStart?.getTime() ?? 0) + each.durationMinutes * 60_000;
  return one.scheduledStart.getTime() < endOf(other) && other.scheduledStart.getTime() < endOf(one);
}

async function overlapOf(tx: Transaction, one: Reviewed): Promise<string | undefined> {
  if (one.assignedRepId === null || one.scheduledStart === null) return undefined;
  const { companyId, assignedRepId: repId, scheduledStart: start, durationMinutes, id: exceptId } = one;
  return findOverlap(tx, { companyId, repId, start, durationMinutes, exceptId });
}

async function isBookedWithoutOpen(tx: Transaction, leadId: string): Promise<boolean> {
  const [lead] = await tx
    .select({
      hasOpen: sql<boolean>`exists (select 1 from ${appointments} as each where each.lead_id = leads.id
        and each.status in ('scheduled', 'confirmed'))`,
    })
    .from(leads)
    .where(and(eq(leads.id, leadId), eq(leads.status, 'qualified_booked')));
  return lead?.hasOpen === false;
}

async function raise(tx: Transaction, id: string, reason: ReviewReason, ofId: string | null): Promise<void> {
  await tx
    .update(appointments)
    .set({ reviewReason: reason, reviewSince: sql`now()`, reviewOfId: ofId })
    .where(
      and(
        eq(appointments.id, id),
        sql`${appointments.reviewReason} is distinct from ${reason}`,
        sql`${appointments.reviewDismissed} is distinct from ${reason}`,
      ),
    );
}

async function clearReview(tx: Transaction, id: string): Promise<void> {
  await tx
    .update(appointments)
    .set({ reviewReason: null, reviewSince: null, reviewOfId: null })
    .where(eq(appointments.id, id));
}
