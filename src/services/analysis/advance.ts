/** One step of an analysis: take what callbacks said of its jobs, and decide from rows what is next. */
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { analysisRuns, shunyaJobs, webhookEvents } from '../../db/schema/index.ts';
import { JOB_KINDS, type JobKind, type PipelineStage } from '../../domain/pipeline.ts';
import { type AnalysisStep, type PipelineWaits, remaining, type SubjectKey } from '../../domain/pipelineSteps.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { normalizeTranscript, readShunyaCallback } from '../../providers/shunya/payload.ts';
import { setStage } from '../pipelines/state.ts';
import { grantFreeSlots, markFailed, type ShunyaJob, selectJobs } from './jobs.ts';
import { storeResult } from './results.ts';
import { endRun, runKey } from './runs.ts';

export interface AdvanceAnalysisInput extends SubjectKey {
  generation: number;
  waits: PipelineWaits;
  /** The failed attempt that is to be followed by another; repeats of the same number do nothing more. */
  repeatAttempt?: number;
}

/**
 * Looks at the run's jobs and their callbacks, takes what has come, and says what is next. Everything about a run is
 * in rows, so this answers the same after a crash, a Reset or a new run.
 * @returns the step, and workflows that got a slot by it
 */
export async function advanceAnalysis(
  db: Database,
  config: Config,
  input: AdvanceAnalysisInput,
): Promise<{ step: AnalysisStep; woken: string[] }> {
  const limit = config.shunya.maxPerCompany;
  const woken: string[] = [];
  const asked = new Set<string>();
  const step = await db.transaction(async (tx) => {
    const [run] = await tx
      .select({ state: analysisRuns.state, shunyaCallId: analysisRuns.shunyaCallId })
      .from(analysisRuns)
      .where(runKey(input, input.generation))
      .for('update');
    if (run?.state !== 'running') return finish(null);
    woken.push(...(await takeCallbacks(tx, limit, input, asked)));
    for (const kind of JOB_KINDS) {
      const step = await advanceKind(tx, limit, input, kind, run.shunyaCallId, asked);
      if (step) return step;
    }
    await endRun(tx, input, 'analyzed', null);
    return finish('done');
  });
  return { step, woken };
}

const runStage = (kind: JobKind): PipelineStage => (kind === 'transcription' ? 'transcribing' : 'analyzing');

async function advanceKind(
  tx: Transaction,
  limit: number,
  input: AdvanceAnalysisInput,
  kind: JobKind,
  shunyaCallId: number,
  asked: ReadonlySet<string>,
): Promise<AnalysisStep | null> {
  let job = (await selectJobs(tx, input, kind))[0];
  if (!job) {
    await setStage(tx, input, runStage(kind));
    job = await createJob(tx, limit, input, kind, 1, shunyaCallId);
  }
  if (job.state === 'failed' && job.retryable !== 'no' && input.repeatAttempt === job.attempt)
    job = await createJob(tx, limit, input, kind, job.attempt + 1, shunyaCallId);
  const about = { jobId: job.id, kind, attempt: job.attempt };
  switch (job.state) {
    case 'waiting':
      await grantFreeSlots(tx, input.companyId, limit);
      job = (await selectJobs(tx, input, kind))[0] ?? job;
      return { do: job.state === 'ready' ? 'submit' : 'wait_for_slot', ...about };
    case 'ready':
      return { do: 'submit', ...about };
    case 'submitted': {
      const since = job.submittedAt ?? job.createdAt;
      const overdueInSeconds = remaining(since, input.waits.shunyaJobTimeoutSeconds);
      return {
        do: 'wait',
        askInSeconds: asked.has(job.id) ? 0 : remaining(since, input.waits.shunyaPollSeconds),
        overdueInSeconds,
        ...about,
      };
    }
    case 'reported':
      return { do: 'read', ...about };
    case 'failed': {
      if (job.retryable !== 'no') return { do: 'repeat', code: job.errorCode ?? 'job_failed', ...about };
      const reason = `refused_by_shunya:${job.errorCode ?? 'unknown'}`;
      await endRun(tx, input, 'not_analyzable', reason);
      await setStage(tx, input, 'not_analyzable', reason);
      return finish('not_analyzable');
    }
    case 'completed': {
      if (kind === 'analysis' || (await hasSpeech(tx, input))) return null;
      await endRun(tx, input, 'not_analyzable', 'no_speech');
      await setStage(tx, input, 'not_analyzable', 'no_speech');
      return finish('not_analyzable');
    }
  }
}

/**
 * Takes what callbacks of this run's jobs say, once each. @returns workflows that got a slot by it
 * @param asked gets the jobs of which a callback said something that only Shunya's API can tell
 */
async function takeCallbacks(
  tx: Transaction,
  limit: number,
  input: AdvanceAnalysisInput,
  asked: Set<string>,
): Promise<string[]> {
  const jobs = await selectJobs(tx, input);
  if (jobs.length === 0) return [];
  const events = await tx
    .select({ id: webhookEvents.id, jobId: webhookEvents.jobId, body: webhookEvents.body })
    .from(webhookEvents)
    .where(
      and(
        eq(webhookEvents.source, 'shunya'),
        inArray(
          webhookEvents.jobId,
          jobs.map((job) => job.id),
        ),
        isNull(webhookEvents.appliedAt),
      ),
    )
    .orderBy(asc(webhookEvents.sequence));
  const woken: string[] = [];
  for (const event of events) {
    const job = (await selectJobs(tx, input)).find((candidate) => candidate.id === event.jobId);
    if (job) woken.push(...(await takeCallback(tx, limit, job, event.body, asked)));
    await tx
      .update(webhookEvents)
      .set({ status: 'applied', appliedAt: sql`now()` })
      .where(eq(webhookEvents.id, event.id));
  }
  return woken;
}

async function takeCallback(
  tx: Transaction,
  limit: number,
  job: ShunyaJob,
  body: Buffer,
  asked: Set<string>,
): Promise<string[]> {
  if (job.state === 'completed' || job.state === 'failed') return [];
  const callback = readShunyaCallback(parseBodyBytes(body));
  if (callback.outcome === 'failed') {
    const { code, retryable } = callback.error ?? { code: 'job_failed' };
    return failJob(tx, limit, job, { code, retryable });
  }
  if (callback.outcome === 'completed' && callback.result) {
    const readable = job.kind === 'analysis' || normalizeTranscript(callback.result) !== null;
    if (readable) return completeJob(tx, limit, job, callback.result);
  }
  // A hint without a result, or one that contradicts itself: the API has the truth; ask at once, not at the next poll.
  asked.add(job.id);
  const state = callback.outcome === 'completed' ? ('reported' as const) : job.state;
  await tx.update(shunyaJobs).set({ state, updatedAt: sql`now()` }).where(eq(shunyaJobs.id, job.id));
  return [];
}

async function createJob(
  tx: Transaction,
  limit: number,
  input: AdvanceAnalysisInput,
  kind: JobKind,
  attempt: number,
  shunyaCallId: number,
): Promise<ShunyaJob> {
  const step = `${input.subjectKind}:${input.subjectId}:${input.generation}:${kind}:${attempt}`;
  await tx
    .insert(shunyaJobs)
    .values({
      id: step,
      companyId: input.companyId,
      subjectKind: input.subjectKind,
      subjectId: input.subjectId,
      generation: input.generation,
      kind,
      attempt,
      state: 'waiting',
      // The call id is random: a database restored from a backup never uses a key again with another body.
      idempotencyKey: `${step}:${shunyaCallId}`,
      shunyaCallId,
    })
    .onConflictDoNothing();
  await grantFreeSlots(tx, input.companyId, limit);
  const [job] = await selectJobs(tx, input, kind);
  if (!job) throw new Error('a job that was just stored is gone');
  return job;
}

async function failJob(
  tx: Transaction,
  limit: number,
  job: ShunyaJob,
  failed: { code: string; retryable?: boolean },
): Promise<string[]> {
  await markFailed(tx, job.id, failed);
  return grantFreeSlots(tx, job.companyId, limit);
}

async function completeJob(tx: Transaction, limit: number, job: ShunyaJob, raw: unknown): Promise<string[]> {
  await storeResult(tx, job, raw);
  return grantFreeSlots(tx, job.companyId, limit);
}

const finish = (stage: PipelineStage | null): AnalysisStep => ({ do: 'finish', stage });

async function hasSpeech(tx: Transaction, input: AdvanceAnalysisInput): Promise<boolean> {
  const [row] = await tx.execute<{ spoken: boolean }>(
    input.subjectKind === 'call'
      ? sql`select transcript_text ~ '\\S' as spoken from call_transcripts where call_id = ${input.subjectId} and generation = ${input.generation}`
      : sql`select transcript_text ~ '\\S' as spoken from recording_transcripts where session_id = ${input.subjectId} and generation = ${input.generation}`,
  );
  return row?.spoken ?? false;
}
