/** The rows of jobs at Shunya: one per attempt at one step of one run. */
import { and, desc, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { companies, shunyaJobs } from '../../db/schema/index.ts';
import type { JobKind } from '../../domain/pipeline.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { analysisWorkflowId } from '../../domain/workflowIds.ts';

export type ShunyaJob = Awaited<ReturnType<typeof selectJobs>>[number];

const jobColumns = {
  id: shunyaJobs.id,
  companyId: shunyaJobs.companyId,
  shunyaCompanyId: companies.shunyaCompanyId,
  callrailApiKey: companies.callrailApiKey,
  subjectKind: shunyaJobs.subjectKind,
  subjectId: shunyaJobs.subjectId,
  generation: shunyaJobs.generation,
  kind: shunyaJobs.kind,
  attempt: shunyaJobs.attempt,
  state: shunyaJobs.state,
  retryable: shunyaJobs.retryable,
  errorCode: shunyaJobs.errorCode,
  idempotencyKey: shunyaJobs.idempotencyKey,
  shunyaCallId: shunyaJobs.shunyaCallId,
  taskId: shunyaJobs.taskId,
  audioUrl: shunyaJobs.audioUrl,
  submittedAt: shunyaJobs.submittedAt,
  createdAt: shunyaJobs.createdAt,
};

/** Jobs of a run, newest attempt first. */
export async function selectJobs(tx: Transaction, input: SubjectKey & { generation: number }, kind?: JobKind) {
  return tx
    .select(jobColumns)
    .from(shunyaJobs)
    .innerJoin(companies, eq(companies.id, shunyaJobs.companyId))
    .where(
      and(
        eq(shunyaJobs.subjectKind, input.subjectKind),
        eq(shunyaJobs.subjectId, input.subjectId),
        eq(shunyaJobs.generation, input.generation),
        kind ? eq(shunyaJobs.kind, kind) : undefined,
      ),
    )
    .orderBy(desc(shunyaJobs.attempt));
}

/** One job with what a call to Shunya needs, locked where `tx` is to write it. */
export async function selectJob(tx: Transaction, jobId: string, lock = false): Promise<ShunyaJob | undefined> {
  const query = tx
    .select(jobColumns)
    .from(shunyaJobs)
    .innerJoin(companies, eq(companies.id, shunyaJobs.companyId))
    .where(eq(shunyaJobs.id, jobId));
  const [job] = await (lock ? query.for('update', { of: shunyaJobs }) : query);
  return job;
}

/** A job's end as failed; later news of it changes nothing. */
export async function markFailed(
  tx: Transaction,
  jobId: string,
  failed: { code: string; retryable?: boolean },
): Promise<void> {
  const retryable = failed.retryable === undefined ? 'unsaid' : failed.retryable ? 'yes' : 'no';
  await tx
    .update(shunyaJobs)
    .set({
      state: 'failed',
      errorCode: failed.code,
      errorAt: sql`now()`,
      retryable,
      finishedAt: sql`now()`,
      updatedAt: sql`now()`,
    })
    .where(eq(shunyaJobs.id, jobId));
}

/**
 * Lets the oldest waiting jobs of a company be sent while it has fewer than `limit` under way.
 * @returns ids of the workflows whose jobs were let through, to be rung after the commit
 */
export async function grantFreeSlots(tx: Transaction, companyId: string, limit: number): Promise<string[]> {
  await lockKey(tx, 'slots', companyId);
  const granted = await tx.execute<{ subject_kind: 'call' | 'visit'; subject_id: string; generation: number }>(sql`
    update shunya_jobs set state = 'ready', updated_at = now()
    where id in (
      select id from shunya_jobs where company_id = ${companyId} and state = 'waiting' order by created_at, id
      limit greatest(0, ${limit} - (
        select count(*) from shunya_jobs where company_id = ${companyId} and state in ('ready', 'submitted', 'reported'))))
    returning subject_kind, subject_id, generation`);
  return granted.map((job) => analysisWorkflowId(job.subject_kind, job.subject_id, job.generation));
}
