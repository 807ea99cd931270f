/** The steps of one job at Shunya, each tried once at a time: what failed is shown and has its next turn later. */
import * as wf from '@temporalio/workflow';
import { type Blocker, type JobKind, stageOfJob } from '../domain/pipeline.ts';
import type { AnalysisStep } from '../domain/pipelineSteps.ts';
import { type FailureDetails, isCallRailFailure } from '../domain/stepFailures.ts';
import { database, reads, submits } from './activities.ts';
import type { ShunyaAnalysisInput } from './contracts.ts';
import { failureOf } from './failures.ts';
import { Pipeline } from './pipeline.ts';

export type JobStep = Exclude<AnalysisStep, { do: 'finish' }>;
type Step<Do extends JobStep['do']> = Extract<JobStep, { do: Do }>;

export class AnalysisPipeline extends Pipeline {
  private readonly input: ShunyaAnalysisInput;
  /** The failed attempt that is to be followed by another. */
  repeatAttempt: number | undefined;
  /** Failed tries of the present step; failures of whole jobs are counted by their attempt. */
  private failures: number;
  /** Shunya's API was asked: from here on it is asked until it knows. */
  private hasAsked = false;

  constructor(input: ShunyaAnalysisInput) {
    const { companyId, subjectKind, subjectId, waits, resumed } = input;
    const key = { companyId, subjectKind, subjectId };
    super({
      waits,
      stage: 'transcribing',
      resumed,
      showBlock: (shown) => database.showAnalysisBlock({ ...key, ...shown }),
      record: (action) => database.recordOperatorAction({ ...key, ...action }),
    });
    this.input = input;
    this.failures = input.failures ?? 0;
  }

  /** Runs `advanceAnalysis` until it succeeds, or until an operator has given it up. */
  async advance(run: () => Promise<AnalysisStep>, giveUp: () => Promise<void>): Promise<AnalysisStep> {
    for (;;) {
      await this.beginAdvance();
      let step: AnalysisStep = { do: 'finish', stage: 'failed' };
      const isSkipped = this.operator.gaveUp;
      const held = await this.attempt('database', async () => {
        if (isSkipped) await giveUp();
        else step = await run();
      });
      if (!held) continue;
      if (step.do === 'finish' && !isSkipped) {
        if (this.showsBlock) await this.clearBlock();
        if (step.stage) this.display.setStage(step.stage);
      }
      return step;
    }
  }

  /** A job of this kind is next: nothing of the one before it counts any more. */
  async beginJob(kind: JobKind): Promise<void> {
    const stage = stageOfJob(kind);
    if (stage === this.display.stage) return;
    this.repeatAttempt = undefined;
    this.hasAsked = false;
    this.failures = 0;
    if (this.showsBlock) await this.clearBlock();
    this.display.setStage(stage);
  }

  async submit(step: Step<'submit'>): Promise<void> {
    this.display.describeWait(`Shunya to accept the ${step.kind}`);
    this.hasAsked = false;
    if (step.failed) await this.fail(blockerOf(step), step.failed, step);
    else
      await this.attempt(blockerOf(step), () => submits(this.input.companyId).submitJob({ jobId: step.jobId }), step);
  }

  async read(step: Step<'read'>): Promise<void> {
    this.display.describeWait(`the result of the ${step.kind}`);
    await this.attempt(blockerOf(step), () => this.readJob(step.jobId, true), step);
  }

  /** Shows that an attempt failed. The next advance stores another, which is submitted once the back-off is over. */
  async requestNextAttempt(step: Step<'repeat'>): Promise<void> {
    this.repeatAttempt = step.attempt;
    this.failures = 0;
    this.display.describeWait(`the next attempt at the ${step.kind}`);
    await this.reportFailure(blockerOf(step), step.attempt, { code: step.code });
  }

  /** Waits for the webhook; when it does not come, asks until the job is finished. Comes back when anything is new. */
  async waitForAnswer(step: Step<'wait'>): Promise<void> {
    const { jobId, kind, askInSeconds, overdueInSeconds } = step;
    const isOverdue = overdueInSeconds <= 0;
    if (isOverdue) await this.flagOverdue(blockerOf(step), 'job_timeout');
    const words = `Shunya's ${kind}`;
    this.display.describeWait(words);
    if (!this.hasAsked && askInSeconds > 0) {
      const ended = await this.waitForNews(words, isOverdue ? askInSeconds : Math.min(askInSeconds, overdueInSeconds));
      if (ended !== 'operator') return;
    }
    this.hasAsked = true;
    // Once it fails, one good answer is enough to show that Shunya is back, though the job still runs.
    const untilFinished = !this.isBlocked || isOverdue || step.attempt > 1;
    await this.attempt(
      blockerOf(step),
      async () => {
        const asking = new wf.CancellationScope();
        const answer = asking.run(() => this.readJob(jobId, untilFinished));
        const news = asking.run(() => this.waitForNews(words, isOverdue ? undefined : overdueInSeconds));
        try {
          await Promise.race([answer, news]);
        } finally {
          asking.cancel();
        }
        await answer;
      },
      step,
    );
  }

  /** What a run with a short history goes on with. */
  toContinue(): Pick<ShunyaAnalysisInput, 'failures' | 'resumed'> {
    return { failures: this.failures, resumed: this.toResume() };
  }

  private readJob(jobId: string, untilFinished: boolean): Promise<void> {
    const { companyId, waits } = this.input;
    return reads(companyId, waits.shunyaPollSeconds).readJob({ jobId, untilFinished });
  }

  /** One try of a step. A failure is shown and sets when the next is due. @returns whether it held */
  private async attempt(blocker: Blocker, run: () => Promise<unknown>, step?: JobStep): Promise<boolean> {
    try {
      await run();
    } catch (error) {
      // Something new came while Shunya was asked.
      if (wf.isCancellation(error) && !wf.CancellationScope.current().consideredCancelled) return true;
      if (wf.isCancellation(error)) throw error;
      await this.fail(blocker, failureOf(error), step);
      return false;
    }
    const keepsFailures = blocker === 'database' && this.isBlocked && this.blockedOn !== 'database';
    if (!keepsFailures) this.failures = 0;
    // A new attempt at a job that failed has not succeeded yet: that its submit was accepted does not lower the flag.
    const isOurs =
      this.blockedOn === blocker || (this.blockedOn === 'callrail_recording' && blocker === 'shunya_transcription');
    if (isOurs && (step?.attempt ?? 1) === 1) await this.clearBlock();
    return true;
  }

  private async fail(blocker: Blocker, failure: FailureDetails, step?: JobStep): Promise<void> {
    this.failures += 1;
    const failedJobs = step ? step.attempt - 1 : 0;
    // The link to the recording is resolved in the same step; people must see whom to ask.
    const blockedOn = isCallRailFailure(failure) ? 'callrail_recording' : blocker;
    await this.reportFailure(blockedOn, this.failures + failedJobs, failure);
    if (blocker === 'database') await this.waitUntilDue();
  }
}

const blockerOf = (step: JobStep): Blocker => `shunya_${step.kind}`;
