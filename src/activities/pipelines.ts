/** The database steps of pipelines, as local activities: each is one transaction of a service, harmless to repeat. */
import type { AnalysisStep, BlockToShow, SubjectKey, SubjectState } from '../domain/pipelineSteps.ts';
import { type AdvanceAnalysisInput, advanceAnalysis } from '../services/analysis/advance.ts';
import { giveUp } from '../services/analysis/runs.ts';
import { type AdvanceCallInput, advanceCall } from '../services/calls/advance.ts';
import { clearDatabaseBlock, setBlock, showAnalysisBlock } from '../services/pipelines/state.ts';
import { type AdvanceVisitInput, advanceVisit } from '../services/visits/advance.ts';
import { logAttentionChange } from './attention.ts';
import type { ActivityDeps } from './deps.ts';
import { createPromptSubmit } from './promptSubmit.ts';

export interface AdvanceAnalysis extends AdvanceAnalysisInput {
  /** Whether this step may submit a job itself, outside of the queue: not after a failure. */
  submitsPromptly: boolean;
}

export function createPipelineActivities(deps: ActivityDeps) {
  const { db, config, pokeRelay } = deps;
  const submitPromptly = createPromptSubmit(deps);
  return {
    /** Folds a call's events and says what is next. */
    async advanceCall(input: AdvanceCallInput): Promise<SubjectState> {
      const state = await advanceCall(db, config, input);
      if (state.next.do === 'analyze') pokeRelay();
      return state;
    },

    /** Follows a visit's session and says what is next. */
    async advanceVisit(input: AdvanceVisitInput): Promise<SubjectState> {
      const state = await advanceVisit(db, config, input);
      if (state.next.do === 'analyze') pokeRelay();
      return state;
    },

    /** Takes what callbacks said of an analysis, submits the next job where that can be done at once, and says what is next. */
    async advanceAnalysis({ submitsPromptly, ...input }: AdvanceAnalysis): Promise<AnalysisStep> {
      const { step, job } = await advanceOnce(input);
      if (step.do !== 'submit' || !job || !submitsPromptly) return step;
      const next = await submitPromptly(job, step, input.waits);
      return next ?? (await advanceOnce(input)).step;
    },

    /** Shows on the row of a call or visit that a step of its own is blocked, or that it goes on. */
    async showBlock({ block, hadAttention, ...key }: SubjectKey & BlockToShow): Promise<void> {
      await (block ? setBlock(db, key, block) : clearDatabaseBlock(db, key));
      await logAttentionChange(deps, key, { block, hadAttention });
    },

    /** Shows on the row of a call or visit that its analysis is blocked, or that it goes on. */
    async showAnalysisBlock({ block, hadAttention, ...key }: SubjectKey & BlockToShow): Promise<void> {
      await showAnalysisBlock(db, key, block);
      pokeRelay();
      await logAttentionChange(deps, key, { block, hadAttention });
    },

    /** An operator gives the blocked step up: the pipeline ends as failed. */
    async giveUp(input: SubjectKey & { generation?: number }): Promise<void> {
      await giveUp(db, config, input);
      pokeRelay();
    },
  };

  async function advanceOnce(input: AdvanceAnalysisInput) {
    const advanced = await advanceAnalysis(db, config, input);
    if (mayHaveRung(advanced.step)) pokeRelay();
    return advanced;
  }
}

function mayHaveRung(step: AnalysisStep): boolean {
  // The end of an analysis rings its call or visit.
  if (step.do === 'finish') return true;
  // A failed attempt, or the transcription, has ended; the job that got its place is rung.
  return step.do === 'repeat' || step.kind === 'analysis';
}
