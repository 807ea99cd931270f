/** The pipeline of a call or visit: how it advances by its rows, and what it shows of the analysis that runs beside it. */
import * as wf from '@temporalio/workflow';
import { analysisWorkflowId } from '../domain/analysisWorkflowId.ts';
import type { SubjectKind } from '../domain/pipeline.ts';
import type { Block, PipelineWaits, SubjectKey, SubjectState } from '../domain/pipelineSteps.ts';
import { database } from './activities.ts';
import { failureOf } from './failures.ts';
import { Pipeline } from './pipeline.ts';

interface Subject {
  kind: SubjectKind;
  id: string;
  companyId: string;
  waits: PipelineWaits;
}

export class SubjectPipeline extends Pipeline {
  private readonly key: SubjectKey;
  /** Whether the call or visit has a row, as the last advance found it. */
  private hasRow = false;
  private failedAdvances = 0;
  /** The analysis under way, and what blocks it, as the last advance found it. */
  private analysis: { workflowId: string; block: Block | null } | null = null;

  constructor({ kind, id, companyId, waits }: Subject) {
    const key = { companyId, subjectKind: kind, subjectId: id };
    super({
      waits,
      stage: 'awaiting_end',
      writeBlock: async (shown) => {
        if (this.hasRow) await database.showBlock({ ...key, ...shown });
      },
      record: async (action) => {
        const input = { ...key, ...action };
        const isForAnalysis = action.workflowId !== wf.workflowInfo().workflowId;
        await (isForAnalysis ? database.passActionOn(input) : database.recordOperatorAction(input));
      },
      analysisBeside: () => this.analysis?.workflowId,
    });
    this.key = key;
  }

  /**
   * Runs `advanceCall` or `advanceVisit` until it succeeds. The rows say what is next, so a Reset, a new run or a doubled
   * ring changes nothing.
   * @returns undefined where an operator skipped it
   */
  async advance(run: () => Promise<SubjectState>): Promise<SubjectState | undefined> {
    for (;;) {
      await this.beginAdvance();
      try {
        const state = await run();
        this.hasRow = state.subjectId !== null;
        this.failedAdvances = 0;
        if (this.isBlocked) await this.clearBlock();
        this.display.setStage(state.stage);
        this.showAnalysis(state);
        // The skip could not be written before. A call or visit that has finished meanwhile stays as it is.
        if (this.operator.isSkipped && state.next.do !== 'finish' && (await this.skip())) return undefined;
        return state;
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        this.failedAdvances += 1;
        await this.reportFailure('database', this.failedAdvances, failureOf(error));
        await this.waitUntilDue();
        if (this.operator.isSkipped && (await this.skip())) return undefined;
      }
    }
  }

  /** Its own block, or else the one of the analysis. */
  protected override blockToDisplay() {
    if (this.isBlocked || !this.analysis?.block) return super.blockToDisplay();
    return { block: this.analysis.block, workflowId: this.analysis.workflowId };
  }

  private showAnalysis({ next, block }: SubjectState): void {
    const before = this.analysis?.block ?? null;
    this.analysis = null;
    if (next.do === 'analyze') {
      const workflowId = analysisWorkflowId(this.key.subjectKind, this.key.subjectId, next.generation);
      // Only a block that needs attention is shown here too; the analysis rings when that changes.
      this.analysis = { workflowId, block: block?.needsAttention ? block : null };
    }
    const now = this.analysis?.block ?? null;
    if (JSON.stringify(now) !== JSON.stringify(before)) this.display.updateBlock(now, before);
  }

  /** @returns false where there is no row to write it to, or the database is away */
  private async skip(): Promise<boolean> {
    if (!this.hasRow) return false;
    try {
      await database.giveUp(this.key);
      return true;
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      return false;
    }
  }
}
