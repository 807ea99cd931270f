/**
 * The course of a call or a visit, the same for both: look at the rows, wait or analyze or apply, until nothing is left.
 * Rows decide; the history only says when to look. So a Reset, a new run or a doubled ring changes nothing.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import * as wf from '@temporalio/workflow';
import { BLOCKERS, isPipelineStage, type SubjectKind } from '../domain/pipeline.ts';
import type { NextStep, PipelineWaits, SubjectState } from '../domain/pipelineSteps.ts';
import { analysisWorkflowId } from '../domain/workflowIds.ts';
import { database } from './activities.ts';
import { analysisAttributes, type StageOfAnalysis, stageSignal, WORKFLOW_TYPES } from './contracts.ts';
import { createPipeline, failureOf } from './pipeline.ts';
import type { ShunyaAnalysis } from './ShunyaAnalysis.ts';

export interface Subject {
  kind: SubjectKind;
  companyId: string;
  waits: PipelineWaits;
  /** Reads and writes the rows, and says what is next. */
  advance(): Promise<SubjectState>;
  /** Applies a finished analysis. */
  apply(subjectId: string, generation: number): Promise<void>;
  /** Starts this workflow anew with a short history. */
  startAnew(): Promise<never>;
}

const WAITING_FOR: Record<'call_end' | 'recording' | 'visit_end', string> = {
  call_end: 'the end of the call',
  recording: 'the recording',
  visit_end: 'the end of the visit',
};

/** How often to look for the end of an analysis that an earlier run of this workflow started. */
const ORPHANED_ANALYSIS_SECONDS = 15;

interface Analysis {
  workflowId: string;
  generation: number;
  end?: { error?: unknown };
  orphaned: boolean;
}

export async function runSubject(subject: Subject): Promise<void> {
  let subjectId: string | null = null;
  let analysis: Analysis | undefined;
  let failures = 0;

  const pipeline = createPipeline({
    waits: subject.waits,
    stage: 'awaiting_end',
    showBlock: async (block) => {
      if (subjectId) await database.showBlock({ ...keyOf(subject, subjectId), block });
    },
    audit: (entry) => database.recordOperatorAction({ ...keyOf(subject, subjectId ?? entry.workflowId), ...entry }),
    blockedBelow: () => (analysis && !analysis.end ? analysis.workflowId : undefined),
  });
  // Anybody can send a signal of this name: what is not as an analysis sends it says nothing.
  wf.setHandler(stageSignal, (told: Partial<StageOfAnalysis> | null | undefined) => {
    if (!analysis || analysis.end || !isPipelineStage(told?.stage)) return;
    pipeline.setStage(told.stage);
    if (typeof told.needsAttention !== 'boolean') return;
    const blockedOn = BLOCKERS.find((blocker) => blocker === told.blockedOn) ?? null;
    pipeline.showBelow({ needsAttention: told.needsAttention, blockedOn });
  });

  for (;;) {
    pipeline.listen();
    try {
      const state = await subject.advance();
      subjectId = state.subjectId;
      pipeline.setStage(state.stage);
      if (state.next.do === 'apply' && subjectId) {
        pipeline.waitFor('its result to be applied');
        await subject.apply(subjectId, state.next.generation);
        pipeline.setStage('done');
      }
      failures = 0;
      if (pipeline.isBlocked) await pipeline.unblocked();
      if (await goOn(state.next)) continue;
      return await wf.condition(wf.allHandlersFinished);
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      failures += 1;
      await pipeline.blocked(analysis?.end?.error ? 'shunya_analysis' : 'database', failures, failureOf(error));
      await pipeline.untilTurn();
      if (pipeline.skipped && subjectId && (await gaveUp(subjectId))) return await wf.condition(wf.allHandlersFinished);
    }
  }

  /** @returns whether there is anything left to look at */
  async function goOn(next: NextStep): Promise<boolean> {
    const isParent = analysis !== undefined && !analysis.end && !analysis.orphaned;
    if (wf.workflowInfo().continueAsNewSuggested && !isParent) await subject.startAnew();
    switch (next.do) {
      case 'wait':
        pipeline.waitFor(WAITING_FOR[next.for]);
        await pipeline.sleep(next.seconds);
        return true;
      case 'analyze':
        pipeline.waitFor('its analysis by Shunya');
        if (subjectId) await analyze(subjectId, next.generation);
        return true;
      case 'apply':
        return pipeline.rung;
      case 'finish':
        pipeline.waitFor('nothing');
        return pipeline.rung;
    }
  }

  /** Starts the analysis, or goes on waiting for it; comes back when it ended or when the doorbell rang. */
  async function analyze(id: string, generation: number): Promise<void> {
    if (analysis?.generation !== generation || analysis.end) analysis = start(id, generation);
    const current = analysis;
    await wf.condition(() => current.end !== undefined || current.orphaned || pipeline.rung);
    if (current.orphaned) await pipeline.sleep(ORPHANED_ANALYSIS_SECONDS);
    if (current.end?.error) throw current.end.error;
  }

  function start(id: string, generation: number): Analysis {
    const { companyId, waits } = subject;
    const workflowId = analysisWorkflowId(subject.kind, id, generation);
    const parentWorkflowId = wf.workflowInfo().workflowId;
    const started: Analysis = { workflowId, generation, orphaned: false };
    const child = wf.executeChild<typeof ShunyaAnalysis>(WORKFLOW_TYPES.shunyaAnalysis, {
      workflowId,
      args: [{ companyId, subjectKind: subject.kind, subjectId: id, generation, parentWorkflowId, waits }],
      // A parent that is terminated or reset must not take a running analysis with it.
      parentClosePolicy: 'ABANDON',
      staticSummary: `Analysis ${generation} of ${parentWorkflowId}`,
      typedSearchAttributes: analysisAttributes(companyId, subject.kind, id),
    });
    child.then(
      () => {
        started.end = {};
      },
      (error: unknown) => {
        // An earlier run of this workflow started it: its rows will tell when it has ended.
        if (error instanceof WorkflowExecutionAlreadyStartedError) started.orphaned = true;
        else started.end = { error };
      },
    );
    return started;
  }

  async function gaveUp(id: string): Promise<boolean> {
    try {
      await database.giveUp(keyOf(subject, id));
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      return false;
    }
    await pipeline.fail();
    return true;
  }
}

const keyOf = (subject: Subject, subjectId: string) => ({
  companyId: subject.companyId,
  subjectKind: subject.kind,
  subjectId,
});
