/**
 * The mark that asks a person to look at an appointment. It is set where a call or a change leaves something doubtful,
 * and goes away when that no longer holds or a person says it is right. Callers hold the lead's lock.
 */
import { and, eq, inArray, isNotNull, ne, or, type SQL, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import type { Transaction } from '../../db/client.ts';
import { appointments, leads } from '../../db/schema/index.ts';
import {
  type AppointmentStatus,
  isOpenStatus,
  isUnusualHour,
  OPEN_APPOINTMENT_STATUSES,
  type ReviewReason,
} from '../../domain/appointment.ts';
import { findOverlap, overlaps } from './overlap.ts';

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

/**
 * Marks an appointment that a call has just booked, where something about it is doubtful, and brings the marks up to date
 * that it may answer. Its rep must be locked too.
 */
export async function reviewBooking(tx: Transaction, made: Reviewed, timeZone: string): Promise<void> {
  const { ofContact, overlapping, marked } = await readAround(tx, made);
  const [other] = byLikeness(made, ofContact);
  const [overlap] = overlapping;
  if (other) {
    const reason = mayBeTheSame(made, other) ? 'possible_duplicate' : 'second_open_appointment';
    await raise(tx, made.id, reason, other.id);
  } else if (overlap) await raise(tx, made.id, 'overlap', overlap.id);
  await refreshMarks(tx, marked, timeZone);
  await reviewHour(tx, made, timeZone);
}

/** What of the others decides on a new appointment, or is decided by it, in one query. */
async function readAround(tx: Transaction, made: Reviewed) {
  const found = (as: 'ofContact' | 'overlapping' | 'marked', which: SQL | undefined) =>
    tx
      .select({ as: sql<typeof as>`${as}::text`, ...reviewColumns, ...markColumns })
      .from(appointments)
      .where(which);
  const slot = slotOf(made);
  const rows = await unionAll(
    found('ofContact', isOpenOfContact(made)),
    found('overlapping', slot ? overlaps(slot) : sql`false`),
    // No mark of another lead's can point to it yet.
    found('marked', and(eq(appointments.leadId, made.leadId), isMarked, ne(appointments.id, made.id))),
  );
  const those = (as: (typeof rows)[number]['as']) => rows.filter((row) => row.as === as);
  return { ofContact: those('ofContact'), overlapping: those('overlapping'), marked: those('marked') };
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
    .select({ ...reviewColumns, ...markColumns })
    .from(appointments)
    .where(isMarkedAround(changed));
  await refreshMarks(tx, marked, timeZone);
  if (isOpenStatus(changed.status)) await reviewHour(tx, changed, timeZone);
  else if (changed.status !== 'completed' && (await isBookedWithoutOpen(tx, changed.leadId)))
    await raise(tx, changed.id, 'no_open_appointment', null);
}

const isMarked = isNotNull(appointments.reviewReason);

const isMarkedAround = ({ id, companyId, leadId }: Reviewed) =>
  and(
    eq(appointments.companyId, companyId),
    isMarked,
    or(eq(appointments.id, id), eq(appointments.reviewOfId, id), eq(appointments.leadId, leadId)),
  );

async function refreshMarks(tx: Transaction, marked: readonly Marked[], timeZone: string): Promise<void> {
  for (const each of marked)
    if (each.reason && !(await stillHolds(tx, each, each.reason, timeZone))) await clearReview(tx, each.id);
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

const markColumns = { reason: appointments.reviewReason, createdAt: appointments.createdAt };

interface Marked extends Reviewed {
  reason: ReviewReason | null;
}

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

/** The contact's other appointments that are still to come. */
const isOpenOfContact = (one: Reviewed) =>
  and(
    eq(appointments.companyId, one.companyId),
    eq(appointments.contactId, one.contactId),
    ne(appointments.id, one.id),
    inArray(appointments.status, [...OPEN_APPOINTMENT_STATUSES]),
    eq(appointments.outcome, 'pending'),
  );

const openOfContact = (tx: Transaction, one: Reviewed): Promise<Reviewed[]> =>
  tx.select(reviewColumns).from(appointments).where(isOpenOfContact(one));

/** Those at about the same time first, then the oldest. */
const byLikeness = <T extends Reviewed & { createdAt: Date }>(one: Reviewed, others: readonly T[]): T[] =>
  others.toSorted(
    (a, b) =>
      Number(mayBeTheSame(one, b)) - Number(mayBeTheSame(one, a)) || a.createdAt.getTime() - b.createdAt.getTime(),
  );

/** Two that overlap, or of which one has no time yet, may be one visit that was spoken of twice. */
function mayBeTheSame(one: Reviewed, other: Reviewed): boolean {
  if (!one.scheduledStart || !other.scheduledStart) return true;
  const endOf = (each: Reviewed) => (each.scheduledStart?.getTime() ?? 0) + each.durationMinutes * 60_000;
  return one.scheduledStart.getTime() < endOf(other) && other.scheduledStart.getTime() < endOf(one);
}

async function overlapOf(tx: Transaction, one: Reviewed): Promise<string | undefined> {
  const slot = slotOf(one);
  return slot && findOverlap(tx, slot);
}

/** The rep's time that it takes; undefined where either is not known. */
function slotOf({ id: exceptId, companyId, assignedRepId: repId, scheduledStart: start, durationMinutes }: Reviewed) {
  return repId === null || start === null ? undefined : { companyId, repId, start, durationMinutes, exceptId };
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
