/** What a failed step says. */
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

export interface StepFailure {
  code: string;
  /** An address or status code, for who reads it. */
  hint?: string;
  retryAfterSeconds?: number;
}

/** The code that failures.ts of the activities gave it, or how Temporal ended it. Anything else is a bug, and thrown. */
export function failureOf(error: unknown): StepFailure {
  // A regular activity's failure is wrapped, a local one's is not.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  // A bug: the workflow task fails, is shown, and goes on once the code is mended.
  if (!(cause instanceof ApplicationFailure) && !(cause instanceof TimeoutFailure)) throw error;
  const [details] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  if (isDetails(details)) return details;
  return { code: cause instanceof TimeoutFailure ? 'timeout' : 'unknown' };
}

const isDetails = (value: unknown): value is StepFailure =>
  typeof value === 'object' && value !== null && 'code' in value;
