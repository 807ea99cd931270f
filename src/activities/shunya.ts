/** The two calls to Shunya. Regular activities: each is one HTTP exchange, retried by the workflow, not by itself. */
import { setTimeout as delay } from 'node:timers/promises';
import { isRecordingHostAllowed } from '../domain/recordingHosts.ts';
import { CallRailError } from '../providers/callrail/client.ts';
import { keepAudioUrl, recordAcceptance, recordFailure, recordOutcome } from '../services/analysis/exchange.ts';
import { type ShunyaJob, selectJob } from '../services/analysis/jobs.ts';
import { takeTurn } from '../services/analysis/pace.ts';
import type { ActivityDeps } from './deps.ts';
import { knownAudioOf, needsResolving, providerFailureOf, requestOf } from './exchanges.ts';
import { jobNotReady } from './failures.ts';

type JobOutcome = Parameters<typeof recordOutcome>[3];

export function createShunyaActivities({ db, config, shunya, callrail, pokeRelay }: ActivityDeps) {
  return {
    /**
     * Sends a job, unless it was sent already. The intent is committed before, and a repeat carries the same key and
     * body, so that Shunya answers it with the first acceptance.
     */
    async submitJob(input: { jobId: string }): Promise<void> {
      const job = await selectJob(db, input.jobId);
      if (job?.state !== 'ready') return;
      await exchange(job, async () => {
        const audioUrl = await audioOf(job);
        await delay((await takeTurn(db, config.shunya.maxPerSecond)) * 1000);
        const accepted = await shunya.submit(requestOf(job), audioUrl);
        await recordAcceptance(db, config, job, accepted);
        if (accepted.result !== undefined) pokeRelay();
      });
    },

    /**
     * Reads a job's result. While Shunya still works it throws JobNotReady, whose retry is the poll; a job that Shunya
     * reported as finished is read without asking for its state first.
     */
    async readJob(input: { jobId: string; untilFinished: boolean }): Promise<void> {
      const job = await selectJob(db, input.jobId);
      if (job?.state !== 'submitted' && job?.state !== 'reported') return;
      await exchange(job, async () => {
        const outcome = await readOutcome(job);
        if (!outcome && input.untilFinished) throw jobNotReady();
        if (!outcome) return;
        await recordOutcome(db, config, job, outcome);
        pokeRelay();
      });
    },
  };

  /** @returns what a job came to; undefined while Shunya still works on it */
  async function readOutcome(job: ShunyaJob): Promise<JobOutcome | undefined> {
    if (job.state === 'submitted') {
      const { status, error } = await shunya.getStatus(job.kind, requestOf(job));
      if (status === 'failed') return { failed: error ?? { code: 'job_failed' } };
      if (status !== 'completed') return undefined;
    }
    return { result: await shunya.getResult(job.kind, requestOf(job)) };
  }

  /** Makes an exchange, and writes a provider's failure on the job. A failure that does not end the job is thrown on. */
  async function exchange(job: ShunyaJob, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const failure = providerFailureOf(error, needsResolving(job, config));
      if (!failure) throw error;
      await recordFailure(db, config, job, failure);
      if (!failure.ends) throw error;
      // Its place is free: the job that got it is rung.
      pokeRelay();
    }
  }

  /** The audio this attempt sends: resolved once and stored with it, so that a repeat has the same body. */
  async function audioOf(job: ShunyaJob): Promise<string | null> {
    const known = knownAudioOf(job, config);
    if (known !== undefined) return known;
    if (!job.callrailApiKey) throw new CallRailError('unauthorized', { transient: true });
    const { url } = await callrail.resolveRecording({ apiKey: job.callrailApiKey, url: job.recordingUrl });
    if (!isRecordingHostAllowed(url, config.recordingHosts))
      throw new CallRailError('foreign_link', { transient: false });
    return keepAudioUrl(db, job.id, url);
  }
}
