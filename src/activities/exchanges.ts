/** What calls to Shunya share, whichever activity makes them. */
import type { Config } from '../config/config.ts';
import { callRailFailureCode } from '../domain/stepFailures.ts';
import { CallRailError, isApiRecordingLink } from '../providers/callrail/client.ts';
import { ShunyaError } from '../providers/shunya/client.ts';
import type { ExchangeFailure } from '../services/analysis/exchange.ts';
import type { ShunyaJob } from '../services/analysis/jobs.ts';

export const requestOf = (job: ShunyaJob) => ({
  shunyaCallId: job.shunyaCallId,
  idempotencyKey: job.idempotencyKey,
  companyId: job.shunyaCompanyId ?? job.companyId,
  callType: job.subjectKind === 'call' ? ('csr_call' as const) : ('sales_call' as const),
});

/** The audio of a job, where nobody has to be asked for it: null for a job without, undefined where CallRail has to be. */
export function knownAudioOf(job: ShunyaJob, config: Config): string | null | undefined {
  if (job.kind !== 'transcription') return null;
  if (job.audioUrl) return job.audioUrl;
  return needsResolving(job, config) ? undefined : job.recordingUrl;
}

/** Whether CallRail's link has to be resolved: it leads to the link of the moment that is sent. */
export const needsResolving = (job: ShunyaJob, config: Config): boolean =>
  job.kind === 'transcription' && isApiRecordingLink(job.recordingUrl, config.callrailBaseUrl);

/**
 * A key that Shunya knows with another body, as after a restore from a backup, ends the attempt: the next has another key. So
 * does a resolved link behind which Shunya finds no audio: it is resolved again.
 */
export function providerFailureOf(error: unknown, wasResolved: boolean): ExchangeFailure | undefined {
  if (error instanceof ShunyaError) {
    const needsAnotherBody = error.isKeyReused || (wasResolved && error.isAboutAudio && !error.permanent);
    const ends = needsAnotherBody ? 'attempt' : error.permanent ? 'job' : null;
    return { code: error.code, ends };
  }
  if (!(error instanceof CallRailError)) return undefined;
  return {
    code: callRailFailureCode(error.code),
    ends: !error.transient && error.code === 'foreign_link' ? 'job' : null,
  };
}
