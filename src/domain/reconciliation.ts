/** Which of the calls that the provider lists the webhooks have missed. Pure rules. */
import type { CallEventFields, CallStatus } from './call.ts';

/** What we have of a listed call. */
export interface KnownCall {
  /** Null where there is no row of it. */
  status: CallStatus | null;
  hasRecording: boolean;
  /** A person had it deleted. */
  deleted: boolean;
  /** Events of it are stored and not applied yet. */
  underWay: boolean;
  /** Another company that shares the provider's account has it. */
  elsewhere: boolean;
}

/** Whether a listed call has not ended: it says so, or it says nothing that only an end brings. */
export function isInProgress(fields: CallEventFields): boolean {
  const { callType, answered, durationSeconds, recordingUrl } = fields;
  if (callType !== undefined) return callType === 'in_progress';
  return answered === undefined && durationSeconds === undefined && recordingUrl === undefined;
}

/** Whether a listed call says more than we know: it is unknown, has ended meanwhile, or has a recording now. */
export function isMissed(listed: CallEventFields, known: KnownCall): boolean {
  if (known.deleted || known.underWay || known.elsewhere) return false;
  if (known.status === null) return true;
  if (isInProgress(listed)) return false;
  // We closed an abandoned one ourselves, for want of its end: here it is.
  if (['ringing', 'in_progress', 'abandoned'].includes(known.status)) return true;
  return listed.recordingUrl !== undefined && !known.hasRecording;
}

/**
 * Whether a listed call is the company's: the number called decides, else the provider's company id.
 * @param numberOwner our company that has the number called, if any
 */
export function isCallOf(
  company: { companyId: string; providerCompanyId: string | null },
  listed: { numberOwner: string | undefined; providerCompanyIds: readonly string[] },
): boolean {
  if (listed.numberOwner !== undefined) return listed.numberOwner === company.companyId;
  if (company.providerCompanyId === null) return false;
  // The list was asked for that company only, so one that names none is its.
  return listed.providerCompanyIds.length === 0 || listed.providerCompanyIds.includes(company.providerCompanyId);
}
