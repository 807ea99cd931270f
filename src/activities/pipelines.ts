/** The database steps of pipelines, as local activities: each is one transaction of a service, harmless to repeat. */
import type { Block, SubjectKey } from '../domain/pipelineSteps.ts';
import { type AdvanceAnalysisInput, advanceAnalysis } from '../services/analysis/advance.ts';
import { applyAnalysis } from '../services/analysis/apply.ts';
import { giveUp } from '../services/analysis/runs.ts';
import { type AdvanceCallInput, advanceCall } from '../services/calls/advance.ts';
import { setBlock } from '../services/pipelines/state.ts';
import { type AdvanceVisitInput, advanceVisit } from '../services/visits/advance.ts';
import type { ActivityDeps } from './deps.ts';

export function createPipelineActivities({ db, config, ring }: ActivityDeps) {
  return {
    /** Folds a call's events and says what is next. */
    advanceCall: (input: AdvanceCallInput) => advanceCall(db, config, input),

    /** Follows a visit's session and says what is next. */
    advanceVisit: (input: AdvanceVisitInput) => advanceVisit(db, config, input),

    /** Takes what callbacks said of an analysis and says what is next. */
    async advanceAnalysis(input: AdvanceAnalysisInput) {
      const { step, woken } = await advanceAnalysis(db, config, input);
      ring(woken);
      return step;
    },

    /** Applies a finished analysis to lead and appointments and ends the pipeline; once. */
    applyCallAnalysis: ({ companyId, callId, generation }: { companyId: string; callId: string; generation: number }) =>
      applyAnalysis(db, { companyId, subjectKind: 'call', subjectId: callId, generation }),

    /** Applies a finished analysis to the appointment and its lead and ends the pipeline; once. */
    applyVisitAnalysis: (input: { companyId: string; sessionId: string; generation: number }) =>
      applyAnalysis(db, {
        companyId: input.companyId,
        subjectKind: 'visit',
        subjectId: input.sessionId,
        generation: input.generation,
      }),

    /** Shows on the row of the call or visit that a step is blocked, or that it goes on. */
    showBlock: (input: SubjectKey & { block: Block | null }) => setBlock(db, input, input.block),

    /** An operator gives the blocked step up: the pipeline ends as failed. */
    async giveUp(input: SubjectKey): Promise<void> {
      ring(await giveUp(db, config, input));
    },
  };
}
