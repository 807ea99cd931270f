/** Deletes the events of somebody or something that a person had deleted. */
import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { isStray, webhookEvents } from '../../db/schema/webhookEvents.ts';
import { phoneForms } from '../../domain/phone.ts';

/** Of the company, or of nobody yet. */
const isInReach = (companyId: string): SQL | undefined =>
  or(eq(webhookEvents.companyId, companyId), isNull(webhookEvents.companyId));

/** Events of the company that name one of some calls, and strays that do. */
export async function eraseEventsOfCalls(tx: Transaction, companyId: string, providerCallIds: string[]): Promise<void> {
  const ofCalls = inArray(webhookEvents.providerCallId, providerCallIds);
  await tx.delete(webhookEvents).where(and(eq(webhookEvents.companyId, companyId), ofCalls));
  await tx.delete(webhookEvents).where(and(isStray(webhookEvents), isInReach(companyId), ofCalls));
}

/** Events that ring one of some workflows. */
export async function eraseEventsOfWorkflows(tx: Transaction, companyId: string, workflowIds: string[]): Promise<void> {
  const ofWorkflows = inArray(webhookEvents.workflowId, workflowIds);
  await tx.delete(webhookEvents).where(and(eq(webhookEvents.companyId, companyId), ofWorkflows));
}

/** Callbacks of some jobs. One that was never matched has no company, but it names the job. */
export async function eraseCallbacks(
  tx: Transaction,
  companyId: string,
  jobs: readonly { id: string; taskId: string | null; shunyaCallId: number }[],
): Promise<void> {
  const taskIds = jobs.flatMap(({ taskId }) => taskId ?? []);
  const { jobId, shunyaCallId, taskId } = webhookEvents;
  const ofJobs = or(
    inArray(
      jobId,
      jobs.map(({ id }) => id),
    ),
    inArray(
      shunyaCallId,
      jobs.map((job) => job.shunyaCallId),
    ),
    taskIds.length > 0 ? inArray(taskId, taskIds) : undefined,
  );
  await tx.delete(webhookEvents).where(and(eq(webhookEvents.source, 'shunya'), isInReach(companyId), ofJobs));
}

/** Digits that a number has however it is spelled: without its country's, where that is one digit. */
const OWN_DIGITS = 10;
/** Digits at the end that no spelling separates. */
const LAST_DIGITS = 4;

/** Strays that name a phone number as who called, or anywhere in a body in which no caller could be read. */
export async function eraseStraysOfPhone(tx: Transaction, companyId: string, phoneNumber: string): Promise<void> {
  const digits = phoneNumber.replace(/\D/g, '').slice(-OWN_DIGITS);
  const { body, callerNumber } = webhookEvents;
  // The cheap test first: only bodies that hold the end of the number are searched for all of it.
  const isMentioned = sql`case when position(convert_to(${digits.slice(-LAST_DIGITS)}, 'UTF8') in ${body}) = 0 then false
    else position(${digits}::text in regexp_replace(encode(${body}, 'escape'), '\\D', '', 'g')) > 0 end`;
  await tx
    .delete(webhookEvents)
    .where(
      and(
        isStray(webhookEvents),
        isInReach(companyId),
        or(inArray(callerNumber, [...phoneForms(phoneNumber)]), and(isNull(callerNumber), isMentioned)),
      ),
    );
}
