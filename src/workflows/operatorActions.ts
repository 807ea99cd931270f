/** What operators send to a pipeline, as Updates or signals: `retry` and `skip`, with or without an argument. */
import * as wf from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/workflow';
import type { OperatorAction } from '../domain/pipelineSteps.ts';
import { type OperatorAnswer, retrySignal, retryUpdate, skipSignal, skipUpdate } from './contracts.ts';

/** What `retry` and `skip` take, if anything. */
export const ACTION_FORM = '{"operator": "your user id", "reason": "why"}';

/** Longer texts are cut: histories and the audit log are no place for them. */
const OPERATOR_MAX = 255;
const REASON_MAX = 2000;

export interface TakenAction extends OperatorAction {
  /** The same again when a replay takes it once more. */
  id: string;
  action: 'retry' | 'skip';
  /** Where it takes effect: here, or in the analysis beside. */
  workflowId: string;
}

export interface OperatorOptions {
  /** The workflow that an action would reach now: this one, an analysis beside that may be blocked, or none. */
  target(): string | undefined;
  /** Takes an action, for this workflow or to be passed on by it. */
  take(action: TakenAction): void;
}

/** Sets the handlers; to be called before anything is awaited. Whatever is sent, no handler fails the workflow. */
export function listenToOperators({ target, take }: OperatorOptions): void {
  const { workflowId: self } = wf.workflowInfo();

  const act = (action: 'retry' | 'skip', given: unknown): OperatorAnswer | undefined => {
    const workflowId = target();
    if (workflowId === undefined) return undefined;
    const by = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
    take({
      id: `${self}/${wf.currentUpdateInfo()?.id ?? wf.uuid4()}`,
      action,
      workflowId,
      operator: (typeof by.operator === 'string' && by.operator !== '' ? by.operator : 'unknown').slice(
        0,
        OPERATOR_MAX,
      ),
      reason: (typeof by.reason === 'string' ? by.reason : '').slice(0, REASON_MAX),
    });
    if (workflowId !== self) return { workflowId, effect: 'passed_on' };
    return { workflowId, effect: action === 'retry' ? 'retrying' : 'skipped' };
  };
  const update =
    (action: 'retry' | 'skip') =>
    (given: OperatorAction): OperatorAnswer => {
      const answer = act(action, given);
      // It is blocked no more since the validator ran.
      if (!answer) throw refusal();
      return answer;
    };
  const validator = (_given: OperatorAction): void => {
    if (target() === undefined) throw refusal();
  };

  wf.setHandler(retrySignal, (given) => void act('retry', given));
  wf.setHandler(skipSignal, (given) => void act('skip', given));
  wf.setHandler(retryUpdate, update('retry'), {
    validator,
    description: `Try the blocked step now instead of waiting for its next turn. Data (optional): ${ACTION_FORM}`,
  });
  wf.setHandler(skipUpdate, update('skip'), {
    validator,
    description: `Give the blocked step up for good: the pipeline ends in stage failed. Data (optional): ${ACTION_FORM}`,
  });
}

/** Without a stack trace: an operator reads it, and it would name files of the server. */
function refusal(): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable('nothing is blocked in this pipeline', 'NothingBlocked');
  failure.stack = '';
  return failure;
}
