/** What a workflow reads of an activity that failed. */

/** The type of a failure: a provider could not do it now; the workflow decides when to try again. */
export const PROVIDER_FAILURE = 'ProviderFailure';
/** The type of a failure: Postgres, or a bug of ours. */
export const STEP_FAILURE = 'StepFailure';

export interface FailureDetails {
  code: string;
  /** Where and how: a host, an HTTP status. */
  hint?: string;
  retryAfterSeconds?: number;
}

const CALLRAIL = 'callrail_';

/** The code of a failure at CallRail. A submit to Shunya may ask CallRail first, so the code says who failed. */
export const callRailFailureCode = (code: string) => `${CALLRAIL}${code}`;
export const isCallRailFailure = ({ code }: FailureDetails): boolean => code.startsWith(CALLRAIL);
