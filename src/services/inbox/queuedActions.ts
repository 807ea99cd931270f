/**
 * Actions that the relay sends as signals, so that they arrive whatever happens meanwhile: Temporal was away when an operator
 * acted, a call or visit passes one on to its analysis, or an event of the recording asks for a retry.
 */
import type { Queryable } from '../../db/client.ts';
import type { OperatorAction, OperatorActionName } from '../../domain/pipelineSteps.ts';
import { storeInternalEvent } from './internalEvents.ts';

/** `reason`: from REST the id of the audit row, else the text of whoever acted. */
export interface QueuedAction extends OperatorAction {
  /** Where the step may be blocked, the likelier first. */
  workflowIds: string[];
}

/**
 * Keeps one in the caller's transaction or at once; `pipeline.workflowId` starts again where none of the others is there.
 * @param id of the action, where a repeat must not keep it twice
 */
export async function queueOperatorAction(
  db: Queryable,
  name: OperatorActionName,
  pipeline: { companyId: string; providerCallId: string | null; workflowId: string },
  action: QueuedAction,
  id?: string,
): Promise<void> {
  const { companyId, workflowId, providerCallId } = pipeline;
  const of = { companyId, workflowId, providerCallId: providerCallId ?? undefined };
  await storeInternalEvent(db, { source: 'operator', route: name, ...of, body: { ...action, ...(id && { id }) }, id });
}
