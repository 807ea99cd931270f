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

interface OperatorOptions {
  /** The workflow that an action would reach now: this one, an analysis beside that may be blocked, or none. */
  target(): string | undefined;
  /** Writes an action to the audit log, or passes it on. */
  record(action: TakenAction): Promise<void>;
}

/** What operators have asked for and the workflow has not done yet. Whatever is sent, no handler fails the workflow. */
export class OperatorActions {
  private readonly options: OperatorOptions;
  private readonly self = wf.workflowInfo().workflowId;
  /** What is not written down yet. */
  private readonly taken: TakenAction[] = [];
  private retryNow = false;
  private skipped = false;
  /** One of them is for the analysis beside. */
  private hasToPassOn = false;

  /** Sets the handlers; to be made before anything is awaited. */
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

  /** One gave the step up. */
  get gaveUp(): boolean {
    return this.skipped;
  }

  /** One did what ends a wait. */
  get hasActed(): boolean {
    return this.retryNow || this.skipped || this.hasToPassOn;
  }

  /** One did what is to be written down, or passed on. */
  get hasUnrecorded(): boolean {
    return this.taken.length > 0 || this.hasToPassOn;
  }

  /** @returns whether one asked for a try now; true once */
  takeRetry(): boolean {
    const was = this.retryNow;
    this.retryNow = false;
    return was;
  }

  /** Writes down what they did. For the workflow's own course only: nothing else may run meanwhile. */
  async record(): Promise<void> {
    this.hasToPassOn = false;
    while (this.taken[0]) {
      try {
        await this.options.record(this.taken[0]);
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        // The pipeline must not stand still for it: the next step tries again.
        return;
      }
      this.taken.shift();
    }
  }

  private answer(action: 'retry' | 'skip', given: unknown): OperatorAnswer {
    const answer = this.act(action, given);
    // It is blocked no more since the validator ran.
    if (!answer) throw refusal();
    return answer;
  }

  private act(action: 'retry' | 'skip', given: unknown): OperatorAnswer | undefined {
    const workflowId = this.options.target();
    if (workflowId === undefined) return undefined;
    const id = `${this.self}/${wf.currentUpdateInfo()?.id ?? wf.uuid4()}`;
    this.taken.push({ id, action, workflowId, ...readBy(given) });
    if (workflowId !== this.self) {
      this.hasToPassOn = true;
      return { workflowId, effect: 'passed_on' };
    }
    if (action === 'retry') this.retryNow = true;
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
