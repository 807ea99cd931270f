/** What becomes of a job once it was submitted: reported by a callback, completed, failed. */
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { shunyaJobs } from '../../db/schema/index.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import type { ShunyaJob } from './jobs.ts';

/** Writes the state that a callback gave a job whose result is still to be read. */
export async function markReported(tx: Transaction, job: Pick<ShunyaJob, 'id' | 'state'>): Promise<void> {
  await tx.update(shunyaJobs).set({ state: job.state, updatedAt: sql`now()` }).where(eq(shunyaJobs.id, job.id));
}

/** @returns false where it was completed before */
export async function markCompleted(tx: Transaction, jobId: string): Promise<boolean> {
  const done = await tx
    .update(shunyaJobs)
    .set({ state: 'completed', errorCode: null, finishedAt: sql`now()`, updatedAt: sql`now()` })
    .where(and(eq(shunyaJobs.id, jobId), ne(shunyaJobs.state, 'completed')))
    .returning({ id: shunyaJobs.id });
  return done.length > 0;
}

/** A job's end as failed; later news of it changes nothing. @returns what changed */
export async function markFailed(
  tx: Transaction,
  jobId: string,
  failed: { code: string; retryable?: boolean },
): Promise<Pick<ShunyaJob, 'state' | 'errorCode' | 'retryable'>> {
  const retryable = failed.retryable === undefined ? 'unsaid' : failed.retryable ? 'yes' : 'no';
  const end = { state: 'failed', errorCode: failed.code, retryable } as const;
  await tx
    .update(shunyaJobs)
    .set({
      ...end,
      errorAt: sql`now()`,
      finishedAt: sql`now()`,
      updatedAt: sql`now()`,
    })
    .where(eq(shunyaJobs.id, jobId));
  return end;
}

/** No open job of a call or visit counts any more: an operator gave it up. @returns whether there was one */
export async function giveUpJobs(tx: Transaction, key: SubjectKey): Promise<boolean> {
  const ended = await tx
    .update(shunyaJobs)
    .set({ state: 'failed', errorCode: 'skipped_by_operator', retryable: 'no', finishedAt: sql`now()` })
    .where(
      and(
        eq(shunyaJobs.subjectKind, key.subjectKind),
        eq(shunyaJobs.subjectId, key.subjectId),
        inArray(shunyaJobs.state, ['waiting', 'ready', 'submitted', 'reported']),
      ),
    )
    .returning({ id: shunyaJobs.id });
  return ended.length > 0;
}
