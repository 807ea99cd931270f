/**
 * ShunyaAnalysis: transcription, then analysis, of one recording of a call or a visit.
 *
 * Keyed by subject and generation; a child of CallLifecycle or VisitRecording. Each job is submitted once and finished by
 * Shunya's webhook (a ring; the inbox has what it said) or, when that does not come, by asking.
 * Ends when both results are stored, or when the input can never be analyzed. A provider that is away never ends it: it
 * tries fast, then slow for ever, raises attention, and takes the Updates `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import type { Blocker, PipelineStage } from '../domain/pipeline.ts';
import type { AnalysisStep, Block } from '../domain/pipelineSteps.ts';
import { database, reads, submits } from './activities.ts';
import { type ShunyaAnalysisInput, type StageOfAnalysis, stageSignal } from './contracts.ts';
import { createPipeline, failureOf } from './pipeline.ts';

/** A slot that came free rings; this only covers a ring that was lost. */
const SLOT_RECHECK_SECONDS = 60;

type JobStep = Exclude<AnalysisStep, { do: 'finish' }>;

export async function ShunyaAnalysis(input: ShunyaAnalysisInput): Promise<void> {
  const { companyId, subjectKind, subjectId, generation, waits } = input;
  const subject = { companyId, subjectKind, subjectId };
  const pipeline = createPipeline({
    waits,
    stage: 'transcribing',
    resumed: input.resumed,
    showBlock: async (block) => {
      await tellAttention(block);
      await database.showBlock({ ...subject, block });
    },
    audit: (entry) => database.recordOperatorAction({ ...subject, ...entry }),
  });
  /** What the call or visit was told: operators look for it there. */
  let toldAttention = input.resumed?.block?.needsAttention ?? false;
  /** Failed tries of the present step; failures of whole jobs are counted by their attempt. */
  let failures = input.failures ?? 0;
  let repeatAttempt: number | undefined;
  let asked = false;

  for (;;) {
    await pipeline.recordActions();
    pipeline.listen();
    if (pipeline.skipped) {
      if (!(await attempt('database', () => database.giveUp(subject)))) continue;
      return await pipeline.fail();
    }
    let step: AnalysisStep | undefined;
    await attempt('database', async () => {
      step = await database.advanceAnalysis({ ...subject, generation, waits, repeatAttempt });
    });
    if (!step) continue;
    if (step.do === 'finish') {
      await pipeline.unblocked();
      if (step.stage) pipeline.setStage(step.stage);
      pipeline.waitFor('nothing');
      return await wf.condition(wf.allHandlersFinished);
    }
    await enter(step.kind === 'transcription' ? 'transcribing' : 'analyzing');
    if (pipeline.isBlocked && pipeline.blockedOn !== 'database' && !(await pipeline.turnHasCome())) continue;
    await take(step);
    if (wf.workflowInfo().continueAsNewSuggested)
      await wf.continueAsNew<typeof ShunyaAnalysis>({ ...input, failures, resumed: pipeline.toResume() });
  }

  async function take(step: JobStep): Promise<void> {
    const { jobId } = step;
    switch (step.do) {
      case 'wait_for_slot':
        pipeline.waitFor(`a free place among this company's jobs at Shunya, for the ${step.kind}`);
        await pipeline.sleep(SLOT_RECHECK_SECONDS);
        return;
      case 'submit':
        pipeline.waitFor(`Shunya to accept the ${step.kind}`);
        asked = false;
        await attempt(blockerOf(step), () => submits(companyId).submitJob({ jobId }), step);
        return;
      case 'wait':
        await awaitAnswer(step);
        return;
      case 'read':
        pipeline.waitFor(`the result of the ${step.kind}`);
        await attempt(blockerOf(step), () => read(jobId), step);
        return;
      case 'repeat':
        repeatAttempt = step.attempt;
        failures = 0;
        pipeline.waitFor(`the next attempt at the ${step.kind}`);
        await pipeline.blocked(blockerOf(step), step.attempt, { code: step.code });
    }
  }

  /** Waits for the webhook; when it does not come, asks until the job is finished. Comes back when anything is new. */
  async function awaitAnswer(step: Extract<JobStep, { do: 'wait' }>): Promise<void> {
    const { jobId, kind } = step;
    const isOverdue = step.overdueInSeconds <= 0;
    if (isOverdue) await pipeline.overdue(blockerOf(step), 'job_timeout');
    pipeline.waitFor(`Shunya's ${kind}`);
    if (!asked && step.askInSeconds > 0) {
      const woken = await pipeline.sleep(Math.min(step.askInSeconds, isOverdue ? Infinity : step.overdueInSeconds));
      if (woken !== 'operator') return;
    }
    asked = true;
    // Once it fails, one good answer is enough to show that Shunya is back, though the job still runs.
    const untilFinished = !pipeline.isBlocked || isOverdue || step.attempt > 1;
    await attempt(
      blockerOf(step),
      async () => {
        const scope = new wf.CancellationScope();
        const answer = scope.run(() => read(jobId, untilFinished));
        await Promise.race([answer, pipeline.sleep(isOverdue ? Infinity : step.overdueInSeconds)]);
        scope.cancel();
        return answer.catch((error: unknown) => {
          if (wf.isCancellation(error)) return 'disturbed' as const;
          throw error;
        });
      },
      step,
    );
  }

  function read(jobId: string, untilFinished = true): Promise<void> {
    const pollSeconds = waits.shunyaPollSeconds;
    return reads(companyId, pollSeconds).readJob({ jobId, pollSeconds, untilFinished });
  }

  /** One try of a step. A failure is shown and sets when the next is due. @returns whether it held */
  async function attempt(blocker: Blocker, run: () => Promise<unknown>, step?: JobStep): Promise<boolean> {
    try {
      if ((await run()) === 'disturbed') return true;
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      failures += 1;
      const failedJobs = step ? step.attempt - 1 : 0;
      const failure = failureOf(error);
      // The link to the recording is resolved in the same step; who looks must know whom to ask.
      const blockedOn = failure.code.startsWith('callrail_') ? 'callrail_recording' : blocker;
      await pipeline.blocked(blockedOn, failures + failedJobs, failure);
      if (blocker === 'database') await pipeline.untilTurn();
      return false;
    }
    failures = blocker === 'database' && pipeline.blockedOn !== 'database' ? failures : 0;
    // A new attempt at a job that failed has not succeeded yet: that its submit was accepted does not lower the flag.
    const isOurs =
      pipeline.blockedOn === blocker ||
      (pipeline.blockedOn === 'callrail_recording' && blocker === 'shunya_transcription');
    if (isOurs && (step?.attempt ?? 1) === 1) await pipeline.unblocked();
    return true;
  }

  async function enter(stage: PipelineStage): Promise<void> {
    if (stage === pipeline.stage) return;
    repeatAttempt = undefined;
    asked = false;
    failures = 0;
    await pipeline.unblocked();
    pipeline.setStage(stage);
    await tellParent({ stage });
  }

  async function tellAttention(block: Block | null): Promise<void> {
    const needsAttention = block?.needsAttention ?? false;
    if (needsAttention === toldAttention || !wf.patched('attention-on-call')) return;
    toldAttention = needsAttention;
    await tellParent({
      stage: pipeline.stage,
      needsAttention,
      blockedOn: needsAttention ? (block?.blockedOn ?? null) : null,
    });
  }

  /** The parent shows it too; where it has gone, nobody is there to be told. */
  async function tellParent(stage: StageOfAnalysis): Promise<void> {
    await wf
      .getExternalWorkflowHandle(input.parentWorkflowId)
      .signal(stageSignal, stage)
      .catch(() => {});
  }
}

const blockerOf = (step: JobStep): Blocker => `shunya_${step.kind}`;
