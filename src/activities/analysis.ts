/** The database steps of an analysis run: which job is next, what a callback said, what the results are. */
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { analysisRuns, shunyaJobs, webhookEvents } from '../db/schema/index.ts';
import { JOB_KINDS, type JobKind, type PipelineStage } from '../domain/pipeline.ts';
import { parseBodyBytes } from '../domain/text.ts';
import { normalizeTranscript, readShunyaCallback } from '../providers/shunya/payload.ts';
import type { Block, PipelineWaits } from '../workflows/contracts.ts';
import type { ActivityDeps } from './deps.ts';
import { grantFreeSlots, markFailed, type ShunyaJob, selectJobs } from './jobs.ts';
import { storeResult } from './results.ts';
import { remaining, runKey, type SubjectKey, setBlock, setStage } from './runs.ts';

export interface AdvanceAnalysisInput extends SubjectKey {
  generation: number;
  waits: PipelineWaits;
  /** The failed attempt that is to be followed by another; repeats of the same number do nothing more. */
  repeatAttempt?: number;
}

export type AnalysisStep =
  /** Nothing left to do: analyzed, not analyzable, given up, or deleted. */
  | { do: 'finish'; stage: PipelineStage | null }
  | ({ do: 'wait_for_slot' | 'submit' | 'read' } & AnalysisJob)
  | ({ do: 'wait'; askInSeconds: number; overdueInSeconds: number } & AnalysisJob)
  | ({ do: 'repeat'; code: string } & AnalysisJob);

export interface AnalysisJob {
  jobId: string;
  kind: JobKind;
  attempt: number;
}

export const runStage = (kind: JobKind): PipelineStage => (kind === 'transcription' ? 'transcribing' : 'analyzing');

export function createAnalysisActivities({ db, config, ring }: ActivityDeps) {
  return {
    /**
     * Looks at the run's jobs and their callbacks, takes what has come, and says what is next. Everything about a run is
     * in rows, so this answers the same after a crash, a Reset or a new run.
     */
    async advanceAnalysis(input: AdvanceAnalysisInput): Promise<AnalysisStep> {
      const woken: string[] = [];
      const asked = new Set<string>();
      const step = await db.transaction(async (tx) => {
        const [run] = await tx
          .select({ state: analysisRuns.state, shunyaCallId: analysisRuns.shunyaCallId })
          .from(analysisRuns)
          .where(runKey(input, input.generation))
          .for('update');
        if (run?.state !== 'running') return finish(null);
        woken.push(...(await takeCallbacks(tx, input, asked)));
        for (const kind of JOB_KINDS) {
          const step = await advanceKind(tx, input, kind, run.shunyaCallId, asked);
          if (step) return step;
        }
        await endRun(tx, input, 'analyzed', null);
        return finish('done');
      });
      ring(woken);
      return step;
    },

    /** Shows on the row of the call or visit that a step is blocked, or that it goes on. */
    async showBlock(input: SubjectKey & { block: Block | null }): Promise<void> {
      await setBlock(db, input, input.block);
    },

    /** An operator gives the blocked step up: the pipeline ends as failed, and no job of it counts any more. */
    async giveUp(input: SubjectKey): Promise<void> {
      const woken = await db.transaction(async (tx) => {
        await tx
          .update(analysisRuns)
          .set({ state: 'failed', reason: 'skipped_by_operator', finishedAt: sql`now()` })
          .where(
            and(
              eq(analysisRuns.subjectKind, input.subjectKind),
              eq(analysisRuns.subjectId, input.subjectId),
              inArray(analysisRuns.state, ['running', 'analyzed']),
            ),
          );
        const ended = await tx
          .update(shunyaJobs)
          .set({ state: 'failed', errorCode: 'skipped_by_operator', retryable: 'no', finishedAt: sql`now()` })
          .where(
            and(
              eq(shunyaJobs.subjectKind, input.subjectKind),
              eq(shunyaJobs.subjectId, input.subjectId),
              inArray(shunyaJobs.state, ['waiting', 'ready', 'submitted', 'reported']),
            ),
          )
          .returning({ id: shunyaJobs.id });
        await setBlock(tx, input, null);
        await setStage(tx, input, 'failed', 'skipped_by_operator');
        return ended.length > 0 ? grantSlots(tx, input.companyId) : [];
      });
      ring(woken);
    },
  };

  async function advanceKind(
    tx: Transaction,
    input: AdvanceAnalysisInput,
    kind: JobKind,
    shunyaCallId: number,
    asked: ReadonlySet<string>,
  ): Promise<AnalysisStep | null> {
    let job = (await selectJobs(tx, input, kind))[0];
    if (!job) {
      await setStage(tx, input, runStage(kind));
      job = await createJob(tx, input, kind, 1, shunyaCallId);
    }
    if (job.state === 'failed' && job.retryable !== 'no' && input.repeatAttempt === job.attempt)
      job = await createJob(tx, input, kind, job.attempt + 1, shunyaCallId);
    const about = { jobId: job.id, kind, attempt: job.attempt };
    switch (job.state) {
      case 'waiting':
        await grantSlots(tx, input.companyId);
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
  async function takeCallbacks(tx: Transaction, input: AdvanceAnalysisInput, asked: Set<string>): Promise<string[]> {
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
      if (job) woken.push(...(await takeCallback(tx, job, event.body, asked)));
      await tx
        .update(webhookEvents)
        .set({ status: 'applied', appliedAt: sql`now()` })
        .where(eq(webhookEvents.id, event.id));
    }
    return woken;
  }

  async function takeCallback(tx: Transaction, job: ShunyaJob, body: Buffer, asked: Set<string>): Promise<string[]> {
    if (job.state === 'completed' || job.state === 'failed') return [];
    const callback = readShunyaCallback(parseBodyBytes(body));
    if (callback.outcome === 'failed') {
      const { code, retryable } = callback.error ?? { code: 'job_failed' };
      return failJob(tx, job, { code, retryable });
    }
    if (callback.outcome === 'completed' && callback.result) {
      const readable = job.kind === 'analysis' || normalizeTranscript(callback.result) !== null;
      if (readable) return completeJob(tx, job, callback.result);
    }
    // A hint without a result, or one that contradicts itself: the API has the truth; ask at once, not at the next poll.
    asked.add(job.id);
    const state = callback.outcome === 'completed' ? ('reported' as const) : job.state;
    await tx.update(shunyaJobs).set({ state, updatedAt: sql`now()` }).where(eq(shunyaJobs.id, job.id));
    return [];
  }

  async function createJob(
    tx: Transaction,
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
    await grantSlots(tx, input.companyId);
    const [job] = await selectJobs(tx, input, kind);
    if (!job) throw new Error('a job that was just stored is gone');
    return job;
  }

  async function grantSlots(tx: Transaction, companyId: string): Promise<string[]> {
    return grantFreeSlots(tx, companyId, config.shunya.maxPerCompany);
  }

  async function failJob(
    tx: Transaction,
    job: ShunyaJob,
    failed: { code: string; retryable?: boolean },
  ): Promise<string[]> {
    await markFailed(tx, job.id, failed);
    return grantSlots(tx, job.companyId);
  }

  async function completeJob(tx: Transaction, job: ShunyaJob, raw: unknown): Promise<string[]> {
    await storeResult(tx, job, raw);
    return grantSlots(tx, job.companyId);
  }
}

const finish = (stage: PipelineStage | null): AnalysisStep => ({ do: 'finish', stage });

async function endRun(
  tx: Transaction,
  input: AdvanceAnalysisInput,
  state: 'analyzed' | 'not_analyzable',
  reason: string | null,
): Promise<void> {
  await tx.update(analysisRuns).set({ state, reason, finishedAt: sql`now()` }).where(runKey(input, input.generation));
}

async function hasSpeech(tx: Transaction, input: AdvanceAnalysisInput): Promise<boolean> {
  const [row] = await tx.execute<{ spoken: boolean }>(
    input.subjectKind === 'call'
      ? sql`select transcript_text ~ '\\S' as spoken from call_transcripts where call_id = ${input.subjectId} and generation = ${input.generation}`
      : sql`select transcript_text ~ '\\S' as spoken from recording_transcripts where session_id = ${input.subjectId} and generation = ${input.generation}`,
  );
  return row?.spoken ?? false;
}
