/** The two calls to Shunya. Regular activities: each is one HTTP exchange, retried by the workflow, not by itself. */
import { isRecordingHostAllowed } from '../domain/recordingHosts.ts';
import { CallRailError, isApiRecordingLink } from '../providers/callrail/client.ts';
import { ShunyaError } from '../providers/shunya/client.ts';
import {
  type ExchangeFailure,
  keepAudioUrl,
  recordAcceptance,
  recordFailure,
  recordOutcome,
} from '../services/analysis/exchange.ts';
import { type ShunyaJob, selectJob } from '../services/analysis/jobs.ts';
import type { ActivityDeps } from './deps.ts';
import { jobNotReady } from './failures.ts';

export function createShunyaActivities({ db, config, shunya, callrail, wakeRelay }: ActivityDeps) {
  return {
    /**
     * Sends a job, unless it was sent already. The intent is committed before, and a repeat carries the same key and
     * body, so that Shunya answers it with the first acceptance.
     */
    async submitJob(input: { jobId: string }): Promise<void> {
      const job = await selectJob(db, input.jobId);
      if (job?.state !== 'ready') return;
      await exchange(job, async () => {
        const audioUrl = job.kind === 'transcription' ? await audioOf(job) : null;
        await recordAcceptance(db, config, job, await shunya.submit(requestOf(job), audioUrl));
      });
    },

    /**
     * Reads a job's result. While Shunya still works it throws JobNotReady, whose retry is the poll; a job that Shunya
     * reported as finished is read without asking for its state first.
     */
    async readJob(input: { jobId: string; pollSeconds: number; untilFinished: boolean }): Promise<void> {
      const job = await selectJob(db, input.jobId);
      if (job?.state !== 'submitted' && job?.state !== 'reported') return;
      await exchange(job, async () => {
        if (job.state === 'submitted') {
          const { status, error } = await shunya.getStatus(job.kind, requestOf(job));
          if (status === 'failed') {
            await recordOutcome(db, config, job, { failed: error ?? { code: 'job_failed' } });
            return;
          }
          if (status !== 'completed' && input.untilFinished) throw jobNotReady(input.pollSeconds);
          if (status !== 'completed') return;
        }
        await recordOutcome(db, config, job, { result: await shunya.getResult(job.kind, requestOf(job)) });
        wakeRelay();
      });
    },
  };

  /** Runs it and writes a provider's failure on the job; one that does not end the job is thrown on. */
  async function exchange(job: ShunyaJob, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const failure = providerFailureOf(error, isResolved(job));
      if (!failure) throw error;
      await recordFailure(db, config, job, failure);
      if (!failure.ends) throw error;
    }
  }

  /** Whether what is sent is a link of the moment, behind the one that CallRail gave. */
  function isResolved(job: ShunyaJob): boolean {
    return job.kind === 'transcription' && isApiRecordingLink(job.recordingUrl, config.callrailBaseUrl);
  }

  /** The audio this attempt sends: resolved once and stored with it, so that a repeat has the same body. */
  async function audioOf(job: ShunyaJob): Promise<string> {
    if (job.audioUrl) return job.audioUrl;
    const link = job.recordingUrl;
    if (!isApiRecordingLink(link, config.callrailBaseUrl)) return link;
    if (!job.callrailApiKey) throw new CallRailError('unauthorized', { transient: true });
    const { url } = await callrail.resolveRecording({ apiKey: job.callrailApiKey, url: link });
    if (!isRecordingHostAllowed(url, config.recordingHosts))
      throw new CallRailError('foreign_link', { transient: false });
    return keepAudioUrl(db, job.id, url);
  }
}

const requestOf = (job: ShunyaJob) => ({
  shunyaCallId: job.shunyaCallId,
  idempotencyKey: job.idempotencyKey,
  companyId: job.shunyaCompanyId ?? job.companyId,
  callType: job.subjectKind === 'call' ? ('csr_call' as const) : ('sales_call' as const),
});

/**
 * A key that Shunya knows with another body, as after a restore from a backup, ends the attempt: the next has another key. So
 * does a resolved link behind which Shunya finds no audio: it is resolved again.
 */
function providerFailureOf(error: unknown, isResolved: boolean): ExchangeFailure | undefined {
  if (error instanceof ShunyaError) {
    const needsAnotherBody = error.isKeyReused || (isResolved && error.isAboutAudio && !error.permanent);
    const ends = needsAnotherBody ? 'attempt' : error.permanent ? 'job' : null;
    return { code: error.code, ends };
  }
  if (!(error instanceof CallRailError)) return undefined;
  return { code: `callrail_${error.code}`, ends: !error.transient && error.code === 'foreign_link' ? 'job' : null };
}
