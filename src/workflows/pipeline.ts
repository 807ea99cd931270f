/**
 * What all pipelines do, whatever their steps are: they are rung, they wait, and a step that failed is blocked until it is
 * due again. What people see of that, and what operators send, have modules of their own.
 */
import * as wf from '@temporalio/workflow';
import type { Blocker, PipelineStage } from '../domain/pipeline.ts';
import type { Block, BlockToShow, PipelineWaits } from '../domain/pipelineSteps.ts';
import type { FailureDetails } from '../domain/stepFailures.ts';
import { type ResumedPipeline, ringSignal } from './contracts.ts';
import { OperatorActions, type TakenAction } from './operatorActions.ts';
import { type DisplayedBlock, PipelineDisplay } from './pipelineDisplay.ts';

/** Waits this long at most while our own database is away: it comes back sooner than a provider. */
const DATABASE_RETRY_MAX_SECONDS = 30;

export interface PipelineOptions {
  waits: PipelineWaits;
  stage: PipelineStage;
  /** Where an earlier run left off; its search attributes came along by themselves. */
  resumed?: ResumedPipeline;
  /** Writes the block to the row of the call or visit, and to the log where it begins or ends to need a person. */
  showBlock(shown: BlockToShow): Promise<void>;
  /** Writes an operator's action to the audit log, or passes it on. */
  record(action: TakenAction): Promise<void>;
  /** The analysis beside, which may be blocked where this workflow is not. */
  analysisBeside?(): string | undefined;
}

export class Pipeline {
  protected readonly display: PipelineDisplay;
  protected readonly operator: OperatorActions;
  private readonly options: PipelineOptions;
  private rung = false;
  private block: Block | null;
  /** The block as the row has it, and as it was last shown to operators. */
  private blockInRow: Block | null;
  /** When the blocked step is due, epoch ms. */
  private dueAt: number;

  /** To be made before anything is awaited: it sets the handlers. */
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
    // A signal that nobody knows, or that no code has meant: it must not fail the workflow.
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

  /** Something is blocked, or is still shown so. */
  get showsBlock(): boolean {
    return this.block !== null || this.blockInRow !== null;
  }

  /** To be called before each advance: writes down what operators did; a ring from here on asks for another advance. */
  async beginAdvance(): Promise<void> {
    if (this.operator.hasUnrecorded) await this.operator.record();
    this.rung = false;
  }

  /** Waits until it is rung, an operator acts, or the time is over. @returns what ended the wait */
  async waitForNews(what: string, seconds?: number): Promise<'rung' | 'operator' | 'time'> {
    this.display.describeWait(what);
    const hasCome = () => this.rung || this.operator.hasActed;
    if (seconds === undefined) await wf.condition(hasCome);
    else await wf.condition(hasCome, Math.max(0, seconds) * 1000);
    if (this.operator.hasActed) {
      this.operator.takeRetry();
      return 'operator';
    }
    return this.rung ? 'rung' : 'time';
  }

  /** Waits until the blocked step is due, or a ring comes. @returns whether it is due; at once where nothing is blocked */
  async waitUntilDueOrRung(): Promise<boolean> {
    if (!this.block || this.operator.takeRetry() || Date.now() >= this.dueAt) return true;
    await wf.condition(() => this.rung || this.operator.hasActed, this.dueAt - Date.now());
    return this.operator.takeRetry() || Date.now() >= this.dueAt;
  }

  /** Waits until the blocked step is due, or an operator acts; rings do not matter. */
  async waitUntilDue(): Promise<void> {
    await wf.condition(() => this.operator.hasActed, Math.max(0, this.dueAt - Date.now()));
    this.operator.takeRetry();
    await this.operator.record();
  }

  /** A step failed: shows it, and sets when it is due again. @param attempts its failures so far */
  async reportFailure(blockedOn: Blocker, attempts: number, failure: FailureDetails): Promise<void> {
    const { retryInitialSeconds, retryMaxSeconds, retryAttempts } = this.options.waits;
    const max = blockedOn === 'database' ? Math.min(DATABASE_RETRY_MAX_SECONDS, retryMaxSeconds) : retryMaxSeconds;
    const backOff = Math.min(max, retryInitialSeconds * 2 ** Math.min(attempts - 1, 30));
    this.dueAt = Date.now() + Math.max(backOff, failure.retryAfterSeconds ?? 0) * 1000;
    const { code: reason, hint } = failure;
    this.block = { blockedOn, attempts, reason, hint, needsAttention: attempts >= retryAttempts };
    await this.showBlock();
  }

  /** Raises attention without a failure: something takes too long. */
  async flagOverdue(blockedOn: Blocker, reason: string): Promise<void> {
    this.block = { blockedOn, attempts: Math.max(1, this.block?.attempts ?? 0), reason, needsAttention: true };
    await this.showBlock();
  }

  async clearBlock(): Promise<void> {
    this.block = null;
    this.dueAt = 0;
    this.operator.takeRetry();
    await this.showBlock();
  }

  /** Ends the workflow, with nothing left to do. */
  async close(): Promise<void> {
    this.display.describeWait('nothing');
    await wf.condition(wf.allHandlersFinished);
  }

  /** The end that an operator asked for. */
  async endAsFailed(): Promise<void> {
    if (this.block) await this.clearBlock();
    this.display.setStage('failed');
    await this.close();
  }

  /** What a run with a short history goes on with. */
  toResume(): ResumedPipeline {
    return { stage: this.display.stage, block: this.block, notBefore: this.dueAt };
  }

  /** What is shown as blocked; null where nothing is. */
  protected blockToDisplay(): DisplayedBlock | null {
    return this.block && { block: this.block, dueAt: this.dueAt };
  }

  /** Brings search attributes, details and the row to the block as it is now; nothing where they say so already. */
  private async showBlock(): Promise<void> {
    if (this.operator.hasUnrecorded) await this.operator.record();
    const [now, before] = [this.block, this.blockInRow];
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.display.showBlock(now, before);
    this.blockInRow = now;
    try {
      await this.options.showBlock({ block: now, hadAttention: before?.needsAttention ?? false });
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      // The row cannot be written while the database is what is away; the next change tries again.
      this.blockInRow = before;
    }
  }
}
