/** Rings a workflow: one signal, which starts it where it does not run. */
import type { Client } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { pipelineWaits } from '../config/waits.ts';
import { callIdOf } from '../domain/callId.ts';
import type { PipelineWaits } from '../domain/pipelineSteps.ts';
import { parseWorkflowId, type WorkflowName } from '../domain/workflowIds.ts';
import {
  analysisAttributes,
  callAttributes,
  deliveryAttributes,
  ringSignal,
  visitAttributes,
  WORKFLOW_FORM,
  WORKFLOW_TYPES,
} from '../workflows/contracts.ts';

/** The stored event that a workflow is rung for. */
export interface RingingEvent {
  id: string;
  workflowId: string;
  companyId: string;
  providerCallId: string | null;
  /** Of a callback of Shunya. It may come when its analysis is over, so it starts none. */
  jobId: string | null;
  /** Of a ring of an analysis: CallRail's id of its call, for the summary in the list of workflows. */
  summaryCallId: string | null;
}

type Named<Type> = Extract<WorkflowName, { type: Type }>;

/**
 * Sends one signal, which carries the event's id at most; it starts the workflow where none runs, but for a callback of
 * Shunya.
 * @throws {WorkflowNotFoundError} where a callback finds no workflow
 */
export async function ringWorkflow(client: Client, config: Config, event: RingingEvent): Promise<void> {
  const subject = parseWorkflowId(event.workflowId);
  const waits = pipelineWaits(config);
  switch (subject?.type) {
    case 'call':
      return signalCallLifecycle(client, config, event, waits);
    case 'visit':
      return signalVisitRecording(client, config, event, waits, subject);
    case 'analysis':
      if (event.jobId) return client.workflow.getHandle(event.workflowId).signal(ringSignal, { eventId: event.id });
      return signalShunyaAnalysis(client, config, event, waits, subject);
    case 'delivery':
      return signalWebhookDelivery(client, config, event, subject);
    default:
      throw new Error('an event names no workflow of ours');
  }
}

const startOptions = (config: Config, { id, workflowId, companyId }: RingingEvent) =>
  ({
    workflowId,
    taskQueue: config.temporal.taskQueue,
    signal: ringSignal,
    signalArgs: [{ eventId: id }] as [{ eventId: string }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    memo: { form: WORKFLOW_FORM },
    // Its workflow tasks take turns with other companies' as its events do in the inbox.
    priority: { fairnessKey: companyId.slice(0, 64) },
  }) as const;

async function signalCallLifecycle(
  client: Client,
  config: Config,
  event: RingingEvent,
  waits: PipelineWaits,
): Promise<void> {
  const { companyId, providerCallId } = event;
  if (!providerCallId) throw new Error('an event of a call does not name it');
  await client.workflow.signalWithStart(WORKFLOW_TYPES.callLifecycle, {
    ...startOptions(config, event),
    args: [{ companyId, providerCallId, waits }],
    typedSearchAttributes: callAttributes(companyId, callIdOf(companyId, providerCallId)),
    staticSummary: summaryOf(companyId, providerCallId),
  });
}

async function signalVisitRecording(
  client: Client,
  config: Config,
  event: RingingEvent,
  waits: PipelineWaits,
  { sessionId }: Named<'visit'>,
): Promise<void> {
  const { companyId } = event;
  await client.workflow.signalWithStart(WORKFLOW_TYPES.visitRecording, {
    ...startOptions(config, event),
    args: [{ companyId, sessionId, waits }],
    typedSearchAttributes: visitAttributes(companyId),
    staticSummary: summaryOf(companyId, 'visit'),
  });
}

async function signalShunyaAnalysis(
  client: Client,
  config: Config,
  event: RingingEvent,
  waits: PipelineWaits,
  { subjectKind, subjectId, generation }: Named<'analysis'>,
): Promise<void> {
  const { companyId, summaryCallId } = event;
  const repeat = generation > 1 ? `, generation ${generation}` : '';
  await client.workflow.signalWithStart(WORKFLOW_TYPES.shunyaAnalysis, {
    ...startOptions(config, event),
    args: [{ companyId, subjectKind, subjectId, generation, waits }],
    typedSearchAttributes: analysisAttributes(companyId, subjectKind, subjectId),
    staticSummary: summaryOf(companyId, summaryCallId ?? subjectKind, `transcription and analysis${repeat}`),
  });
}

async function signalWebhookDelivery(
  client: Client,
  config: Config,
  event: RingingEvent,
  { deliveryId }: Named<'delivery'>,
): Promise<void> {
  const { companyId } = event;
  await client.workflow.signalWithStart(WORKFLOW_TYPES.webhookDelivery, {
    ...startOptions(config, event),
    args: [{ companyId, deliveryId, retrySeconds: config.webhookRetrySeconds }],
    typedSearchAttributes: deliveryAttributes(companyId),
    staticSummary: summaryOf(companyId, 'outgoing webhook'),
  });
}

/** What people read in a list of workflows; Temporal takes 200 bytes of it. */
const summaryOf = (...parts: string[]): string => Buffer.from(parts.join(' · ')).subarray(0, 200).toString('utf8');
