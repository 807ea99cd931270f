/** Workflows of an earlier form, which the code of this release cannot go on with. */
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { PIPELINES_QUERY, WORKFLOW_FORM } from '../workflows/contracts.ts';

/**
 * Ends running pipelines of an earlier form. Nothing is lost by it: the rows of what is not finished were rung by the
 * migration of the database, and the relay starts them again. Harmless to repeat.
 * @returns how many were ended
 */
export async function endFormerWorkflows(client: Client): Promise<number> {
  let ended = 0;
  for await (const run of client.workflow.list({
    query: `ExecutionStatus = 'Running' AND ${PIPELINES_QUERY}`,
  })) {
    if (run.memo?.form === WORKFLOW_FORM) continue;
    try {
      await client.workflow.getHandle(run.workflowId, run.runId).terminate('ended for a new form of the workflows');
      ended += 1;
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  return ended;
}
