import type { PipelineWaits } from '../domain/pipelineSteps.ts';
import type { Config } from './config.ts';

/** The waits of all pipelines, as input for new workflows. */
export const pipelineWaits = (config: Config): PipelineWaits => ({
  callMaxSeconds: config.callMaxSeconds,
  visitMaxSeconds: config.visitMaxSeconds,
  recordingWaitSeconds: config.recordingWaitSeconds,
  shunyaPollSeconds: config.shunya.pollSeconds,
  shunyaJobTimeoutSeconds: config.shunya.jobTimeoutSeconds,
  retryInitialSeconds: config.providerRetry.initialSeconds,
  retryMaxSeconds: config.providerRetry.maxSeconds,
  retryAttempts: config.providerRetry.attempts,
});
