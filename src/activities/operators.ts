/** What operators do in Temporal itself, by the Web UI or the CLI, written down as what they do over REST is. */
import { recordTemporalAction } from '../db/queries/audit.ts';
import type { ActivityDeps } from './deps.ts';
import type { SubjectKey } from './runs.ts';

export interface OperatorActionInput extends SubjectKey {
  /** The same again when the action is applied again, by a Reset. */
  id: string;
  action: 'retry' | 'skip';
  /** Where it took effect. */
  workflowId: string;
  operator: string;
  /** Text; from REST the id of the audit row that has it. */
  reason: string;
}

export function createOperatorActivities({ db }: Pick<ActivityDeps, 'db'>) {
  return {
    /** Writes an action to the audit log, once; nothing where REST wrote it before it sent it. */
    async recordOperatorAction(input: OperatorActionInput): Promise<void> {
      await recordTemporalAction(db, input);
    },
  };
}
