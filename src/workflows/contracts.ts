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

/** Filters a list of workflows for the pipelines. */
export const PIPELINES_QUERY = `WorkflowType IN ('${WORKFLOW_TYPES.callLifecycle}', '${WORKFLOW_TYPES.visitRecording}', '${WORKFLOW_TYPES.shunyaAnalysis}')`;

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
  /** Handed over by continue-as-new: the failed tries so far of the present step, and what the pipeline shows. */
  failures?: number;
  resumed?: ResumedPipeline;
}

/** What a pipeline shows, handed over by continue-as-new. */
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
  /** Handed over by continue-as-new: what the companies before that one came to. */
  soFar?: CallRailReconciliationResult;
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

/** The search attributes with which a workflow starts. */
const pipelineAttributes = (companyId: string, stage: PipelineStage) => [
  { key: SEARCH_ATTRIBUTE_KEYS.companyId, value: companyId },
  { key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: stage },
  { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: false },
];

const callAttribute = (callId: string) => ({ key: SEARCH_ATTRIBUTE_KEYS.callId, value: callId });

export const callAttributes = (companyId: string, callId: string) => [
  ...pipelineAttributes(companyId, 'awaiting_end'),
  callAttribute(callId),
];

export const visitAttributes = (companyId: string) => pipelineAttributes(companyId, 'awaiting_end');

export const analysisAttributes = (companyId: string, kind: SubjectKind, subjectId: string) => [
  ...pipelineAttributes(companyId, 'transcribing'),
  ...(kind === 'call' ? [callAttribute(subjectId)] : []),
];

export const deliveryAttributes = (companyId: string) => [{ key: SEARCH_ATTRIBUTE_KEYS.companyId, value: companyId }];
