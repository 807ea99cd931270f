/**
 * The first try of a submit, in the step that made its job ready: no turn in a queue, and no second step. The queue, which
 * is limited and fair to companies, has what this leaves: all of it while Shunya is busy, slow or away.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { AnalysisStep, PipelineWaits } from '../domain/pipelineSteps.ts';
import { recordAcceptance, recordFailure } from '../services/analysis/exchange.ts';
import type { ShunyaJob } from '../services/analysis/jobs.ts';
import { takeSpareTurn } from '../services/analysis/pace.ts';
import type { ActivityDeps } from './deps.ts';
import { knownAudioOf, needsResolving, providerFailureOf, requestOf } from './exchanges.ts';
import { detailsOf, logFailure } from './failures.ts';

/** At once, by one worker: most of its places for database steps must stay free. */
const AT_ONCE = 4;
/** A database step may wait for no more. */
const PATIENCE_MS = 2000;
/** Once Shunya took longer than that, others do not wait for the same. */
const SLOW_FOR_MS = 30_000;

type SubmitStep = Extract<AnalysisStep, { do: 'submit' }>;

/** @returns the next step; undefined where the rows say it */
export type PromptSubmit = (
  job: ShunyaJob,
  step: SubmitStep,
  waits: PipelineWaits,
) => Promise<AnalysisStep | undefined>;

export function createPromptSubmit(deps: Pick<ActivityDeps, 'db' | 'config' | 'shunya' | 'logger'>): PromptSubmit {
  const { db, config, shunya, logger } = deps;
  let underWay = 0;
  let slowUntil = 0;

  return async (job, step, waits) => {
    const audioUrl = knownAudioOf(job, config);
    if (audioUrl === undefined || underWay >= AT_ONCE || Date.now() < slowUntil) return step;
    if (!(await takeSpareTurn(db, config.shunya.maxPerSecond))) return step;
    const submitting = shunya.submit(requestOf(job), audioUrl);
    underWay += 1;
    const end = () => {
      underWay -= 1;
    };
    submitting.then(end, end);
    try {
      const accepted = await Promise.race([submitting, delay(PATIENCE_MS, null, { ref: false })]);
      if (accepted === null) {
        slowUntil = Date.now() + SLOW_FOR_MS;
        // The queue sends the same key and body, and waits longer. What the first answers counts all the same.
        submitting
          .then((late) => recordAcceptance(db, config, job, late))
          .catch((error: unknown) => logger.warn({ job_id: job.id, err: error }, 'a slow submit failed'));
        return step;
      }
      const { isUnderWay } = await recordAcceptance(db, config, job, accepted);
      if (!isUnderWay) return undefined;
      const { shunyaPollSeconds: askInSeconds, shunyaJobTimeoutSeconds: overdueInSeconds } = waits;
      return { ...step, do: 'wait', askInSeconds, overdueInSeconds };
    } catch (error) {
      const failure = providerFailureOf(error, needsResolving(job, config));
      if (!failure) throw error;
      // It does not fail its activity: what the transaction before wrote stands.
      logFailure(logger, 'submitJob', error);
      await recordFailure(db, config, job, failure);
      if (failure.ends) return undefined;
      return { ...step, failed: detailsOf(error) };
    }
  };
}
