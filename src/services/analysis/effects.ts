/** What an analysis, a correction or an outcome does to leads and appointments; shared by activities and REST. */
import { and, desc, eq, gt, inArray, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findLastSuccessor } from '../../db/queries/appointments.ts';
import {
  appointments,
  callAnalyses,
  calls,
  companies,
  leads,
  recordingAnalyses,
  recordingSessions,
  users,
} from '../../db/schema/index.ts';
import { alongside, type Write, writeTogether } from '../../db/writes.ts';
import type { AppointmentOutcome, Qualification } from '../../domain/analysis.ts';
import { parseAppointmentDate } from '../../domain/appointmentDate.ts';
import { leadStatusOf, raiseLeadStatus } from '../../domain/lead.ts';
import { refreshLeadReviews } from '../appointments/review.ts';
import { changeAppointment, lockAppointment, makeAppointment } from '../appointments/write.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';
import { type LeadMove, moveLead, movingLead, tellMove } from '../leads/change.ts';

type CallKey = { companyId: string; callId: string };

/** The newest analysis of a call: the one that counts. */
async function selectCurrentAnalysis(tx: Transaction, key: CallKey) {
  const [analysis] = await tx
    .select({
      qualification: callAnalyses.qualification,
      bookingStatus: callAnalyses.bookingStatus,
      appointmentDate: callAnalyses.appointmentDate,
      appointmentLocation: callAnalyses.appointmentLocation,
      serviceRequested: callAnalyses.serviceRequested,
      assignedRepId: callAnalyses.assignedRepId,
    })
    .from(callAnalyses)
    .where(and(eq(callAnalyses.companyId, key.companyId), eq(callAnalyses.callId, key.callId)))
    .orderBy(desc(callAnalyses.generation))
    .limit(1);
  return analysis;
}

type CurrentAnalysis = NonNullable<Awaited<ReturnType<typeof selectCurrentAnalysis>>>;

async function lockCallAndLead(tx: Transaction, key: CallKey, writes: readonly Write[] = []) {
  const [row] = await tx
    .with(...alongside(tx, writes))
    .select({
      callStartedAt: calls.startedAt,
      contactId: calls.contactId,
      companyId: leads.companyId,
      leadId: leads.id,
      status: leads.status,
      qualification: leads.qualification,
      statusSetAt: leads.statusSetAt,
      timeZone: companies.timeZone,
    })
    .from(calls)
    .innerJoin(leads, eq(leads.id, calls.leadId))
    .innerJoin(companies, eq(companies.id, calls.companyId))
    .where(and(eq(calls.companyId, key.companyId), eq(calls.id, key.callId)))
    .for('update', { of: [calls, leads] });
  return row;
}

const QUALIFICATION_RANK: Record<Qualification, number> = { unqualified: 0, cold: 1, warm: 2, hot: 3 };

/** What the caller of effects knows and writes. */
interface Effects {
  /** The newest analysis, where it is known. */
  analysis?: CurrentAnalysis;
  /** Sent in the statement that locks and reads the call and its lead: not of their rows, which it reads as they were. */
  withRead?: readonly Write[];
  /** Sent with the effects; of the call's row, perhaps. */
  withEffects?: readonly Write[];
}

/**
 * Applies the newest analysis of a call: raises its lead, and makes the one appointment if the caller booked.
 * Harmless to repeat. Must run in the transaction that marks the analysis as applied.
 */
export async function applyCallAnalysisEffects(
  tx: Transaction,
  key: CallKey,
  { analysis: known, withRead, withEffects = [] }: Effects = {},
): Promise<void> {
  const row = await lockCallAndLead(tx, key, withRead);
  const analysis = known ?? (await selectCurrentAnalysis(tx, key));
  if (!row || !analysis) return writeTogether(tx, withEffects);

  const heldByPerson = row.statusSetAt !== null && row.callStartedAt < row.statusSetAt;
  const status = heldByPerson ? row.status : raiseLeadStatus(row.status, leadStatusOf(analysis));
  const had = row.qualification;
  const said = analysis.qualification;
  const raises = said !== null && (had === null || QUALIFICATION_RANK[said] > QUALIFICATION_RANK[had]);
  const qualification = raises && !heldByPerson ? said : had;
  const isMoved = status !== row.status || qualification !== had;
  await bringAbout(tx, key, row, analysis, isMoved ? { status, qualification } : undefined, withEffects);
}

/**
 * Applies a person's correction of a call's analysis. The lead gets the corrected status, also a lower one, unless it was
 * won. Corrected to booked makes the one appointment; corrected away from booked leaves it for a person to cancel.
 * @param fields the corrected API field names; the lead moves only when they decide its status
 */
export async function applyCorrection(tx: Transaction, key: CallKey & { fields: readonly string[] }): Promise<void> {
  if (!key.fields.includes('qualification') && !key.fields.includes('booking_status')) return;
  const row = await lockCallAndLead(tx, key);
  const analysis = await selectCurrentAnalysis(tx, key);
  if (!row || !analysis) return;

  const isWon = row.status === 'closed_won';
  const status = isWon ? row.status : (leadStatusOf(analysis) ?? row.status);
  await bringAbout(tx, key, row, analysis, { status, qualification: analysis.qualification });
}

/** Moves the lead of a call, makes the appointment that the caller booked, and brings reviews and follow-up up to date. */
async function bringAbout(
  tx: Transaction,
  key: CallKey,
  row: NonNullable<Awaited<ReturnType<typeof lockCallAndLead>>>,
  analysis: CurrentAnalysis,
  change: LeadMove | undefined,
  alsoWritten: readonly Write[] = [],
): Promise<void> {
  const writes = change ? [...alsoWritten, movingLead(tx, row, change)] : alsoWritten;
  const isNew = analysis.bookingStatus === 'booked' && (await bookAppointment(tx, key, row, analysis, writes));
  if (analysis.bookingStatus !== 'booked') await writeTogether(tx, writes);
  if (change) await tellMove(tx, row, change);
  // A new appointment has seen to both.
  if (isNew) return;
  if (change && change.status !== row.status) await refreshLeadReviews(tx, row.leadId);
  await refreshFollowUp(tx, { companyId: key.companyId, id: row.contactId });
}

/** @returns whether it made one; the writes are sent in any case */
async function bookAppointment(
  tx: Transaction,
  key: CallKey,
  call: { contactId: string; leadId: string; timeZone: string },
  analysis: CurrentAnalysis,
  writes: readonly Write[],
): Promise<boolean> {
  const ofCompany = and(eq(users.companyId, key.companyId), eq(users.id, analysis.assignedRepId ?? ''));
  const rep = tx.select({ id: users.id }).from(users).where(ofCompany);
  const { isNew } = await makeAppointment(
    tx,
    {
      companyId: key.companyId,
      leadId: call.leadId,
      contactId: call.contactId,
      callId: key.callId,
      scheduledStart: parseAppointmentDate(analysis.appointmentDate, call.timeZone),
      saidDate: analysis.appointmentDate,
      location: analysis.appointmentLocation,
      serviceType: analysis.serviceRequested,
      // Null where Shunya names nobody of the company.
      assignedRepId: sql`${rep}`,
      maybeRepId: analysis.assignedRepId,
    },
    call.timeZone,
    writes,
  );
  return isNew;
}

/**
 * Gives an appointment its outcome, with the effects of a visit: won or lost completes it; won always closes the lead as
 * won, lost closes it unless another appointment of it is still to come. What a person set is final for analyses.
 */
export async function applyOutcome(
  tx: Transaction,
  change: { companyId: string; appointmentId: string; outcome: AppointmentOutcome; byPerson: boolean },
): Promise<void> {
  const appointment = await lockAppointment(tx, { companyId: change.companyId }, change.appointmentId);
  if (!appointment || (appointment.outcomeByPerson && !change.byPerson)) return;

  const decided = change.outcome !== 'pending';
  await changeAppointment(tx, appointment, {
    outcome: change.outcome,
    ...(decided ? { status: 'completed' as const } : {}),
    ...(change.byPerson ? { outcomeByPerson: true } : {}),
  });
  if (!decided) return;
  if (change.outcome === 'lost' && (await hasOpenAppointment(tx, appointment.leadId, change.appointmentId))) return;
  const [lead] = await tx
    .select({
      leadId: leads.id,
      companyId: leads.companyId,
      status: leads.status,
      qualification: leads.qualification,
    })
    .from(leads)
    .where(eq(leads.id, appointment.leadId));
  if (lead) await moveLead(tx, lead, { status: change.outcome === 'won' ? 'closed_won' : 'closed_lost' });
}

async function hasOpenAppointment(tx: Transaction, leadId: string, exceptId: string): Promise<boolean> {
  const open = await tx
    .select({ id: appointments.id })
    .from(appointments)
    .where(
      and(
        eq(appointments.leadId, leadId),
        ne(appointments.id, exceptId),
        inArray(appointments.status, ['scheduled', 'confirmed']),
        eq(appointments.outcome, 'pending'),
      ),
    )
    .limit(1);
  return open.length > 0;
}

/** Applies the newest analysis of a visit: its outcome becomes the appointment's, unless a later visit decided already. */
export async function applyVisitAnalysisEffects(
  tx: Transaction,
  visit: { companyId: string; sessionId: string },
): Promise<void> {
  const [row] = await tx
    .select({
      appointmentId: recordingSessions.appointmentId,
      startedAt: recordingSessions.startedAt,
      outcome: recordingAnalyses.outcome,
    })
    .from(recordingSessions)
    .innerJoin(recordingAnalyses, eq(recordingAnalyses.sessionId, recordingSessions.id))
    .where(and(eq(recordingSessions.companyId, visit.companyId), eq(recordingSessions.id, visit.sessionId)))
    .orderBy(desc(recordingAnalyses.generation))
    .limit(1);
  if (!row?.outcome) return;
  // A visit that began before its appointment was moved counts for the one that replaced it.
  const appointmentId = (await findLastSuccessor(tx, row.appointmentId)) ?? row.appointmentId;

  const later = await tx
    .select({ id: recordingSessions.id })
    .from(recordingSessions)
    .innerJoin(recordingAnalyses, eq(recordingAnalyses.sessionId, recordingSessions.id))
    .where(
      and(
        inArray(recordingSessions.appointmentId, [row.appointmentId, appointmentId]),
        gt(recordingSessions.startedAt, row.startedAt),
        sql`${recordingAnalyses.outcome} is not null`,
      ),
    )
    .limit(1);
  if (later.length > 0) return;
  await applyOutcome(tx, {
    companyId: visit.companyId,
    appointmentId,
    outcome: row.outcome,
    byPerson: false,
  });
}
