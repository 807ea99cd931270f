/**
 * What every pipeline workflow shows and waits for: its stage and block as search attributes, current details and the query
 * `status`; rings; and when a step that failed is due again.
 */
import * as wf from '@temporalio/workflow';
import type { Blocker, PipelineStage } from '../domain/pipeline.ts';
import { type Block, type BlockToShow, describeError, type PipelineWaits } from '../domain/pipelineSteps.ts';
import {
  type PipelineStatus,
  type ResumedPipeline,
  ringSignal,
  SEARCH_ATTRIBUTE_KEYS,
  statusQuery,
} from './contracts.ts';
import type { StepFailure } from './failures.ts';
import { ACTION_FORM, listenToOperators, type TakenAction } from './operatorActions.ts';

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
  private readonly options: PipelineOptions;
  private stageNow: PipelineStage;
  private waitingFor = 'its first step';
  private since = new Date();
  private block: Block | null;
  /** The block as the row has it, and as it was last shown to operators. */
  private blockInRow: Block | null;
  private rung = false;
  private hurried = false;
  /** An operator's action waits to be passed on. */
  private hasToPassOn = false;
  private skipped = false;
  /** When the blocked step is due, epoch ms. */
  private dueAt: number;
  /** What operators did that is not written down yet. */
  private readonly actions: TakenAction[] = [];

  /** To be made before anything is awaited: it sets the handlers. */
  constructor(options: PipelineOptions) {
    const { resumed } = options;
    this.options = options;
    this.stageNow = resumed?.stage ?? options.stage;
    this.block = resumed?.block ?? null;
    this.blockInRow = this.block;
    this.dueAt = resumed?.notBefore ?? 0;
    wf.setHandler(ringSignal, () => {
      this.rung = true;
    });
    const description =
      'Where this pipeline stands: stage, what it waits for, since when, failed attempts, last error, next try.';
    wf.setHandler(statusQuery, () => this.status(), { description });
    // A signal that nobody knows, or that no code has meant: it must not fail the workflow.
    wf.setDefaultSignalHandler(() => {});
    listenToOperators({ target: () => this.target(), take: (action) => this.take(action) });
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

  get isSkipped(): boolean {
    return this.skipped;
  }

  get stage(): PipelineStage {
    return this.stageNow;
  }

  /** To be called before each advance: a ring from here on asks for another one. */
  clearRing(): void {
    this.rung = false;
  }

  setStage(next: PipelineStage): void {
    if (next === this.stageNow) return;
    this.stageNow = next;
    this.since = new Date();
    wf.upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: next }]);
    this.describe();
  }

  /** Says in plain words what comes now. */
  describeWait(words: string): void {
    if (words === this.waitingFor) return;
    this.waitingFor = words;
    this.since = new Date();
    this.describe();
  }

  /** Waits until it is rung, an operator acts, or the time is over. @returns what ended the wait */
  async waitForNews(what: string, seconds?: number): Promise<'rung' | 'operator' | 'time'> {
    this.describeWait(what);
    const hasCome = () => this.rung || this.hasActed;
    if (seconds === undefined) await wf.condition(hasCome);
    else await wf.condition(hasCome, Math.max(0, seconds) * 1000);
    if (this.hasActed) {
      this.hurried = false;
      return 'operator';
    }
    return this.rung ? 'rung' : 'time';
  }

  /** Waits until the blocked step is due, or a ring comes. @returns whether it is due; at once where nothing is blocked */
  async waitUntilDueOrRung(): Promise<boolean> {
    if (!this.block || this.takeHurry() || Date.now() >= this.dueAt) return true;
    await wf.condition(() => this.rung || this.hasActed, this.dueAt - Date.now());
    return this.takeHurry() || Date.now() >= this.dueAt;
  }

  /** Waits until the blocked step is due, or an operator acts; rings do not matter. */
  async waitUntilDue(): Promise<void> {
    await wf.condition(() => this.hasActed, Math.max(0, this.dueAt - Date.now()));
    this.takeHurry();
    await this.recordActions();
  }

  /** A step failed: shows it, and sets when it is due again. @param attempts its failures so far */
  async reportFailure(blockedOn: Blocker, attempts: number, failure: StepFailure): Promise<void> {
    const { retryInitialSeconds, retryMaxSeconds, retryAttempts } = this.options.waits;
    const max = blockedOn === 'database' ? Math.min(DATABASE_RETRY_MAX_SECONDS, retryMaxSeconds) : retryMaxSeconds;
    const backOff = Math.min(max, retryInitialSeconds * 2 ** Math.min(attempts - 1, 30));
    this.dueAt = Date.now() + Math.max(backOff, failure.retryAfterSeconds ?? 0) * 1000;
    this.block = {
      blockedOn,
      attempts,
      reason: failure.code,
      hint: failure.hint,
      needsAttention: attempts >= retryAttempts,
    };
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
    this.hurried = false;
    await this.showBlock();
  }

  /** Something is blocked, or is still shown so. */
  get showsBlock(): boolean {
    return this.block !== null || this.blockInRow !== null;
  }

  /** Operators did what is not written down yet, or not passed on. */
  get hasActions(): boolean {
    return this.actions.length > 0 || this.hasToPassOn;
  }

  /** Writes down what operators did. For the workflow's own course only: nothing else may run meanwhile. */
  async recordActions(): Promise<void> {
    this.hasToPassOn = false;
    while (this.actions[0]) {
      try {
        await this.options.record(this.actions[0]);
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        // The pipeline must not stand still for it: the next step tries again.
        return;
      }
      this.actions.shift();
    }
  }

  /** Ends the workflow, with nothing left to do. */
  async close(): Promise<void> {
    this.describeWait('nothing');
    await wf.condition(wf.allHandlersFinished);
  }

  /** The end that an operator asked for. */
  async endAsFailed(): Promise<void> {
    if (this.block) await this.clearBlock();
    this.setStage('failed');
    await this.close();
  }

  toResume(): ResumedPipeline {
    return { stage: this.stageNow, block: this.block, notBefore: this.dueAt };
  }

  /** Shows what blocks the pipeline to who filters by it. */
  protected showToOperators(now: Block | null, before: Block | null): void {
    if ((now?.needsAttention ?? false) !== (before?.needsAttention ?? false) || now?.blockedOn !== before?.blockedOn)
      wf.upsertSearchAttributes([
        { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: now?.needsAttention ?? false },
        { key: SEARCH_ATTRIBUTE_KEYS.blockedOn, value: now?.blockedOn ?? null },
      ]);
    this.describe();
  }

  /** What the details say of a block; null where there is none. */
  protected blockToDescribe(): { block: Block; dueAt?: number; workflowId?: string } | null {
    return this.block && { block: this.block, dueAt: this.dueAt };
  }

  /** Brings search attributes, details and the row to the block as it is now; nothing where they say so already. */
  private async showBlock(): Promise<void> {
    if (this.hasActions) await this.recordActions();
    const [now, before] = [this.block, this.blockInRow];
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.showToOperators(now, before);
    this.blockInRow = now;
    try {
      await this.options.showBlock({ block: now, hadAttention: before?.needsAttention ?? false });
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      // The row cannot be written while the database is what is away; the next change tries again.
      this.blockInRow = before;
    }
  }

  /** The workflow that an operator's action would reach now. */
  private target(): string | undefined {
    return this.block ? wf.workflowInfo().workflowId : this.options.analysisBeside?.();
  }

  private take(action: TakenAction): void {
    this.actions.push(action);
    if (action.workflowId !== wf.workflowInfo().workflowId) this.hasToPassOn = true;
    else if (action.action === 'retry') this.hurried = true;
    else this.skipped = true;
  }

  private get hasActed(): boolean {
    return this.hurried || this.skipped || this.hasToPassOn;
  }

  private takeHurry(): boolean {
    const was = this.hurried;
    this.hurried = false;
    return was;
  }

  private status(): PipelineStatus {
    const shown = this.blockToDescribe();
    return {
      stage: this.stageNow,
      waitingFor: this.waitingFor,
      since: this.since.toISOString(),
      blockedOn: shown?.block.blockedOn ?? null,
      needsAttention: shown?.block.needsAttention ?? false,
      attempts: shown?.block.attempts ?? 0,
      lastError: shown?.block.reason ?? null,
      nextTryAt: shown?.dueAt ? new Date(shown.dueAt).toISOString() : null,
    };
  }

  private describe(): void {
    const lines = [
      `**Stage** ${this.stageNow}`,
      `**Waiting for** ${this.waitingFor}, since ${this.since.toISOString()}`,
    ];
    const shown = this.blockToDescribe();
    if (shown) {
      const { blockedOn, attempts } = shown.block;
      const next = shown.dueAt ? ` The next try is at ${new Date(shown.dueAt).toISOString()}.` : '';
      const where = shown.workflowId ? ` in \`${shown.workflowId}\`` : '';
      lines.push(
        `**Blocked on** ${blockedOn}${where}: ${describeError(shown.block)}, ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}${shown.workflowId ? ' or more' : ''}. It goes on trying by itself.${next}`,
        `An operator can send the Update \`retry\` to try now, or \`skip\` to give this step up; no data is needed, \`${ACTION_FORM}\` goes into the audit log.`,
      );
    }
    wf.setCurrentDetails(lines.join('\n\n'));
  }
}
