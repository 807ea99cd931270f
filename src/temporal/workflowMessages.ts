/** Messages to running workflows, each with its deadline. */
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import type { OperatorAction, OperatorActionName } from '../domain/pipelineSteps.ts';
import type { WorkflowMessages } from '../domain/workflowMessages.ts';
import { retrySignal, retryUpdate, skipSignal, skipUpdate } from '../workflows/contracts.ts';
import { createClientWithDeadline } from './connect.ts';

/** Without a worker an Update waits for ever; with a deadline we stop waiting and it still runs later. */
const UPDATE_DEADLINE_MS = 5000;
/** Of a signal, and of an end. */
const SIGNAL_DEADLINE_MS = 2000;

/** Opens connections of their own, on first use. */
export function createWorkflowMessages(config: Config): WorkflowMessages & { close(): Promise<void> } {
  const updates = createClientWithDeadline(config, UPDATE_DEADLINE_MS);
  const others = createClientWithDeadline(config, SIGNAL_DEADLINE_MS);
  return {
    async update(workflowId, name, action) {
      const update = name === 'retry' ? retryUpdate : skipUpdate;
      try {
        const handle = updates.client.workflow.getHandle(workflowId);
        await handle.executeUpdate(update, { args: [action], updateId: action.reason });
        return 'delivered';
      } catch (error) {
        if (error instanceof WorkflowUpdateFailedError) return 'refused';
        if (error instanceof WorkflowNotFoundError) return 'not_found';
        throw error;
      }
    },
    signal: (workflowId, name, action) => signalFirst(others.client, [workflowId], name, action),
    async terminate(workflowId, reason) {
      try {
        await others.client.workflow.getHandle(workflowId).terminate(reason);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    async close() {
      await Promise.all([updates.connection.close(), others.connection.close()]);
    },
  };
}

/** Sends an action as a signal to the first of these workflows that is there; who calls sets the deadline. @returns false where none is */
export async function signalFirst(
  client: Client,
  workflowIds: readonly string[],
  name: OperatorActionName,
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
