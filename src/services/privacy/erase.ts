/**
 * Privacy deletion: of one call, or of a contact with everything attached to it. What stays is a tombstone by the
 * provider's call id, so that late webhooks bring nothing back, and an audit trail without personal data.
 */
import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import {
  analysisRuns,
  appointments,
  auditLog,
  callAnalyses,
  calls,
  callTombstones,
  callTranscripts,
  contactCards,
  contactMerges,
  followUps,
  idempotencyKeys,
  jobTombstones,
  leads,
  recordingAnalyses,
  recordingSessions,
  recordingTranscripts,
  shunyaJobs,
  webhookDeliveries,
} from '../../db/schema/index.ts';
import type { SubjectKind } from '../../domain/pipeline.ts';
import { analysisWorkflowId, callWorkflowId, visitWorkflowId } from '../../domain/workflowIds.ts';
import { ringOldestWaiting } from '../analysis/jobs.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';
import { eraseCallbacks, eraseEventsOfCalls, eraseEventsOfWorkflows, eraseStraysOfPhone } from '../inbox/erase.ts';

/** Workflows that worked on what is gone; to be ended after the commit, as far as Temporal can be reached. */
export interface Deletion {
  workflowIds: string[];
}

/**
 * Deletes a call: its row with the audio link, transcripts, analyses, jobs, raw events. Lead, contact and the
 * appointment it booked stay. The caller has found it in reach.
 */
export async function eraseCall(tx: Transaction, call: { id: string; companyId: string }): Promise<Deletion> {
  return deleteCalls(tx, call.companyId, eq(calls.id, call.id));
}

/** Deletes a contact and all of it: leads, calls, appointments, visits. The caller has found it in reach and locked it. */
export async function eraseContact(tx: Transaction, contact: { id: string; companyId: string }): Promise<Deletion> {
  const { companyId } = contact;
  const visits = await deleteVisits(tx, companyId, contact.id);
  const gone = await tx
    .delete(appointments)
    .where(and(eq(appointments.companyId, companyId), eq(appointments.contactId, contact.id)))
    .returning({ id: appointments.id });
  const ofCalls = await deleteCalls(tx, companyId, eq(calls.contactId, contact.id));
  const ofLeads = await tx
    .delete(leads)
    .where(and(eq(leads.companyId, companyId), eq(leads.contactId, contact.id)))
    .returning({ id: leads.id });
  const mergedIds = await deleteCards(tx, contact);
  await redactMentions(tx, companyId, [
    contact.id,
    ...mergedIds,
    ...gone.map(({ id }) => id),
    ...ofLeads.map(({ id }) => id),
  ]);
  return { workflowIds: [...visits.workflowIds, ...ofCalls.workflowIds] };
}

/** The card and those that were merged into it, with what waits of their numbers. @returns ids of the latter */
async function deleteCards(tx: Transaction, contact: { id: string; companyId: string }): Promise<string[]> {
  const cards = await tx
    .select({ id: contactCards.id, phoneNumber: contactCards.phoneNumber })
    .from(contactCards)
    .where(or(eq(contactCards.id, contact.id), eq(contactCards.mergedIntoId, contact.id)));
  const ids = cards.map(({ id }) => id);
  if (ids.length === 0) return [];
  await tx
    .delete(contactMerges)
    .where(or(inArray(contactMerges.contactId, ids), inArray(contactMerges.mergedContactId, ids)));
  await tx.delete(contactCards).where(inArray(contactCards.id, ids));
  for (const { phoneNumber } of cards) if (phoneNumber) await eraseStraysOfPhone(tx, contact.companyId, phoneNumber);
  return ids.filter((id) => id !== contact.id);
}

async function deleteCalls(tx: Transaction, companyId: string, which: SQL): Promise<Deletion> {
  const rows = await tx
    .select({
      id: calls.id,
      providerCallId: calls.providerCallId,
      generation: calls.generation,
      contactId: calls.contactId,
    })
    .from(calls)
    .where(and(eq(calls.companyId, companyId), which))
    .for('update');
  if (rows.length === 0) return { workflowIds: [] };
  const ids = rows.map(({ id }) => id);
  const providerCallIds = rows.map(({ providerCallId }) => providerCallId);

  await tx
    .insert(callTombstones)
    .values(providerCallIds.map((providerCallId) => ({ companyId, providerCallId })))
    .onConflictDoNothing();
  await deleteWork(tx, companyId, 'call', ids);
  await eraseEventsOfCalls(tx, companyId, providerCallIds);
  await tx.delete(callTranscripts).where(inArray(callTranscripts.callId, ids));
  await tx.delete(callAnalyses).where(inArray(callAnalyses.callId, ids));
  await tx
    .update(appointments)
    .set({ callId: null, saidDate: null, version: sql`${appointments.version} + 1`, updatedAt: sql`now()` })
    .where(inArray(appointments.callId, ids));
  // What is left of the contact may ask for another follow-up than the one that goes with its call.
  const contactIds = [...new Set(rows.map(({ contactId }) => contactId))];
  await tx.delete(followUps).where(inArray(followUps.callId, ids));
  await tx.delete(calls).where(inArray(calls.id, ids));
  for (const id of contactIds) await refreshFollowUp(tx, { companyId, id });
  await redactMentions(tx, companyId, ids);
  return {
    workflowIds: rows.flatMap(({ id, providerCallId, generation }) => [
      callWorkflowId(companyId, providerCallId),
      ...analysisWorkflowIds('call', id, generation),
    ]),
  };
}

async function deleteVisits(tx: Transaction, companyId: string, contactId: string): Promise<Deletion> {
  const rows = await tx
    .select({ id: recordingSessions.id, generation: recordingSessions.generation })
    .from(recordingSessions)
    .innerJoin(appointments, eq(appointments.id, recordingSessions.appointmentId))
    .where(and(eq(recordingSessions.companyId, companyId), eq(appointments.contactId, contactId)))
    .for('update');
  if (rows.length === 0) return { workflowIds: [] };
  const ids = rows.map(({ id }) => id);

  await deleteWork(tx, companyId, 'visit', ids);
  const workflowIds = ids.map(visitWorkflowId);
  await eraseEventsOfWorkflows(tx, companyId, workflowIds);
  await tx.delete(recordingTranscripts).where(inArray(recordingTranscripts.sessionId, ids));
  await tx.delete(recordingAnalyses).where(inArray(recordingAnalyses.sessionId, ids));
  await tx.delete(recordingSessions).where(inArray(recordingSessions.id, ids));
  await redactMentions(tx, companyId, ids);
  return {
    workflowIds: [...workflowIds, ...rows.flatMap((row) => analysisWorkflowIds('visit', row.id, row.generation))],
  };
}

/** Deletes what was asked of Shunya about calls or visits, and what it told us: runs, jobs, callbacks. */
async function deleteWork(tx: Transaction, companyId: string, kind: SubjectKind, subjectIds: string[]): Promise<void> {
  const jobs = await tx
    .delete(shunyaJobs)
    .where(and(eq(shunyaJobs.subjectKind, kind), inArray(shunyaJobs.subjectId, subjectIds)))
    .returning({ id: shunyaJobs.id, taskId: shunyaJobs.taskId, shunyaCallId: shunyaJobs.shunyaCallId });
  await tx
    .delete(analysisRuns)
    .where(and(eq(analysisRuns.subjectKind, kind), inArray(analysisRuns.subjectId, subjectIds)));
  if (jobs.length === 0) return;
  // Places among the company's jobs are free again; nobody else would tell those who wait for one.
  await ringOldestWaiting(tx, companyId, jobs.length);
  await tx
    .insert(jobTombstones)
    .values(jobs.map(({ shunyaCallId, taskId }) => ({ companyId, shunyaCallId, taskId: taskId ?? '' })))
    .onConflictDoNothing();
  await eraseCallbacks(tx, companyId, jobs);
}

/** Takes free text from the audit trail and the delivery log of what is gone, and answers kept for Idempotency-Keys. */
async function redactMentions(tx: Transaction, companyId: string, ids: string[]): Promise<void> {
  await tx
    .update(auditLog)
    .set({ reason: null, details: null })
    .where(and(eq(auditLog.companyId, companyId), inArray(auditLog.subjectId, ids)));
  await tx
    .update(webhookDeliveries)
    .set({ previous: null })
    .where(and(eq(webhookDeliveries.companyId, companyId), inArray(webhookDeliveries.subjectId, ids)));
  const mentions = ids.map((id) => sql`strpos(${idempotencyKeys.answer}::text, ${id}) > 0`);
  await tx.delete(idempotencyKeys).where(and(eq(idempotencyKeys.companyId, companyId), or(...mentions)));
}

/** A generation may have been allocated that no workflow ran; ending it finds nothing. */
const analysisWorkflowIds = (kind: SubjectKind, id: string, generations: number): string[] =>
  Array.from({ length: generations }, (_, index) => analysisWorkflowId(kind, id, index + 1));
