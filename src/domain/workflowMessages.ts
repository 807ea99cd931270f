import type { OperatorAction, OperatorActionName } from './pipelineSteps.ts';

/** What services and routes may tell running workflows. Each fails soon where Temporal does not answer. */
export interface WorkflowMessages {
  /**
   * Asks a workflow to act and waits for its answer; `action.reason` is the id of the request, so that a repeat acts once.
   * @throws where nobody answered: it may have taken effect, or still will
   */
  update(
    workflowId: string,
    name: OperatorActionName,
    action: OperatorAction,
  ): Promise<'delivered' | 'refused' | 'not_found'>;
  /** Tells a workflow to act. @returns false where it is not there */
  signal(workflowId: string, name: OperatorActionName, action: OperatorAction): Promise<boolean>;
  /** Ends a workflow, if it is there. */
  terminate(workflowId: string, reason: string): Promise<void>;
}
