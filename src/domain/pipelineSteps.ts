/** What pipelines wait for and do next: decided from rows by services, carried out by workflows. Ids, states and times only. */
import type { Blocker, JobKind, PipelineStage, SubjectKind } from './pipeline.ts';
import type { FailureDetails } from './stepFailures.ts';

/** The call or visit that a pipeline is about. */
export interface SubjectKey {
  companyId: string;
  subjectKind: SubjectKind;
  subjectId: string;
}

/** Waits, in seconds; input rather than environment, so that a replay sees what the run saw. */
export interface PipelineWaits {
  callMaxSeconds: number;
  visitMaxSeconds: number;
  recordingWaitSeconds: number;
  shunyaPollSeconds: number;
  shunyaJobTimeoutSeconds: number;
  retryInitialSeconds: number;
  retryMaxSeconds: number;
  /** Failed tries of a step after which a person is asked. */
  retryAttempts: number;
}

/** A step that failed and waits. */
export interface Block {
  blockedOn: Blocker;
  attempts: number;
  /** A code: the last error. */
  reason: string;
  /** Where and how it failed last: a host, an HTTP status. */
  hint?: string;
  needsAttention: boolean;
}

/** The last error of a blocked step, for who reads it. */
export const describeError = ({ reason, hint }: { reason: string; hint?: string | null }): string =>
  hint ? `${reason} (${hint})` : reason;

/** A block as a workflow has it shown, or that there is none any more. */
export interface BlockToShow {
  block: Block | null;
  /** Whether a person was asked before. */
  hadAttention: boolean;
}

/** What the pipeline of a call or visit does next. */
export type NextStep =
  | { do: 'wait'; for: 'call_end' | 'recording' | 'visit_end'; seconds: number }
  | { do: 'analyze'; generation: number }
  | { do: 'finish' };

export interface SubjectState {
  /** Null where the call or visit is gone, or was never there. */
  subjectId: string | null;
  stage: PipelineStage;
  /** What its row says of a step that failed and waits: its own, or its analysis'. */
  block: Block | null;
  next: NextStep;
}

/** What an analysis does next. */
export type AnalysisStep =
  /** Nothing left to do: analyzed, not analyzable, given up, or deleted. */
  | { do: 'finish'; stage: PipelineStage | null }
  | ({ do: 'wait_for_slot' } & AnalysisJob)
  /** `failed`: it was tried in this step. */
  | ({ do: 'submit'; failed?: FailureDetails } & AnalysisJob)
  | ({ do: 'read' } & AnalysisJob)
  | ({ do: 'wait'; askInSeconds: number; overdueInSeconds: number } & AnalysisJob)
  | ({ do: 'repeat'; code: string } & AnalysisJob);

export interface AnalysisJob {
  jobId: string;
  kind: JobKind;
  attempt: number;
}

/** What a person may ask of a blocked step: the name of the Update and the signal, and the route of its inbox row. */
export type OperatorActionName = 'retry' | 'skip';

/** What an operator sends; from REST, `reason` is the id of the audit row that has the text. */
export interface OperatorAction {
  operator: string;
  reason: string;
}

/** Seconds left of a wait that began at `since`. */
export const remaining = (since: Date, waitSeconds: number): number =>
  Math.round(since.getTime() + waitSeconds * 1000 - Date.now()) / 1000;
