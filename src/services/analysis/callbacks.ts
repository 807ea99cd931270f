/** Takes the callbacks that the inbox holds for an analysis: each is marked applied in the transaction that takes it. */
import { and, desc, eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { type AnalysisRunState, isOpen, shunyaJobs, webhookEvents } from '../../db/schema/index.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { closingLate, markingApplied, redacting } from '../inbox/applied.ts';
import { hasWaiting, type JobOfRun, jobsOfRun, jobsOfRunColumns } from './jobs.ts';

export interface TakenCallback {
  job: JobOfRun;
  body: Buffer;
}

const callbacksOf = (workflowId: string) =>
  and(eq(webhookEvents.workflowId, workflowId), eq(webhookEvents.source, 'shunya'), isOpen(webhookEvents));

/**
 * Reads the jobs of a run that is under way, newest attempt first, and takes what callbacks say of them, in the order in
 * which they came.
 * @returns them, and whether jobs of the company wait for a place that one of these has
 */
export async function takeJobs(
  tx: Transaction,
  workflowId: string,
  run: SubjectKey & { generation: number },
): Promise<{ jobs: JobOfRun[]; callbacks: TakenCallback[]; othersWait: boolean }> {
  const { jobId, sequence, body } = webhookEvents;
  const taken = tx.$with('taken').as(markingApplied(tx, callbacksOf(workflowId)).returning({ jobId, sequence, body }));
  const rows = await tx
    .with(taken)
    .select({
      job: jobsOfRunColumns,
      sequence: taken.sequence,
      body: taken.body,
      othersWait: hasWaiting(run.companyId),
    })
    .from(shunyaJobs)
    .leftJoin(taken, eq(taken.jobId, shunyaJobs.id))
    .where(jobsOfRun(run))
    .orderBy(desc(shunyaJobs.attempt), taken.sequence);
  // A job with several callbacks is there several times.
  const jobs = new Map<string, JobOfRun>();
  for (const { job } of rows) if (!jobs.has(job.id)) jobs.set(job.id, job);
  const callbacks = rows
    .sort((a, b) => Number(a.sequence) - Number(b.sequence))
    .flatMap(({ job: { id }, body }) => {
      const job = jobs.get(id);
      return job && body ? [{ job, body }] : [];
    });
  return { jobs: [...jobs.values()], callbacks, othersWait: rows[0]?.othersWait ?? false };
}

/**
 * Closes the callbacks of a run that is over: they came late.
 * @param state of the run; undefined where it was deleted, and what they say with it
 */
export async function closeCallbacks(
  tx: Transaction,
  workflowId: string,
  state: AnalysisRunState | undefined,
): Promise<void> {
  await (state ? closingLate : redacting)(tx, callbacksOf(workflowId));
}
