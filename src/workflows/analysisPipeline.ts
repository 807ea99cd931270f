/** The steps of one job at Shunya. Each method tries its step once; a failure is shown, and the next try is due later. */
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
  /** The number of the failed attempt at a job that the next advance shall repeat. */
  repeatAttempt: number | undefined;
  /** Failed tries of the present step. Failed attempts at the job are counted by the rows. */
  private failedTries: number;
  /** Shunya's API was asked for the result instead of waiting for the webhook; from then on it is asked again. */
  private hasAsked = false;

  constructor(input: ShunyaAnalysisInput) {
    const { companyId, subjectKind, subjectId, waits, resumed } = input;
    const key = { companyId, subjectKind, subjectId };
    super({
      waits,
      stage: 'transcribing',
      resumed,
      writeBlock: (shown) => database.showAnalysisBlock({ ...key, ...shown }),
      record: (action) => database.recordOperatorAction({ ...key, ...action }),
    });
    this.input = input;
    this.failedTries = input.failures ?? 0;
  }

  /** Runs `advanceAnalysis`, or `skip` where an operator has skipped the step, until it succeeds. */
  async advance(run: () => Promise<AnalysisStep>, skip: () => Promise<void>): Promise<AnalysisStep> {
    for (;;) {
      await this.beginAdvance();
      let step: AnalysisStep = { do: 'finish', stage: 'failed' };
      const { isSkipped } = this.operator;
      const succeeded = await this.tryStep('database', async () => {
        if (isSkipped) await skip();
        else step = await run();
      });
      if (!succeeded) continue;
      if (step.do === 'finish' && !isSkipped) {
        if (this.showsBlock) await this.clearBlock();
        if (step.stage) this.display.setStage(step.stage);
      }
      return step;
    }
  }

  /** Forgets the job before, where the next one is of another kind. */
  async beginJob(kind: JobKind): Promise<void> {
    const stage = stageOfJob(kind);
    if (stage === this.display.stage) return;
    this.repeatAttempt = undefined;
    this.hasAsked = false;
    this.failedTries = 0;
    if (this.showsBlock) await this.clearBlock();
    this.display.setStage(stage);
  }

  async submit(step: Step<'submit'>): Promise<void> {
    this.display.describeWait(`Shunya to accept the ${step.kind}`);
    this.hasAsked = false;
    if (step.failed) await this.failStep(blockerOf(step), step.failed, step);
    else
      await this.tryStep(blockerOf(step), () => submits(this.input.companyId).submitJob({ jobId: step.jobId }), step);
  }

  async read(step: Step<'read'>): Promise<void> {
    this.display.describeWait(`the result of the ${step.kind}`);
    await this.tryStep(blockerOf(step), () => this.readJob(step.jobId, true), step);
  }

  /** Shows that an attempt at a job failed. The next advance stores another, which is submitted once the back-off is over. */
  async requestNextAttempt(step: Step<'repeat'>): Promise<void> {
    this.repeatAttempt = step.attempt;
    this.failedTries = 0;
    this.display.describeWait(`the next attempt at the ${step.kind}`);
    await this.reportFailure(blockerOf(step), step.attempt, { code: step.code });
  }

  /** Waits for the webhook; when it does not come, asks until the job is finished. Returns when anything is new. */
  async waitForAnswer(step: Step<'wait'>): Promise<void> {
    const { jobId, kind, askInSeconds, overdueInSeconds } = step;
    const isOverdue = overdueInSeconds <= 0;
    if (isOverdue) await this.flagOverdue(blockerOf(step), 'job_timeout');
    const what = `Shunya's ${kind}`;
    this.display.describeWait(what);
    if (!this.hasAsked && askInSeconds > 0) {
      const ended = await this.waitForNews(what, isOverdue ? askInSeconds : Math.min(askInSeconds, overdueInSeconds));
      if (ended !== 'operator') return;
    }
    this.hasAsked = true;
    // After a failure one answer is enough to show that Shunya is back, though the job still runs.
    const untilFinished = !this.isBlocked || isOverdue || step.attempt > 1;
    await this.tryStep(
      blockerOf(step),
      async () => {
        const asking = new wf.CancellationScope();
        const answer = asking.run(() => this.readJob(jobId, untilFinished));
        const news = asking.run(() => this.waitForNews(what, isOverdue ? undefined : overdueInSeconds));
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

  /** What continue-as-new hands over. */
  toContinue(): Pick<ShunyaAnalysisInput, 'failures' | 'resumed'> {
    return { failures: this.failedTries, resumed: this.toResume() };
  }

  private readJob(jobId: string, untilFinished: boolean): Promise<void> {
    const { companyId, waits } = this.input;
    return reads(companyId, waits.shunyaPollSeconds).readJob({ jobId, untilFinished });
  }

  /** Tries a step once. A failure is shown and sets when the next try is due. @returns whether it succeeded */
  private async tryStep(blocker: Blocker, run: () => Promise<unknown>, step?: JobStep): Promise<boolean> {
    try {
      await run();
    } catch (error) {
      // Only the asking was cancelled: something new came meanwhile.
      if (wf.isCancellation(error) && !wf.CancellationScope.current().consideredCancelled) return true;
      if (wf.isCancellation(error)) throw error;
      await this.failStep(blocker, failureOf(error), step);
      return false;
    }
    // An advance says nothing about a provider: its failures still count.
    const isBlockedOnProvider = this.isBlocked && this.blockedOn !== 'database';
    if (blocker !== 'database' || !isBlockedOnProvider) this.failedTries = 0;
    const wasBlockedHere =
      this.blockedOn === blocker || (this.blockedOn === 'callrail_recording' && blocker === 'shunya_transcription');
    // A later attempt at a job that failed has to bring its result first: an accepted submit does not end the block.
    if (wasBlockedHere && (step?.attempt ?? 1) === 1) await this.clearBlock();
    return true;
  }

  private async failStep(blocker: Blocker, failure: FailureDetails, step?: JobStep): Promise<void> {
    this.failedTries += 1;
    const failedAttempts = step ? step.attempt - 1 : 0;
    // A submit asks CallRail for the link to the recording first; people must see whom to ask.
    const blockedOn = isCallRailFailure(failure) ? 'callrail_recording' : blocker;
    await this.reportFailure(blockedOn, this.failedTries + failedAttempts, failure);
    if (blocker === 'database') await this.waitUntilDue();
  }
}

const blockerOf = (step: JobStep): Blocker => `shunya_${step.kind}`;
