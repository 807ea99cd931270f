/** What a workflow reads of an activity that failed. */

/** The types of such failures. A provider could not do it now; the workflow decides when to try again. */
export const PROVIDER_FAILURE = 'ProviderFailure';
/** Postgres, or a bug of ours. */
export const STEP_FAILURE = 'StepFailure';

export interface FailureDetails {
  code: string;
  /** Where and how: a host, an HTTP status. */
  hint?: string;
  retryAfterSeconds?: number;
}

const CALLRAIL = 'callrail_';

/** The code of a failure at CallRail. A step of Shunya's may ask CallRail first, so the code has to say who failed. */
export const callRailFailureCode = (code: string) => `${CALLRAIL}${code}`;
export const isCallRailFailure = ({ code }: FailureDetails): boolean => code.startsWith(CALLRAIL);
