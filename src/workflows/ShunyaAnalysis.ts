/**
 * ShunyaAnalysis: transcription, then analysis, of one recording of a call or a visit.
 *
 * Keyed by subject and generation; started by a ring that CallLifecycle or VisitRecording stored, and runs beside it. Each
 * job is submitted once and finished by Shunya's webhook (a ring; the inbox has what it said) or, when that does not come,
 * by asking. Ends when the result is applied, or when the input can never be analyzed, and rings the call or visit.
 * A provider that is away never ends it: it tries fast, then slow for ever, raises attention, and takes `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import type { JobKind } from '../domain/pipeline.ts';
import type { AnalysisStep } from '../domain/pipelineSteps.ts';
import { database } from './activities.ts';
import { AnalysisPipeline, type JobStep } from './analysisPipeline.ts';
import type { ShunyaAnalysisInput } from './contracts.ts';

export async function ShunyaAnalysis(input: ShunyaAnalysisInput): Promise<void> {
  const { companyId, subjectKind, subjectId, generation, waits } = input;
  const pipeline = new AnalysisPipeline(input);

  // The rows say where each job stands: a Reset or a new run goes on from there.
  let step = await advance();
  await runJob('transcription');
  await runJob('analysis');
  return step.do === 'finish' && step.stage === 'failed' ? pipeline.endAsFailed() : pipeline.close();

  /** Brings one job from its submit to its stored result, by as many attempts as it needs. */
  async function runJob(kind: JobKind): Promise<void> {
    if (isAt(kind)) await pipeline.beginJob(kind);
    while (isAt(kind)) {
      // A step that failed is due later. After a ring before that, the rows may say something else.
      const isDue = await pipeline.waitUntilDueOrRung();
      if (isDue) await runStep(step as JobStep);
      if (wf.workflowInfo().continueAsNewSuggested)
        await wf.continueAsNew<typeof ShunyaAnalysis>({ ...input, ...pipeline.toContinue() });
      step = await advance();
    }
  }

  function isAt(kind: JobKind): boolean {
    return step.do !== 'finish' && step.kind === kind;
  }

  async function runStep(next: JobStep): Promise<void> {
    switch (next.do) {
      case 'wait_for_slot':
        // The transaction that frees a place rings.
        await pipeline.waitForNews(`a free place among this company's jobs at Shunya, for the ${next.kind}`);
        return;
      case 'submit':
        await pipeline.submit(next);
        return;
      case 'wait':
        await pipeline.waitForAnswer(next);
        return;
      case 'read':
        await pipeline.read(next);
        return;
      case 'repeat':
        // The attempt failed, and Shunya did not rule out another.
        await pipeline.requestNextAttempt(next);
    }
  }

  /** Brings the rows up to date and reads from them what is next. Finishes where an operator has skipped the step. */
  async function advance(): Promise<AnalysisStep> {
    const { repeatAttempt, isBlocked } = pipeline;
    const run = { companyId, subjectKind, subjectId, generation };
    return pipeline.advance(
      () => database.advanceAnalysis({ ...run, waits, repeatAttempt, submitsPromptly: !isBlocked }),
      () => database.giveUp(run),
    );
  }
}
