/** Messages to running workflows, each with its deadline. */
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { OperatorAction } from '../domain/pipelineSteps.ts';
import type { WorkflowMessages } from '../domain/workflowMessages.ts';
import { retrySignal, retryUpdate, skipSignal, skipUpdate } from '../workflows/contracts.ts';

/** Without a worker an Update waits for ever; with a deadline we stop waiting and it still runs later. */
const UPDATE_DEADLINE_MS = 5000;
const SIGNAL_DEADLINE_MS = 2000;
const TERMINATE_DEADLINE_MS = 2000;

export function createWorkflowMessages(client: Client): WorkflowMessages {
  const within = <T>(ms: number, send: () => Promise<T>) => client.withDeadline(Date.now() + ms, send);
  return {
    async update(workflowId, name, action) {
      const update = name === 'retry' ? retryUpdate : skipUpdate;
      try {
        await within(UPDATE_DEADLINE_MS, () =>
          client.workflow.getHandle(workflowId).executeUpdate(update, { args: [action], updateId: action.reason }),
        );
        return 'delivered';
      } catch (error) {
        if (error instanceof WorkflowUpdateFailedError) return 'refused';
        if (error instanceof WorkflowNotFoundError) return 'not_found';
        throw error;
      }
    },
    signal: (workflowId, name, action) =>
      within(SIGNAL_DEADLINE_MS, () => signalFirst(client, [workflowId], name, action)),
    async terminate(workflowId, reason) {
      try {
        await within(TERMINATE_DEADLINE_MS, () => client.workflow.getHandle(workflowId).terminate(reason));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}

/** Sends an action as a signal to the first of these workflows that is there; who calls sets the deadline. @returns false where none is */
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
