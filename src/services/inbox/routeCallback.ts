/** Which job a callback of Shunya is of, and whether its run still waits for it. */
import { and, eq, or, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { analysisRuns, companies, jobTombstones, shunyaJobs } from '../../db/schema/index.ts';
import { analysisWorkflowId } from '../../domain/workflowIds.ts';
import type { ShunyaCallback } from '../../providers/shunya/payload.ts';
import { REDACTED } from './redacted.ts';

export type CallbackRoute =
  | { decision: 'matched'; companyId: string; jobId: string; workflowId: string }
  | { decision: 'unrouted' }
  /** Its call or visit was deleted: nothing of it is kept. */
  | { decision: 'deleted'; companyId: string }
  | { decision: 'invalid'; reason: string };

/**
 * Matches a callback of Shunya to its job: by job id; without one by call id and kind. A job id that contradicts its row,
 * or another company, makes it invalid; a job that is not known (yet) leaves it unrouted. What could be its job is held until
 * the transaction ends, so that a deletion of it comes either before, and is seen, or after, and takes the callback along.
 */
export async function routeAndHoldCallback(tx: Queryable, callback: ShunyaCallback): Promise<CallbackRoute> {
  if (callback.invalidReason) return { decision: 'invalid', reason: callback.invalidReason };
  const { jobId, shunyaCallId, jobType } = callback;
  const found = await selectCandidateJobs(
    tx,
    or(
      shunyaCallId ? eq(shunyaJobs.shunyaCallId, shunyaCallId) : sql`false`,
      jobId ? eq(shunyaJobs.taskId, jobId) : sql`false`,
    ),
  );
  const byCall = found.filter((job) => job.shunyaCallId === shunyaCallId && (!jobType || job.kind === jobType));
  const byTask = found.filter((job) => jobId && job.taskId === jobId);

  if (byTask.length > 0) {
    const job = byTask.find(
      (row) =>
        (!callback.shunyaCallId || row.shunyaCallId === callback.shunyaCallId) &&
        (!callback.jobType || row.kind === callback.jobType),
    );
    return job ? matched(job, callback) : { decision: 'invalid', reason: 'job_contradicts_its_row' };
  }
  const newest = byCall[0];
  if (!newest) return (await findJobTombstone(tx, callback)) ?? { decision: 'unrouted' };
  if (callback.jobId) {
    // The submit may still be under way: only its answer tells whether this job id is ours.
    const open = byCall.some((row) => row.taskId === null && row.state !== 'failed');
    if (open) return { decision: 'unrouted' };
    return (await findJobTombstone(tx, callback)) ?? { decision: 'invalid', reason: 'job_contradicts_its_row' };
  }
  return matched(newest, callback);
}

/** What becomes of a callback, as its row says it. */
export function callbackRoutedAs(route: CallbackRoute) {
  switch (route.decision) {
    case 'matched': {
      const { companyId, jobId, workflowId } = route;
      return { status: 'pending' as const, reason: null, companyId, jobId, workflowId };
    }
    case 'deleted':
      return { ...REDACTED, companyId: route.companyId, appliedAt: new Date() };
    case 'unrouted':
      return { status: 'unrouted' as const, reason: 'unknown_job' };
    case 'invalid':
      return { status: 'invalid' as const, reason: route.reason };
  }
}

type JobRow = Awaited<ReturnType<typeof selectCandidateJobs>>[number];

async function findJobTombstone(db: Queryable, callback: ShunyaCallback): Promise<CallbackRoute | undefined> {
  const { jobId, shunyaCallId } = callback;
  const [deleted] = await db
    .select({ companyId: jobTombstones.companyId })
    .from(jobTombstones)
    .where(
      or(
        jobId ? eq(jobTombstones.taskId, jobId) : sql`false`,
        shunyaCallId ? eq(jobTombstones.shunyaCallId, shunyaCallId) : sql`false`,
      ),
    )
    .limit(1);
  return deleted && { decision: 'deleted', companyId: deleted.companyId };
}

async function selectCandidateJobs(db: Queryable, where: SQL | undefined) {
  return db
    .select({
      id: shunyaJobs.id,
      companyId: shunyaJobs.companyId,
      shunyaCompanyId: companies.shunyaCompanyId,
      subjectKind: shunyaJobs.subjectKind,
      subjectId: shunyaJobs.subjectId,
      generation: shunyaJobs.generation,
      kind: shunyaJobs.kind,
      state: shunyaJobs.state,
      taskId: shunyaJobs.taskId,
      shunyaCallId: shunyaJobs.shunyaCallId,
    })
    .from(shunyaJobs)
    .innerJoin(companies, eq(companies.id, shunyaJobs.companyId))
    .where(where)
    .orderBy(sql`${shunyaJobs.attempt} desc, ${shunyaJobs.createdAt} desc`)
    .limit(50)
    .for('key share', { of: shunyaJobs });
}

function matched(job: JobRow, callback: ShunyaCallback): CallbackRoute {
  if (callback.companyId && ![job.companyId, job.shunyaCompanyId].includes(callback.companyId))
    return { decision: 'invalid', reason: 'company_mismatch' };
  return {
    decision: 'matched',
    companyId: job.companyId,
    jobId: job.id,
    workflowId: analysisWorkflowId(job.subjectKind, job.subjectId, job.generation),
  };
}

/**
 * Serialises what is known of one job id: a callback that comes while the submit records its job waits for it here,
 * so that neither misses the other. Ends with the transaction.
 */
export async function lockTaskId(tx: Queryable, taskId: string): Promise<void> {
  await lockKey(tx, 'task', taskId);
}

/** The run that a job is of, for the relay: a callback of a finished run, or of one that is gone, changes nothing any more. */
export async function stateOfRun(db: Queryable, jobId: string): Promise<'running' | 'finished' | 'gone'> {
  const [row] = await db
    .select({ state: analysisRuns.state })
    .from(shunyaJobs)
    .innerJoin(
      analysisRuns,
      and(
        eq(analysisRuns.subjectKind, shunyaJobs.subjectKind),
        eq(analysisRuns.subjectId, shunyaJobs.subjectId),
        eq(analysisRuns.generation, shunyaJobs.generation),
      ),
    )
    .where(eq(shunyaJobs.id, jobId));
  if (!row) return 'gone';
  return row.state === 'running' ? 'running' : 'finished';
}
