/** What the service has Temporal start by the clock. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ScheduleAlreadyRunning, type ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { errorFields, type Logger } from '../runtime/telemetry.ts';
import {
  type CallRailReconciliationInput,
  RECONCILIATION_SCHEDULE_ID,
  WORKFLOW_TYPES,
} from '../workflows/contracts.ts';

const DEADLINE_MS = 5000;
const RETRY_SECONDS = 5;
/** Even where calls and recordings are waited for only briefly, a webhook may be missed by more. */
const LOOKBACK_MIN_SECONDS = 3600;

type ScheduleConfig = Pick<Config, 'callrailReconcileSeconds' | 'callMaxSeconds' | 'recordingWaitSeconds' | 'temporal'>;

/**
 * How far back each run looks: a call may last its longest and its recording be late by all that it is waited for, and
 * both happen after the start by which CallRail lists it.
 */
export const reconciliationLookbackSeconds = (config: ScheduleConfig): number =>
  Math.max(LOOKBACK_MIN_SECONDS, config.callMaxSeconds + config.recordingWaitSeconds);

function reconciliationSchedule(config: ScheduleConfig) {
  const everyMs = config.callrailReconcileSeconds * 1000;
  const input: CallRailReconciliationInput = { lookbackSeconds: reconciliationLookbackSeconds(config) };
  return {
    spec: { intervals: [{ every: everyMs }] },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // After an outage one run is made up for: it looks back to the last success by itself.
      catchupWindow: Math.max(60_000, everyMs),
    },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.callRailReconciliation,
      workflowId: RECONCILIATION_SCHEDULE_ID,
      taskQueue: config.temporal.taskQueue,
      args: [input],
      staticSummary: "Compares CallRail's list of calls with what its webhooks told",
    },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>;
}

/** Creates the reconciliation's Schedule, or brings it to the configuration. Whether it is paused stays an operator's. */
export async function ensureReconciliationSchedule(client: Client, config: ScheduleConfig): Promise<void> {
  const schedule = reconciliationSchedule(config);
  try {
    await client.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.schedule.create({ scheduleId: RECONCILIATION_SCHEDULE_ID, ...schedule }),
    );
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID).update(({ state }) => ({ ...schedule, state })),
    );
  }
}

/** The same until it has worked or the signal is aborted: a worker starts with or without it. */
export async function keepReconciliationScheduled(
  client: Client,
  config: ScheduleConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await ensureReconciliationSchedule(client, config);
    } catch (error) {
      logger.warn(errorFields(error), 'the reconciliation could not be scheduled; trying again');
    }
    await delay(RETRY_SECONDS * 1000, undefined, { signal }).catch(() => {});
  }
}
