/**
 * What all pipelines do, whatever their steps are: they are rung, they wait, and a step that failed is blocked until it is
 * due again. pipelineDisplay.ts shows that to people; operatorActions.ts receives what operators send.
 */
import * as wf from '@temporalio/workflow';
import type { Blocker, PipelineStage } from '../domain/pipeline.ts';
import type { Block, BlockToShow, PipelineWaits } from '../domain/pipelineSteps.ts';
import type { FailureDetails } from '../domain/stepFailures.ts';
import { type ResumedPipeline, ringSignal } from './contracts.ts';
import { OperatorActions, type ReceivedAction } from './operatorActions.ts';
import { type DisplayedBlock, PipelineDisplay } from './pipelineDisplay.ts';

/** The longest back-off while our own database is away: it comes back sooner than a provider. */
const DATABASE_RETRY_MAX_SECONDS = 30;

export interface PipelineOptions {
  waits: PipelineWaits;
  stage: PipelineStage;
  /** Where the run before left off. Temporal carries its search attributes over by itself. */
  resumed?: ResumedPipeline;
  /** Writes the block to the row of the call or visit; logs that attention is needed, or no longer is. */
  writeBlock(shown: BlockToShow): Promise<void>;
  /** Writes an operator's action to the audit log, or passes it on. */
  record(action: ReceivedAction): Promise<void>;
  /** The workflow id of the analysis beside, which may be blocked where this workflow is not. */
  analysisBeside?(): string | undefined;
}

export class Pipeline {
  protected readonly display: PipelineDisplay;
  protected readonly operator: OperatorActions;
  private readonly options: PipelineOptions;
  private rung = false;
  private block: Block | null;
  /** The block as the row has it. */
  private blockInRow: Block | null;
  /** When the blocked step is due, epoch ms. */
  private dueAt: number;

  /** Sets the handlers, so it must be constructed before anything is awaited. */
  constructor(options: PipelineOptions) {
    const { resumed, stage, record, analysisBeside } = options;
    this.options = options;
    this.block = resumed?.block ?? null;
    this.blockInRow = this.block;
    this.dueAt = resumed?.notBefore ?? 0;
    wf.setHandler(ringSignal, () => {
      this.rung = true;
    });
    this.display = new PipelineDisplay(resumed?.stage ?? stage, () => this.blockToDisplay());
    // A signal with an unknown name must not fail the workflow.
    wf.setDefaultSignalHandler(() => {});
    const target = () => (this.block ? wf.workflowInfo().workflowId : analysisBeside?.());
    this.operator = new OperatorActions({ target, record });
  }

  /** Whether it was rung since it last advanced. */
  get hasNews(): boolean {
    return this.rung;
  }

  get isBlocked(): boolean {
    return this.block !== null;
  }

  get blockedOn(): Blocker | undefined {
    return this.block?.blockedOn;
  }

  /** Whether a step is blocked, or the row still says so. */
  get showsBlock(): boolean {
    return this.block !== null || this.blockInRow !== null;
  }

  /** To be called before each advance: records what operators did; a ring from here on asks for another advance. */
  async beginAdvance(): Promise<void> {
    if (this.operator.hasUnrecorded) await this.operator.record();
    this.rung = false;
  }

  /** Waits until it is rung, an operator acts, or the time is over. @returns what ended the wait */
  async waitForNews(what: string, seconds?: number): Promise<'rung' | 'operator' | 'time'> {
    this.display.describeWait(what);
    const isOver = () => this.rung || this.operator.endsWait;
    // The next advance tries again to record an action, or to pass it on.
    const limit = this.operator.hasUnrecorded ? Math.min(seconds ?? Infinity, this.databaseRetryMaxSeconds) : seconds;
    if (limit === undefined) await wf.condition(isOver);
    else await wf.condition(isOver, Math.max(0, limit) * 1000);
    if (this.operator.endsWait) {
      this.operator.consumeRetry();
      return 'operator';
    }
    return this.rung ? 'rung' : 'time';
  }

  /** Waits until the blocked step is due, or a ring comes. @returns whether it is due; at once where nothing is blocked */
  async waitUntilDueOrRung(): Promise<boolean> {
    if (!this.block || this.operator.consumeRetry() || Date.now() >= this.dueAt) return true;
    await wf.condition(() => this.rung || this.operator.endsWait, this.dueAt - Date.now());
    return this.operator.consumeRetry() || Date.now() >= this.dueAt;
  }

  /** Waits until the blocked step is due, or an operator acts; rings do not matter. */
  async waitUntilDue(): Promise<void> {
    await wf.condition(() => this.operator.endsWait, Math.max(0, this.dueAt - Date.now()));
    this.operator.consumeRetry();
    await this.operator.record();
  }

  /** Shows that a step failed, and sets when it is due again. @param attempts failed so far */
  async reportFailure(blockedOn: Blocker, attempts: number, failure: FailureDetails): Promise<void> {
    const { retryInitialSeconds, retryMaxSeconds, retryAttempts } = this.options.waits;
    const max = blockedOn === 'database' ? this.databaseRetryMaxSeconds : retryMaxSeconds;
    const backOff = Math.min(max, retryInitialSeconds * 2 ** Math.min(attempts - 1, 30));
    this.dueAt = Date.now() + Math.max(backOff, failure.retryAfterSeconds ?? 0) * 1000;
    const { code: reason, hint } = failure;
    this.block = { blockedOn, attempts, reason, hint, needsAttention: attempts >= retryAttempts };
    await this.publishBlock();
  }

  /** Raises attention to a step that has not failed but takes too long. */
  async flagOverdue(blockedOn: Blocker, reason: string): Promise<void> {
    this.block = { blockedOn, attempts: Math.max(1, this.block?.attempts ?? 0), reason, needsAttention: true };
    await this.publishBlock();
  }

  async clearBlock(): Promise<void> {
    this.block = null;
    this.dueAt = 0;
    this.operator.consumeRetry();
    await this.publishBlock();
  }

  /** To be called last: lets the handlers finish. */
  async close(): Promise<void> {
    this.display.describeWait('nothing');
    await wf.condition(wf.allHandlersFinished);
  }

  /** Closes a pipeline that an operator skipped. */
  async endAsFailed(): Promise<void> {
    if (this.block) await this.clearBlock();
    this.display.setStage('failed');
    await this.close();
  }

  /** What continue-as-new hands over. */
  toResume(): ResumedPipeline {
    return { stage: this.display.stage, block: this.block, notBefore: this.dueAt };
  }

  /** The block to show, if any. */
  protected blockToDisplay(): DisplayedBlock | null {
    return this.block && { block: this.block, dueAt: this.dueAt };
  }

  private get databaseRetryMaxSeconds(): number {
    return Math.min(DATABASE_RETRY_MAX_SECONDS, this.options.waits.retryMaxSeconds);
  }

  /** Brings search attributes, details and the row up to date with the block, where it has changed. */
  private async publishBlock(): Promise<void> {
    if (this.operator.hasUnrecorded) await this.operator.record();
    const [now, before] = [this.block, this.blockInRow];
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.display.updateBlock(now, before);
    this.blockInRow = now;
    try {
      await this.options.writeBlock({ block: now, hadAttention: before?.needsAttention ?? false });
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      // The database is away; the next change of the block tries again.
      this.blockInRow = before;
    }
  }
}
