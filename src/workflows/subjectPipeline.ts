/** The pipeline of a call or visit: how it advances by its rows, and what it shows of the analysis that runs beside it. */
import * as wf from '@temporalio/workflow';
import { analysisWorkflowId } from '../domain/analysisWorkflowId.ts';
import type { SubjectKind } from '../domain/pipeline.ts';
import type { Block, PipelineWaits, SubjectState } from '../domain/pipelineSteps.ts';
import { database } from './activities.ts';
import { failureOf } from './failures.ts';
import { Pipeline } from './pipeline.ts';

interface Subject {
  kind: SubjectKind;
  companyId: string;
  waits: PipelineWaits;
}

/** To be called before anything is awaited. */
export const openSubjectPipeline = (subject: Subject) => new SubjectPipeline(subject);

class SubjectPipeline extends Pipeline {
  private readonly subject: Subject;
  private subjectId: string | null = null;
  private failures = 0;
  /** The analysis under way, and what blocks it, as the last advance found it. */
  private analysis: { workflowId: string; block: Block | null } | null = null;

  constructor(subject: Subject) {
    super({
      waits: subject.waits,
      stage: 'awaiting_end',
      showBlock: async (shown) => {
        if (this.subjectId) await database.showBlock({ ...this.key(this.subjectId), ...shown });
      },
      record: async (action) => {
        const self = wf.workflowInfo().workflowId;
        const did = { ...this.key(this.subjectId ?? self), ...action };
        await (action.workflowId === self ? database.recordOperatorAction(did) : database.passActionOn(did));
      },
      analysisBeside: () => this.analysis?.workflowId,
    });
    this.subject = subject;
  }

  /**
   * Runs `advanceCall` or `advanceVisit` until it succeeds. The rows say what is next, so a Reset, a new run or a doubled
   * ring changes nothing.
   * @returns undefined where an operator gave it up
   */
  async advance(run: () => Promise<SubjectState>): Promise<SubjectState | undefined> {
    for (;;) {
      await this.beginAdvance();
      try {
        const state = await run();
        this.subjectId = state.subjectId;
        this.failures = 0;
        if (this.isBlocked) await this.clearBlock();
        this.display.setStage(state.stage);
        this.showAnalysis(state);
        return state;
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        this.failures += 1;
        await this.reportFailure('database', this.failures, failureOf(error));
        await this.waitUntilDue();
        if (this.operator.gaveUp && (await this.giveUp())) return undefined;
      }
    }
  }

  protected override blockToDisplay() {
    if (this.isBlocked || !this.analysis?.block) return super.blockToDisplay();
    return { block: this.analysis.block, workflowId: this.analysis.workflowId };
  }

  private showAnalysis({ subjectId, next, block }: SubjectState): void {
    const before = this.analysis?.block ?? null;
    this.analysis =
      next.do === 'analyze' && subjectId
        ? {
            workflowId: analysisWorkflowId(this.subject.kind, subjectId, next.generation),
            // Only what asks for a person is shown here too; it rings when that changes.
            block: block?.needsAttention ? block : null,
          }
        : null;
    const now = this.analysis?.block ?? null;
    if (JSON.stringify(now) !== JSON.stringify(before)) this.display.showBlock(now, before);
  }

  private async giveUp(): Promise<boolean> {
    try {
      if (this.subjectId) await database.giveUp(this.key(this.subjectId));
      return this.subjectId !== null;
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      return false;
    }
  }

  private key(subjectId: string) {
    const { companyId, kind: subjectKind } = this.subject;
    return { companyId, subjectKind, subjectId };
  }
}
