/** How long things are waited for, tried again and kept. */
import type { PipelineWaits } from '../domain/pipelineSteps.ts';
import { positive, positiveInteger, secondsList, type Values } from './values.ts';

/** As Standard Webhooks proposes: about three days in all. */
const WEBHOOK_RETRY_SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

export const waitVariables = {
  RECORDING_WAIT_SECONDS: positive(86_400),
  CALL_MAX_SECONDS: positive(14_400),
  VISIT_MAX_SECONDS: positive(43_200),
  PROVIDER_RETRY_INITIAL_SECONDS: positive(1),
  PROVIDER_RETRY_MAX_SECONDS: positive(300),
  PROVIDER_RETRY_ATTEMPTS: positiveInteger(8),
  WEBHOOK_RETRY_SECONDS: secondsList(WEBHOOK_RETRY_SECONDS),
  UNROUTED_EVENT_DAYS: positive(30).refine((days) => days <= 30, 'must be at most 30'),
};

export const waitConfig = (env: Values<typeof waitVariables>) => ({
  recordingWaitSeconds: env.RECORDING_WAIT_SECONDS,
  callMaxSeconds: env.CALL_MAX_SECONDS,
  visitMaxSeconds: env.VISIT_MAX_SECONDS,
  providerRetry: {
    initialSeconds: env.PROVIDER_RETRY_INITIAL_SECONDS,
    maxSeconds: env.PROVIDER_RETRY_MAX_SECONDS,
    attempts: env.PROVIDER_RETRY_ATTEMPTS,
  },
  /** Waits between attempts at an outgoing webhook; after the last one it is given up. */
  webhookRetrySeconds: env.WEBHOOK_RETRY_SECONDS,
  /** How long webhooks are kept that take no effect. */
  unroutedEventDays: env.UNROUTED_EVENT_DAYS,
});

type Waits = ReturnType<typeof waitConfig> & { shunya: { pollSeconds: number; jobTimeoutSeconds: number } };

/** The waits of all pipelines, as input for new workflows. */
export const pipelineWaits = (config: Readonly<Waits>): PipelineWaits => ({
  callMaxSeconds: config.callMaxSeconds,
  visitMaxSeconds: config.visitMaxSeconds,
  recordingWaitSeconds: config.recordingWaitSeconds,
  shunyaPollSeconds: config.shunya.pollSeconds,
  shunyaJobTimeoutSeconds: config.shunya.jobTimeoutSeconds,
  retryInitialSeconds: config.providerRetry.initialSeconds,
  retryMaxSeconds: config.providerRetry.maxSeconds,
  retryAttempts: config.providerRetry.attempts,
});
