/** CallRail: its API, whether it must sign, and where recordings may lie. */
import { boolean, hostList, httpUrl, positive, type Values } from './values.ts';

/** CallRail's hosts, and S3 in all of its forms; not all of amazonaws.com. */
const DEFAULT_RECORDING_HOSTS = [
  'callrail.com',
  '*.callrail.com',
  's3.amazonaws.com',
  '*.s3.amazonaws.com',
  's3.*.amazonaws.com',
  '*.s3.*.amazonaws.com',
  's3.dualstack.*.amazonaws.com',
  '*.s3.dualstack.*.amazonaws.com',
];

export const callrailVariables = {
  CALLRAIL_BASE_URL: httpUrl.default('https://api.callrail.com'),
  CALLRAIL_RECONCILE_SECONDS: positive(900),
  ALLOW_UNSIGNED_CALLRAIL: boolean.optional(),
  RECORDING_HOSTS: hostList.default(DEFAULT_RECORDING_HOSTS),
};

/** @param simulator where recordings of made-up calls lie; undefined where there is none */
export const callrailConfig = (
  env: Values<typeof callrailVariables>,
  { isProduction, simulator }: { isProduction: boolean; simulator: string | undefined },
) => ({
  callrailBaseUrl: env.CALLRAIL_BASE_URL,
  callrailReconcileSeconds: env.CALLRAIL_RECONCILE_SECONDS,
  allowUnsignedCallrail: env.ALLOW_UNSIGNED_CALLRAIL ?? !isProduction,
  recordingHosts: [...env.RECORDING_HOSTS, ...(simulator ? [simulator] : [])],
});
