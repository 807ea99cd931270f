/** The two calls to Shunya. Regular activities: each is one HTTP exchange, retried by the workflow, not by itself. */
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { analysisRuns, shunyaJobs } from '../db/schema/index.ts';
import { isRecordingHostAllowed } from '../domain/recordingHosts.ts';
import { CallRailError, isApiRecordingLink } from '../providers/callrail/client.ts';
import { ShunyaError } from '../providers/shunya/client.ts';
import { adoptCallbacks, lockTaskId } from '../services/inbox/routing.ts';
import type { ActivityDeps } from './deps.ts';
import { jobNotReady } from './failures.ts';
import { grantFreeSlots, markFailed, type ShunyaJob, selectJob } from './jobs.ts';
import { storeResult } from './results.ts';
import { runKey } from './runs.ts';

export function createShunyaActivities({ db, config, shunya, callrail, ring }: ActivityDeps) {
  return {
    /**
     * Sends a job, unless it was sent already. The intent is committed before, and a repeat carries the same key and
     * body, so that Shunya answers it with the first acceptance.
     */
    async submitJob(input: { jobId: string }): Promise<void> {
      const job = await db.transaction((tx) => selectJob(tx, input.jobId));
      if (job?.state !== 'ready') return;
      try {
        const audioUrl = job.kind === 'transcription' ? await audioOf(job) : null;
        const accepted = await send(job, audioUrl);
        await recordAcceptance(job, accepted);
      } catch (error) {
        await recordFailure(job, error);
      }
    },

    /**
     * Reads a job's result. While Shunya still works it throws JobNotReady, whose retry is the poll; a job that Shunya
     * reported as finished is read without asking for its state first.
     */
    async readJob(input: { jobId: string; pollSeconds: number; untilFinished: boolean }): Promise<void> {
      const job = await db.transaction((tx) => selectJob(tx, input.jobId));
      if (job?.state !== 'submitted' && job?.state !== 'reported') return;
      const call = { shunyaCallId: job.shunyaCallId, companyId: job.shunyaCompanyId ?? job.companyId };
      try {
        if (job.state === 'submitted') {
          const answer = await shunya.getStatus(job.kind, call);
          if (answer.status === 'failed') return await settle(job, { failed: answer.error ?? { code: 'job_failed' } });
          if (answer.status !== 'completed') {
            if (input.untilFinished) throw jobNotReady(input.pollSeconds);
            return;
          }
        }
        const raw = job.kind === 'transcription' ? await shunya.getTranscript(call) : await shunya.getAnalysis(call);
        await settle(job, { result: raw });
      } catch (error) {
        await recordFailure(job, error);
      }
    },
  };

  async function send(job: ShunyaJob, audioUrl: string | null): Promise<{ taskId: string | null; result?: unknown }> {
    const { shunyaCallId, idempotencyKey } = job;
    const call = { shunyaCallId, idempotencyKey, companyId: job.shunyaCompanyId ?? job.companyId };
    if (audioUrl === null) return shunya.startAnalysis(call);
    const callType = job.subjectKind === 'call' ? 'csr_call' : 'sales_call';
    const { taskId, transcript } = await shunya.startTranscription({ ...call, audioUrl, callType });
    if (!transcript) return { taskId };
    const { text, turns, language, confidence } = transcript;
    const labels = turns.map((turn) => ({
      speaker: turn.speaker,
      text: turn.text,
      start_time: turn.startSeconds,
      end_time: turn.endSeconds,
    }));
    return {
      taskId,
      result: { transcript_text: text, speaker_labels: labels, language, confidence_score: confidence },
    };
  }

  /** The audio this attempt sends: resolved once and stored with it, so that a repeat has the same body. */
  async function audioOf(job: ShunyaJob): Promise<string> {
    if (job.audioUrl) return job.audioUrl;
    const [run] = await db
      .select({ recordingUrl: analysisRuns.recordingUrl })
      .from(analysisRuns)
      .where(runKey(job, job.generation));
    const link = run?.recordingUrl ?? '';
    let audioUrl = link;
    if (isApiRecordingLink(link, config.callrailBaseUrl)) {
      if (!job.callrailApiKey) throw new CallRailError('unauthorized', { transient: true });
      audioUrl = (await callrail.resolveRecording({ apiKey: job.callrailApiKey, url: link })).url;
      if (!isRecordingHostAllowed(audioUrl, config.recordingHosts))
        throw new CallRailError('foreign_link', { transient: false });
    }
    // The first writer wins: two runs of this activity must send the same body.
    const [stored] = await db
      .update(shunyaJobs)
      .set({ audioUrl: sql`coalesce(${shunyaJobs.audioUrl}, ${audioUrl})` })
      .where(eq(shunyaJobs.id, job.id))
      .returning({ audioUrl: shunyaJobs.audioUrl });
    return stored?.audioUrl ?? audioUrl;
  }

  async function recordAcceptance(job: ShunyaJob, accepted: { taskId: string | null; result?: unknown }) {
    const woken = await db.transaction(async (tx) => {
      if (accepted.taskId) await lockTaskId(tx, accepted.taskId);
      const current = await selectJob(tx, job.id, true);
      if (!current) {
        if (accepted.taskId) await forgetJob(tx, { taskId: accepted.taskId, shunyaCallId: job.shunyaCallId });
        return [];
      }
      if (accepted.taskId && !current.taskId) {
        await tx
          .update(shunyaJobs)
          .set({
            taskId: accepted.taskId,
            ...(current.state === 'ready' ? { state: 'submitted' as const } : {}),
            submittedAt: sql`now()`,
            errorCode: null,
            updatedAt: sql`now()`,
          })
          .where(eq(shunyaJobs.id, job.id));
        await adoptCallbacks(tx, { taskId: accepted.taskId, shunyaCallId: job.shunyaCallId }, config);
      }
      if (accepted.result === undefined || current.state === 'failed') return [];
      await storeResult(tx, job, accepted.result);
      return grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
    });
    ring(woken);
  }

  /** Its call was deleted while Shunya was asked: a callback that names only this id must be known for what it is. */
  async function forgetJob(tx: Transaction, job: { taskId: string; shunyaCallId: number }): Promise<void> {
    await tx.execute(sql`
      insert into job_tombstones (company_id, shunya_call_id, task_id)
      select company_id, shunya_call_id, ${job.taskId} from job_tombstones where shunya_call_id = ${job.shunyaCallId} limit 1
      on conflict do nothing`);
    await adoptCallbacks(tx, job, config);
  }

  async function settle(
    job: ShunyaJob,
    outcome: { result: unknown } | { failed: { code: string; retryable?: boolean } },
  ): Promise<void> {
    const woken = await db.transaction(async (tx) => {
      const current = await selectJob(tx, job.id, true);
      if (current?.state !== 'submitted' && current?.state !== 'reported') return [];
      if ('failed' in outcome) await markFailed(tx, job.id, outcome.failed);
      else await storeResult(tx, job, outcome.result);
      return grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
    });
    ring(woken);
  }

  /**
   * Writes the failure on the job for who looks there. A permanent one ends the job; so does a key that Shunya knows with
   * another body, as after a restore from a backup, and the next attempt has another key. Any other one goes on as thrown.
   */
  async function recordFailure(job: ShunyaJob, error: unknown): Promise<void> {
    const provider = error instanceof ShunyaError || error instanceof CallRailError;
    if (!provider) throw error;
    const permanent =
      error instanceof ShunyaError ? error.permanent : !error.transient && error.code === 'foreign_link';
    const keyReused = error instanceof ShunyaError && error.isKeyReused;
    const woken = await db.transaction(async (tx) => {
      const code = error instanceof ShunyaError ? error.code : `callrail_${error.code}`;
      if (keyReused && (await selectJob(tx, job.id, true))?.state !== 'ready') return [];
      if (permanent || keyReused) {
        await markFailed(tx, job.id, { code, retryable: keyReused });
        return grantFreeSlots(tx, job.companyId, config.shunya.maxPerCompany);
      }
      await tx
        .update(shunyaJobs)
        .set({ failures: sql`${shunyaJobs.failures} + 1`, errorCode: code, errorAt: sql`now()`, updatedAt: sql`now()` })
        .where(eq(shunyaJobs.id, job.id));
      return [];
    });
    ring(woken);
    if (!permanent && !keyReused) throw error;
  }
}
