import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../domain/stepFailures.ts';

/** What src/activities/failures.ts says of a failed activity, or how Temporal ended it. Anything else is a bug, and thrown. */
export function failureOf(error: unknown): FailureDetails {
  // A regular activity's failure is wrapped, a local one's is not.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  // A bug: the workflow task fails, is shown, and goes on once the code is mended.
  if (!(cause instanceof ApplicationFailure) && !(cause instanceof TimeoutFailure)) throw error;
  const [details] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  if (isDetails(details)) return details;
  return { code: cause instanceof TimeoutFailure ? 'timeout' : 'unknown' };
}

const isDetails = (value: unknown): value is FailureDetails =>
  typeof value === 'object' && value !== null && 'code' in value;
