/** What an exchange with Shunya leaves in the rows of its job: the audio that was sent, acceptance, result, failure. */
import { eq, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { shunyaJobs } from '../../db/schema/index.ts';
import { adoptCallbacks, hasEventsToAdopt } from '../inbox/reroute.ts';
import { lockTaskId } from '../inbox/routeCallback.ts';
import { markingFailed } from './jobStates.ts';
import { grantFreeSlots, lockPlaces, type ShunyaJob, selectJob } from './jobs.ts';
import { storeResult } from './results.ts';

/** Keeps the audio that an attempt sends. The first writer wins: two runs of a submit must send the same body. */
export async function keepAudioUrl(db: Database, jobId: string, audioUrl: string): Promise<string> {
  const [stored] = await db
    .update(shunyaJobs)
    .set({ audioUrl: sql`coalesce(${shunyaJobs.audioUrl}, ${audioUrl})` })
    .where(eq(shunyaJobs.id, jobId))
    .returning({ audioUrl: shunyaJobs.audioUrl });
  return stored?.audioUrl ?? audioUrl;
}

/**
 * Records that Shunya took a job, and its result where that came at once. The first task id wins.
 * @returns whether Shunya works on it now, and nothing of it has come yet
 */
export async function recordAcceptance(
  db: Database,
  config: Config,
  job: ShunyaJob,
  { taskId, result }: { taskId: string | null; result?: unknown },
): Promise<{ isUnderWay: boolean }> {
  return db.transaction(async (tx) => {
    if (result !== undefined) await lockPlaces(tx, job.companyId);
    if (taskId) await lockTaskId(tx, taskId);
    const { shunyaCallId } = job;
    const stored = taskId ? await storeTaskId(tx, job.id, { taskId, shunyaCallId }) : undefined;
    const current = stored ?? (taskId ? undefined : await selectJob(tx, job.id, true));
    if (!current) {
      if (taskId) await leaveTombstone(tx, config, { taskId, shunyaCallId });
      return { isUnderWay: false };
    }
    const adopted = taskId && stored?.hasCallbacks ? await adoptCallbacks(tx, { taskId, shunyaCallId }, config) : 0;
    const hasEnded = current.state === 'failed' || current.state === 'completed';
    if (result === undefined || hasEnded) return { isUnderWay: current.state === 'submitted' && adopted === 0 };
    await storeResult(tx, job, result);
    await grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
    return { isUnderWay: false };
  });
}

/** The lock of the task id must be held. */
async function storeTaskId(tx: Transaction, jobId: string, ids: { taskId: string; shunyaCallId: number }) {
  const { taskId } = ids;
  const isFirst = sql`${shunyaJobs.taskId} is null`;
  const [stored] = await tx
    .update(shunyaJobs)
    .set({
      taskId: sql`coalesce(${shunyaJobs.taskId}, ${taskId})`,
      state: sql`case when ${isFirst} and ${shunyaJobs.state} = 'ready' then 'submitted' else ${shunyaJobs.state} end`,
      submittedAt: sql`case when ${isFirst} then now() else ${shunyaJobs.submittedAt} end`,
      errorCode: sql`case when ${isFirst} then null else ${shunyaJobs.errorCode} end`,
      updatedAt: sql`now()`,
    })
    .where(eq(shunyaJobs.id, jobId))
    .returning({ state: shunyaJobs.state, hasCallbacks: hasEventsToAdopt(tx, ids) });
  return stored;
}

/** Its call was deleted while Shunya was asked: a callback that names only this id must be known for what it is. */
async function leaveTombstone(
  tx: Transaction,
  config: Config,
  job: { taskId: string; shunyaCallId: number },
): Promise<void> {
  await tx.execute(sql`
    insert into job_tombstones (company_id, shunya_call_id, task_id)
    select company_id, shunya_call_id, ${job.taskId} from job_tombstones where shunya_call_id = ${job.shunyaCallId} limit 1
    on conflict do nothing`);
  await adoptCallbacks(tx, job, config);
}

/** Records what Shunya's API said of a job's end. */
export async function recordOutcome(
  db: Database,
  config: Config,
  job: ShunyaJob,
  outcome: { result: unknown } | { failed: { code: string; retryable?: boolean } },
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockPlaces(tx, job.companyId);
    const current = await selectJob(tx, job.id, true);
    if (current?.state !== 'submitted' && current?.state !== 'reported') return;
    if ('failed' in outcome) await markingFailed(tx, job.id, outcome.failed);
    else await storeResult(tx, job, outcome.result);
    await grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
  });
}

export interface ExchangeFailure {
  code: string;
  /** What it ends: the whole job, this attempt of it, or nothing, so that it is tried again. */
  ends: 'job' | 'attempt' | null;
}

/** Writes a failed exchange on the job, for who looks there. */
export async function recordFailure(
  db: Database,
  config: Config,
  job: ShunyaJob,
  { code, ends }: ExchangeFailure,
): Promise<void> {
  await db.transaction(async (tx) => {
    if (ends) await lockPlaces(tx, job.companyId);
    if (ends === 'attempt' && (await selectJob(tx, job.id, true))?.state !== 'ready') return;
    if (ends) {
      await markingFailed(tx, job.id, { code, retryable: ends === 'attempt' });
      await grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
      return;
    }
    await tx
      .update(shunyaJobs)
      .set({ failures: sql`${shunyaJobs.failures} + 1`, errorCode: code, errorAt: sql`now()`, updatedAt: sql`now()` })
      .where(eq(shunyaJobs.id, job.id));
  });
}
