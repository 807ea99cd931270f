/**
 * Names that clients of the workflows share with them: types, ids, inputs, signals, updates, queries.
 * Everything here enters Temporal's history, so it holds ids, states and times only.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Blocker, PipelineStage, SubjectKind } from '../domain/pipeline.ts';
import type { Block, OperatorAction, PipelineWaits } from '../domain/pipelineSteps.ts';

export const WORKFLOW_TYPES = {
  callLifecycle: 'CallLifecycle',
  shunyaAnalysis: 'ShunyaAnalysis',
  visitRecording: 'VisitRecording',
  webhookDelivery: 'WebhookDelivery',
  callRailReconciliation: 'CallRailReconciliation',
} as const;

/** The pipelines, as a filter of a list of workflows. */
export const IS_PIPELINE = `WorkflowType IN ('${WORKFLOW_TYPES.callLifecycle}', '${WORKFLOW_TYPES.visitRecording}', '${WORKFLOW_TYPES.shunyaAnalysis}')`;

/**
 * In the memo of every workflow: raised when running ones cannot go on with the code of a release. `npm run migrate` ends
 * those of an earlier form; they start again from their rows.
 */
export const WORKFLOW_FORM = 2;

/** Activities that call Shunya have queues of their own: submits are rate-limited, polls must not eat that budget. */
export const shunyaSubmitQueue = (taskQueue: string) => `${taskQueue}-shunya-submit`;
export const shunyaReadQueue = (taskQueue: string) => `${taskQueue}-shunya-read`;
/** So have webhooks that we send: receivers may be slow. */
export const deliveryQueue = (taskQueue: string) => `${taskQueue}-deliveries`;
/** Reading CallRail's list of calls takes minutes; it must not take the place of anything quick. */
export const callrailQueue = (taskQueue: string) => `${taskQueue}-callrail`;

/** The Schedule that starts CallRailReconciliation, and the beginning of the ids of the workflows it starts. */
export const RECONCILIATION_SCHEDULE_ID = 'callrail-reconciliation';

export interface CallLifecycleInput {
  companyId: string;
  providerCallId: string;
  waits: PipelineWaits;
}

export interface VisitRecordingInput {
  companyId: string;
  sessionId: string;
  waits: PipelineWaits;
}

export interface ShunyaAnalysisInput {
  companyId: string;
  subjectKind: SubjectKind;
  subjectId: string;
  generation: number;
  waits: PipelineWaits;
  /** Failed tries so far of the step that an earlier, longer history of this run was at, and how that stood. */
  failures?: number;
  resumed?: ResumedPipeline;
}

/** What a pipeline shows, handed on to a run with a short history. */
export interface ResumedPipeline {
  stage: PipelineStage;
  block: Block | null;
  /** When the blocked step is due, epoch ms. */
  notBefore: number;
}

export interface CallRailReconciliationInput {
  /** Compares again this far back from where it was before: a call's end and recording come after its start. */
  lookbackSeconds: number;
  /** Companies by id: only those after this one. */
  after?: string;
}

export interface CallRailReconciliationResult {
  companies: number;
  /** Calls that the webhooks had missed. */
  fed: number;
  /** Companies that could not be compared; their rows say why. */
  failed: number;
}

export interface WebhookDeliveryInput {
  companyId: string;
  deliveryId: string;
  /** Waits between attempts; after the last one it is given up. */
  retrySeconds: readonly number[];
}

/** Says only that rows have changed: the workflow advances. `eventId` is for the reader of the history. */
export interface Ring {
  eventId?: string;
}

export interface OperatorAnswer {
  /** Where the action takes effect: this workflow, or the analysis beside that is blocked. */
  workflowId: string;
  effect: 'retrying' | 'skipped' | 'passed_on';
}

/** The answer of the query `status`. */
export interface PipelineStatus {
  stage: PipelineStage;
  /** In plain words. */
  waitingFor: string;
  /** ISO 8601 in UTC. */
  since: string;
  blockedOn: Blocker | null;
  needsAttention: boolean;
  attempts: number;
  lastError: string | null;
  /** When the blocked step is tried again by itself, ISO 8601 in UTC. */
  nextTryAt: string | null;
}

export const ringSignal = defineSignal<[Ring]>('ring');
// May be sent without an argument, and with garbage: the handlers make of it what they can.
export const retrySignal = defineSignal<[OperatorAction]>('retry');
export const skipSignal = defineSignal<[OperatorAction]>('skip');
export const retryUpdate = defineUpdate<OperatorAnswer, [OperatorAction]>('retry');
export const skipUpdate = defineUpdate<OperatorAnswer, [OperatorAction]>('skip');
export const statusQuery = defineQuery<PipelineStatus>('status');

export const SEARCH_ATTRIBUTE_KEYS = {
  companyId: defineSearchAttributeKey('CompanyId', 'KEYWORD'),
  callId: defineSearchAttributeKey('CallId', 'KEYWORD'),
  pipelineStage: defineSearchAttributeKey('PipelineStage', 'KEYWORD'),
  blockedOn: defineSearchAttributeKey('BlockedOn', 'KEYWORD'),
  needsAttention: defineSearchAttributeKey('NeedsAttention', 'BOOL'),
} as const;

/** What a workflow is found by from its first moment on. */
export const callAttributes = (companyId: string, callId: string) => [
  { key: SEARCH_ATTRIBUTE_KEYS.companyId, value: companyId },
  { key: SEARCH_ATTRIBUTE_KEYS.callId, value: callId },
  { key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: 'awaiting_end' satisfies PipelineStage },
  { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: false },
];

export const deliveryAttributes = (companyId: string) => [{ key: SEARCH_ATTRIBUTE_KEYS.companyId, value: companyId }];

/** A visit is no call: it has no CallId. */
export const visitAttributes = (companyId: string) =>
  callAttributes(companyId, '').filter(({ key }) => key !== SEARCH_ATTRIBUTE_KEYS.callId);

export const analysisAttributes = (companyId: string, kind: SubjectKind, subjectId: string) => [
  { key: SEARCH_ATTRIBUTE_KEYS.companyId, value: companyId },
  ...(kind === 'call' ? [{ key: SEARCH_ATTRIBUTE_KEYS.callId, value: subjectId }] : []),
  { key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: 'transcribing' satisfies PipelineStage },
  { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: false },
];
