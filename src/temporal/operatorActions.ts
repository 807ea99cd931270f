/** Operators' actions as messages to running workflows. Who calls sets the deadline. */
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { OperatorAction } from '../domain/pipelineSteps.ts';
import { retrySignal, retryUpdate, skipSignal, skipUpdate } from '../workflows/contracts.ts';

/**
 * Sends an action as an Update and waits for the workflow's answer. Its reason is the Update's id, so that a repeat cannot
 * act twice.
 * @throws whatever says that nobody answered: it may have taken effect, or still will
 */
export async function updateWorkflow(
  client: Client,
  workflowId: string,
  name: 'retry' | 'skip',
  action: OperatorAction,
): Promise<'delivered' | 'refused' | 'not_found'> {
  const update = name === 'retry' ? retryUpdate : skipUpdate;
  try {
    const handle = client.workflow.getHandle(workflowId);
    await handle.executeUpdate(update, { args: [action], updateId: action.reason });
    return 'delivered';
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return 'refused';
    if (error instanceof WorkflowNotFoundError) return 'not_found';
    throw error;
  }
}

/** Sends an action as a signal to the first of these workflows that is there. @returns false where none is */
export async function signalFirst(
  client: Client,
  workflowIds: readonly string[],
  name: 'retry' | 'skip',
  { operator, reason }: OperatorAction,
): Promise<boolean> {
  const signal = name === 'skip' ? skipSignal : retrySignal;
  for (const workflowId of workflowIds) {
    try {
      await client.workflow.getHandle(workflowId).signal(signal, { operator, reason });
      return true;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  return false;
}
