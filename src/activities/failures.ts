/**
 * Turns any error of an activity into the failure Temporal keeps: a type, a code and a host, never a message, SQL, parameters
 * or provider text, since histories are stored in clear.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import type { Logger } from 'pino';
import { causesOf } from '../domain/causes.ts';
import { callRailFailureCode, type FailureDetails, PROVIDER_FAILURE, STEP_FAILURE } from '../domain/stepFailures.ts';
import { CallRailError } from '../providers/callrail/client.ts';
import { ShunyaError } from '../providers/shunya/client.ts';

const JOB_NOT_READY = 'JobNotReady';

const failure = (type: string, details: FailureDetails) =>
  ApplicationFailure.create({ type, message: details.code, details: [details] });

/** Thrown while Shunya still works on a job: the activity's own retry is the poll. */
export const jobNotReady = () =>
  ApplicationFailure.create({
    type: JOB_NOT_READY,
    message: 'not finished yet',
    category: ApplicationFailureCategory.BENIGN,
  });

function toFailure(error: unknown): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const isProviders = error instanceof ShunyaError || error instanceof CallRailError;
  return failure(isProviders ? PROVIDER_FAILURE : STEP_FAILURE, detailsOf(error));
}

/** What a workflow may read of an error. */
export function detailsOf(error: unknown): FailureDetails {
  if (error instanceof ShunyaError) {
    const { code, hint, retryAfterSeconds } = error;
    return { code, hint, retryAfterSeconds };
  }
  if (error instanceof CallRailError) return { code: callRailFailureCode(error.code), hint: error.hint };
  return { code: stepErrorCode(error) };
}

/** The one line of a failed attempt. */
export function logFailure(logger: Logger, activity: string, error: unknown): void {
  // Not its attempt, which is always the first: the workflow counts, and decides when to try again.
  const { workflowExecution } = Context.current().info;
  logger.warn({ activity, workflow_id: workflowExecution?.workflowId, err: error }, 'activity failed');
}

/** SQLSTATE or a system's error code; else the error's class name. */
function stepErrorCode(error: unknown): string {
  for (const at of causesOf(error)) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code)) return code;
  }
  return error instanceof Error ? error.name : 'unknown';
}

// biome-ignore lint/suspicious/noExplicitAny: any set of activities, whatever they take.
type Activities = Record<string, (input: any) => Promise<unknown>>;

/** Wraps activities so that nothing but such failures leaves them; what was hidden is in the log. */
export function withSafeFailures<T extends Activities>(activities: T, logger: Logger): T {
  const wrapped = Object.entries(activities).map(([name, run]) => [
    name,
    async (input: unknown) => {
      try {
        return await run(input);
      } catch (error) {
        const safe = toFailure(error);
        if (!(safe instanceof ApplicationFailure && safe.type === JOB_NOT_READY)) logFailure(logger, name, error);
        throw safe;
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
