/** What operators do to running pipelines, over Temporal. It may be away: nothing here waits long or fails a request. */
import type { Database, Transaction } from '../../db/client.ts';
import { countPipelines, listPipelines, type PipelineFilter, type PipelineRow } from '../../db/queries/pipelines.ts';
import { isAnalysisStage, type SubjectKind } from '../../domain/pipeline.ts';
import type { OperatorAction, OperatorActionName } from '../../domain/pipelineSteps.ts';
import { analysisWorkflowId, parseWorkflowId, pipelineWorkflowId } from '../../domain/workflowIds.ts';
import type { WorkflowMessages } from '../../domain/workflowMessages.ts';
import { errorFields, type Logger } from '../../runtime/telemetry.ts';
import { audit } from '../audit.ts';
import { queueOperatorAction } from '../inbox/queuedActions.ts';
import { Refusal } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { restartPipeline } from './restart.ts';

interface OperatorDeps {
  db: Database;
  workflows: WorkflowMessages;
  inbox: { poke(): void };
  logger: Logger;
}

/** Pipelines per batch; for more, send it again. */
export const BATCH_MAX = 1000;
/** Retries of a batch: more at once would only queue up before Shunya's own limit. */
const BATCH_SIGNALS_PER_SECOND = 100;
/** A batch answers its caller before a proxy gives up on it. */
const BATCH_SECONDS_MAX = 15;

/** The workflows whose step may be blocked, the likelier first: the analysis beside it while that is under way. */
function blockedWorkflowIds(row: PipelineRow): string[] {
  const below = isAnalysisStage(row.stage) ? [analysisWorkflowId(row.kind, row.subjectId, row.generation)] : [];
  return [...below, pipelineWorkflowId(row)];
}

export type PipelineSubject =
  | { kind: 'call'; companyId: string; providerCallId: string }
  | { kind: SubjectKind; id: string };

/** The call or visit whose pipeline a workflow id names; undefined where it names none. */
export function pipelineNamedBy(workflowId: string): PipelineSubject | undefined {
  const name = parseWorkflowId(workflowId);
  switch (name?.type) {
    case 'call':
      return 'callId' in name
        ? { kind: 'call', id: name.callId }
        : { kind: 'call', companyId: name.companyId, providerCallId: name.providerCallId };
    case 'visit':
      return { kind: 'visit', id: name.sessionId };
    case 'analysis':
      return { kind: name.subjectKind, id: name.subjectId };
    default:
      return undefined;
  }
}

/**
 * Writes down that a person retries or skips a blocked step. To be sent once that is committed.
 * @returns what to send
 */
export async function recordAction(
  tx: Transaction,
  requester: Requester,
  name: OperatorActionName,
  row: PipelineRow,
  reason: string,
): Promise<OperatorAction> {
  const { companyId, kind, stage, blockedOn } = row;
  if (blockedOn === null) throw new Refusal('nothing_to_retry');
  const auditId = await audit(tx, requester, {
    action: `pipeline.${name}`,
    subject: { kind, id: row.subjectId },
    companyId,
    reason,
    details: { stage, blocked_on: blockedOn },
  });
  return { operator: requester.actor.userId, reason: auditId };
}

/** Writes down that a person retries all blocked pipelines that match a filter. @returns what to send, and to which */
export async function recordBatchRetry(
  tx: Transaction,
  requester: Requester,
  asked: { filter: PipelineFilter; named: object; reason: string },
): Promise<{ matched: number; rows: PipelineRow[]; action: OperatorAction }> {
  const filter = { ...asked.filter, isBlocked: true };
  const { total: matched } = await countPipelines(tx, filter);
  const rows = await listPipelines(tx, filter, { limit: BATCH_MAX, oldestFirst: true });
  const auditId = await audit(tx, requester, {
    action: 'pipeline.retry_batch',
    subject: { kind: 'pipelines', id: 'batch' },
    companyId: filter.companyId ?? null,
    reason: asked.reason,
    details: { filter: asked.named, matched },
  });
  return { matched, rows, action: { operator: requester.actor.userId, reason: auditId } };
}

/**
 * Sends an operator's action to whatever is blocked. Its audit row is committed before: the row's id is the id of the
 * Update, so that a repeat cannot act twice, and the only trace of the reason in Temporal. Where Temporal is away the relay
 * sends it later; a workflow that is gone starts again.
 */
export async function sendOperatorUpdate(
  deps: OperatorDeps,
  name: OperatorActionName,
  row: PipelineRow,
  action: OperatorAction,
): Promise<void> {
  let result: UpdateResult = 'not_found';
  for (const workflowId of blockedWorkflowIds(row)) {
    result = await sendUpdate(deps, name, workflowId, action);
    if (result === 'unconfirmed') await queue(deps, name, row, action);
    if (result === 'delivered' || result === 'unconfirmed') return;
  }
  if (result === 'not_found') await restart(deps, row);
}

/** refused: there is nothing to do any more · unconfirmed: Temporal is away */
type UpdateResult = Awaited<ReturnType<WorkflowMessages['update']>> | 'unconfirmed';

async function sendUpdate(
  { workflows, logger }: OperatorDeps,
  name: OperatorActionName,
  workflowId: string,
  action: OperatorAction,
): Promise<UpdateResult> {
  try {
    return await workflows.update(workflowId, name, action);
  } catch (error) {
    logger.warn({ ...errorFields(error), workflowId, auditId: action.reason }, `${name} is not confirmed`);
    return 'unconfirmed';
  }
}

/** The relay sends it again, as a signal, once Temporal is back; sending twice is harmless. */
async function queue({ db }: OperatorDeps, name: OperatorActionName, row: PipelineRow, action: OperatorAction) {
  const { companyId, providerCallId } = row;
  const pipeline = { companyId, providerCallId, workflowId: pipelineWorkflowId(row) };
  await queueOperatorAction(db, name, pipeline, { workflowIds: blockedWorkflowIds(row), ...action });
}

/** Workflows that were terminated, or that Temporal has forgotten, start again from the rows. */
async function restart(deps: OperatorDeps, row: PipelineRow): Promise<void> {
  await deps.db.transaction((tx) => restartPipeline(tx, row));
  deps.inbox.poke();
}

/**
 * Sends `retry` to many pipelines, at a rate of its own. Stops early when Temporal does not answer or when time is up; the
 * rest is kept for the relay.
 * @returns how many were sent
 */
export async function signalRetries(
  deps: OperatorDeps,
  rows: readonly PipelineRow[],
  action: OperatorAction,
): Promise<number> {
  const startedAt = Date.now();
  let sent = 0;
  for (const row of rows) {
    if (Date.now() - startedAt > BATCH_SECONDS_MAX * 1000) break;
    let isTaken: boolean;
    try {
      // It passes the signal on to its analysis where that is blocked.
      isTaken = await deps.workflows.signal(pipelineWorkflowId(row), 'retry', action);
    } catch (error) {
      deps.logger.warn({ ...errorFields(error), auditId: action.reason, sent }, 'a batch of retries was cut short');
      break;
    }
    if (!isTaken) await restart(deps, row);
    sent += 1;
    const aheadMs = (sent / BATCH_SIGNALS_PER_SECOND) * 1000 - (Date.now() - startedAt);
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
  for (const row of rows.slice(sent)) await queue(deps, 'retry', row, action);
  return sent;
}

/** Ends the workflows of something that was deleted, as far as Temporal can be reached; what is left finds no rows. */
export async function stopWorkflows(
  deps: Pick<OperatorDeps, 'workflows' | 'logger'>,
  workflowIds: readonly string[],
): Promise<void> {
  const results = await Promise.allSettled(workflowIds.map((id) => deps.workflows.terminate(id, 'deleted')));
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    deps.logger.warn(
      errorFields(result.reason),
      'the workflow of something deleted could not be ended; it ends once it finds no rows',
    );
  }
}
