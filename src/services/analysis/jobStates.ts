/**
 * What becomes of a job once it was submitted: reported by a callback, completed, failed. Who ends one has locked its
 * company's places before it read the job.
 */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { shunyaJobs } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import type { ShunyaJob } from './jobs.ts';

/** Writes the state that a callback gave a job whose result is still to be read. */
export const markingReported = (tx: Transaction, job: Pick<ShunyaJob, 'id' | 'state'>): Write =>
  tx.update(shunyaJobs).set({ state: job.state, updatedAt: sql`now()` }).where(eq(shunyaJobs.id, job.id));

/** Its result is stored with this. */
export const markingCompleted = (tx: Transaction, jobId: string): Write =>
  tx
    .update(shunyaJobs)
    .set({ state: 'completed', errorCode: null, finishedAt: sql`now()`, updatedAt: sql`now()` })
    .where(eq(shunyaJobs.id, jobId));

interface Failure {
  code: string;
  retryable?: boolean;
}

/** A job's end as failed; later news of it changes nothing. */
export const markingFailed = (tx: Transaction, jobId: string, failure: Failure): Write =>
  tx
    .update(shunyaJobs)
    .set({ ...failedAs(failure), errorAt: sql`now()`, finishedAt: sql`now()`, updatedAt: sql`now()` })
    .where(eq(shunyaJobs.id, jobId));

/** What a failure changes of a job. */
export const failedAs = ({ code, retryable }: Failure): Pick<ShunyaJob, 'state' | 'errorCode' | 'retryable'> => ({
  state: 'failed',
  errorCode: code,
  retryable: retryable === undefined ? 'unsaid' : retryable ? 'yes' : 'no',
});

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
