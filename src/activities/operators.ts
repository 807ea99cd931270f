/** What operators do in Temporal itself, by the Web UI or the CLI, written down as what they do over REST is. */
import { Context } from '@temporalio/activity';
import type { OperatorActionName, SubjectKey } from '../domain/pipelineSteps.ts';
import { queueOperatorAction } from '../services/inbox/queuedActions.ts';
import { sha256 } from '../services/inbox/store.ts';
import { recordTemporalAction } from '../services/pipelines/recordTemporalAction.ts';
import type { ActivityDeps } from './deps.ts';

export interface OperatorActionInput extends SubjectKey {
  /** The same again when the run that applied it repeats the step. */
  id: string;
  action: OperatorActionName;
  /** Where it took effect. */
  workflowId: string;
  operator: string;
  /** Text; from REST the id of the audit row that has it. */
  reason: string;
}

export function createOperatorActivities({ db, pokeRelay }: Pick<ActivityDeps, 'db' | 'pokeRelay'>) {
  return {
    /**
     * Writes an action to the audit log, once; nothing where REST wrote it before it sent it. A Reset applies it again, in
     * another run, and so does who sends an Update's id again to a later run: each is written down.
     */
    async recordOperatorAction(input: OperatorActionInput): Promise<void> {
      const runId = Context.current().info.workflowExecution?.runId ?? '';
      await recordTemporalAction(db, { ...input, id: `${input.id}/${runId}` });
    },

    /** Passes an action on to the analysis that it is for, through the inbox: it arrives also where that has to start again. */
    async passActionOn(input: OperatorActionInput): Promise<void> {
      const { companyId, operator, reason, workflowId } = input;
      const pipeline = { companyId, providerCallId: null, workflowId };
      const id = sha256(Buffer.from(input.id));
      await queueOperatorAction(db, input.action, pipeline, { workflowIds: [workflowId], operator, reason }, id);
      pokeRelay();
    },
  };
}
