/** What operators send to a pipeline, as Updates or signals: `retry` and `skip`, with or without an argument. */
import * as wf from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/workflow';
import type { OperatorAction, OperatorActionName } from '../domain/pipelineSteps.ts';
import { type OperatorAnswer, retrySignal, retryUpdate, skipSignal, skipUpdate } from './contracts.ts';

/** What `retry` and `skip` take, if anything. */
export const ACTION_FORM = '{"operator": "your user id", "reason": "why"}';

/** Longer texts are cut: histories and the audit log are no place for them. */
const OPERATOR_MAX = 255;
const REASON_MAX = 2000;

export interface ReceivedAction extends OperatorAction {
  /** The same in a replay. */
  id: string;
  action: OperatorActionName;
  /** Where it takes effect: here, or in the analysis beside. */
  workflowId: string;
}

interface OperatorOptions {
  /** The workflow that an action would reach now: this one where it is blocked, an analysis beside, or none. */
  target(): string | undefined;
  /** Writes an action to the audit log, or passes it on. */
  record(action: ReceivedAction): Promise<void>;
}

/** What operators have asked for and the workflow has not done yet. No handler fails the workflow, whatever is sent. */
export class OperatorActions {
  private readonly options: OperatorOptions;
  private readonly self = wf.workflowInfo().workflowId;
  private readonly unrecorded: ReceivedAction[] = [];
  private retryRequested = false;
  private skipped = false;
  /** Whether an unrecorded action is for the analysis beside. It ends a wait, so that it is passed on at once. */
  private hasToPassOn = false;

  /** Sets the handlers, so it must be constructed before anything is awaited. */
  constructor(options: OperatorOptions) {
    this.options = options;
    const validator = (_given: OperatorAction): void => {
      if (options.target() === undefined) throw refusal();
    };
    wf.setHandler(retrySignal, (given) => void this.act('retry', given));
    wf.setHandler(skipSignal, (given) => void this.act('skip', given));
    wf.setHandler(retryUpdate, (given) => this.answer('retry', given), {
      validator,
      description: `Try the blocked step now instead of waiting until it is due. Data (optional): ${ACTION_FORM}`,
    });
    wf.setHandler(skipUpdate, (given) => this.answer('skip', given), {
      validator,
      description: `Give the blocked step up for good: the pipeline ends in stage failed. Data (optional): ${ACTION_FORM}`,
    });
  }

  /** Whether an operator has skipped the blocked step. */
  get isSkipped(): boolean {
    return this.skipped;
  }

  /** Whether an operator has sent what ends a wait. */
  get endsWait(): boolean {
    return this.retryRequested || this.skipped || this.hasToPassOn;
  }

  /** Whether an action is not in the audit log yet, or not passed on. */
  get hasUnrecorded(): boolean {
    return this.unrecorded.length > 0;
  }

  /** @returns whether an operator has asked for a try now; true once */
  consumeRetry(): boolean {
    const { retryRequested } = this;
    this.retryRequested = false;
    return retryRequested;
  }

  /** Writes the actions to the audit log, or passes them on. The main workflow function calls it, never a handler. */
  async record(): Promise<void> {
    this.hasToPassOn = false;
    while (this.unrecorded[0]) {
      try {
        await this.options.record(this.unrecorded[0]);
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        // The pipeline goes on all the same; the next step tries again.
        return;
      }
      this.unrecorded.shift();
    }
    // An action that came meanwhile is passed on too.
    this.hasToPassOn = false;
  }

  private answer(action: OperatorActionName, given: unknown): OperatorAnswer {
    const answer = this.act(action, given);
    // Nothing is blocked any more since the validator ran.
    if (!answer) throw refusal();
    return answer;
  }

  private act(action: OperatorActionName, given: unknown): OperatorAnswer | undefined {
    const workflowId = this.options.target();
    if (workflowId === undefined) return undefined;
    const id = `${this.self}/${wf.currentUpdateInfo()?.id ?? wf.uuid4()}`;
    this.unrecorded.push({ id, action, workflowId, ...readBy(given) });
    if (workflowId !== this.self) {
      this.hasToPassOn = true;
      return { workflowId, effect: 'passed_on' };
    }
    if (action === 'retry') this.retryRequested = true;
    else this.skipped = true;
    return { workflowId, effect: action === 'retry' ? 'retrying' : 'skipped' };
  }
}

function readBy(given: unknown): OperatorAction {
  const by = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const operator = typeof by.operator === 'string' && by.operator !== '' ? by.operator : 'unknown';
  const reason = typeof by.reason === 'string' ? by.reason : '';
  return { operator: operator.slice(0, OPERATOR_MAX), reason: reason.slice(0, REASON_MAX) };
}

/** Without a stack trace: an operator reads it, and it would name files of the server. */
function refusal(): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable('nothing is blocked in this pipeline', 'NothingBlocked');
  failure.stack = '';
  return failure;
}
