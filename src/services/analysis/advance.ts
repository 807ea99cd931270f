/** One step of an analysis: take what callbacks said of its jobs, and decide from rows what is next. */
import { and, eq, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { currentScorecard } from '../../db/queries/scorecards.ts';
import { analysisRuns, calls, companies, recordingSessions } from '../../db/schema/index.ts';
import { type Write, writeTogether } from '../../db/writes.ts';
import { JOB_KINDS, type JobKind, type PipelineStage, stageOfJob } from '../../domain/pipeline.ts';
import { type AnalysisStep, type PipelineWaits, remaining, type SubjectKey } from '../../domain/pipelineSteps.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { analysisWorkflowId } from '../../domain/workflowIds.ts';
import { normalizeTranscript, readShunyaCallback } from '../../providers/shunya/payload.ts';
import { takingRings } from '../inbox/internalEvents.ts';
import { settingStage } from '../pipelines/state.ts';
import { applyAnalysis } from './apply.ts';
import { closeCallbacks, takeJobs } from './callbacks.ts';
import { failedAs, markingFailed, markingReported } from './jobStates.ts';
import { grantFreeSlots, insertJob, type JobOfRun, lockingPlaces, runColumns, type ShunyaJob } from './jobs.ts';
import { type Result, readResult } from './results.ts';
import { endAsNotAnalyzable, runKey } from './runs.ts';

export interface AdvanceAnalysisInput extends SubjectKey {
  generation: number;
  waits: PipelineWaits;
  /** The failed attempt that is to be followed by another; repeats of the same number do nothing more. */
  repeatAttempt?: number;
}

/** What a run has come to whose steps are over. */
const STAGE_OF_ENDED = {
  applied: 'done',
  not_analyzable: 'not_analyzable',
  failed: 'failed',
} as const;

/**
 * Reads the run's jobs, takes what their callbacks say, and says what is next. Everything about a run is in
 * rows, so this answers the same after a crash, a Reset or a new run. The result of the last job is applied at once.
 * @returns what is next, and the job that it is about
 */
export async function advanceAnalysis(
  db: Database,
  config: Config,
  input: AdvanceAnalysisInput,
): Promise<{ step: AnalysisStep; job?: ShunyaJob }> {
  return db.transaction(async (tx) => {
    const workflowId = analysisWorkflowId(input.subjectKind, input.subjectId, input.generation);
    const run = await lockRun(tx, input, workflowId);
    if (run?.state !== 'running') {
      await closeCallbacks(tx, workflowId, run?.state);
      return { step: { do: 'finish', stage: run ? STAGE_OF_ENDED[run.state] : null } };
    }
    const { jobs, callbacks, othersWait } = await takeJobs(tx, workflowId, input);
    const advance = new Advance(tx, config, input, run, jobs, othersWait);
    for (const { job, body } of callbacks) await advance.take(job, body);
    const step = await advance.next();
    return { step, job: step.do === 'finish' ? undefined : advance.find(step.jobId) };
  });
}

type Run = NonNullable<Awaited<ReturnType<typeof lockRun>>>;

/** Locks the run and then its company's places, and takes its rings. */
async function lockRun(tx: Transaction, input: AdvanceAnalysisInput, workflowId: string) {
  const run = tx.$with('run').as(
    tx
      .select({
        ...runColumns,
        state: analysisRuns.state,
        shunyaCallId: analysisRuns.shunyaCallId,
        stage: sql<PipelineStage | null>`coalesce(${calls.stage}, ${recordingSessions.stage})`.as('stage'),
        providerCallId: calls.providerCallId,
        scorecard: currentScorecard(sql`${analysisRuns.companyId}`).as('scorecard'),
      })
      .from(analysisRuns)
      .innerJoin(companies, eq(companies.id, analysisRuns.companyId))
      .leftJoin(calls, and(eq(analysisRuns.subjectKind, 'call'), eq(calls.id, analysisRuns.subjectId)))
      .leftJoin(
        recordingSessions,
        and(eq(analysisRuns.subjectKind, 'visit'), eq(recordingSessions.id, analysisRuns.subjectId)),
      )
      .where(runKey(input, input.generation))
      .for('update', { of: analysisRuns }),
  );
  const [locked] = await tx
    .with(takingRings(tx, workflowId), run)
    .select({
      shunyaCompanyId: run.shunyaCompanyId,
      callrailApiKey: run.callrailApiKey,
      recordingUrl: run.recordingUrl,
      state: run.state,
      shunyaCallId: run.shunyaCallId,
      stage: run.stage,
      providerCallId: run.providerCallId,
      scorecard: run.scorecard,
      placesLock: lockingPlaces(input.companyId),
    })
    .from(run);
  return locked;
}

/** One advance of a run: its jobs as they are after each callback that was taken. */
class Advance {
  /** What is to be written of each job and with its result, and the stage: each goes along with the next statement. */
  private readonly pending = new Map<string, readonly Write[]>();
  /** Jobs that have ended, so that others of the company may be sent. */
  private readonly ended: string[] = [];
  /** Jobs of which a callback said something that only Shunya's API can tell. */
  private readonly asked = new Set<string>();
  /** Of a call, what its analysis comes to that was taken now. */
  private analysis: Result['analysis'];
  /** Jobs of the company wait for a place. */
  private othersWait: boolean;

  private readonly tx: Transaction;
  private readonly config: Config;
  private readonly input: AdvanceAnalysisInput;
  private readonly run: Run;
  private readonly jobs: JobOfRun[];

  constructor(
    tx: Transaction,
    config: Config,
    input: AdvanceAnalysisInput,
    run: Run,
    jobs: JobOfRun[],
    othersWait: boolean,
  ) {
    this.tx = tx;
    this.config = config;
    this.input = input;
    this.run = run;
    this.jobs = jobs;
    this.othersWait = othersWait;
  }

  /** Takes what one callback says, once. */
  async take(job: JobOfRun, body: Buffer): Promise<void> {
    if (job.state === 'completed' || job.state === 'failed') return;
    const callback = readShunyaCallback(parseBodyBytes(body));
    if (callback.outcome === 'failed') {
      const failure = callback.error ?? { code: 'job_failed' };
      Object.assign(job, failedAs(failure));
      this.pending.set(job.id, [markingFailed(this.tx, job.id, failure)]);
      this.ended.push(job.id);
      return;
    }
    if (callback.outcome === 'completed' && callback.result) {
      const transcript = job.kind === 'transcription' ? normalizeTranscript(callback.result) : undefined;
      if (transcript !== null) {
        const { writes, analysis } = await readResult(this.tx, job, callback.result, this.run.scorecard ?? undefined);
        this.pending.set(job.id, writes);
        this.analysis = analysis;
        job.state = 'completed';
        job.hasSpeech = /\S/.test(transcript?.text ?? '');
        this.ended.push(job.id);
        return;
      }
    }
    // A hint without a result, or one that contradicts itself: the API has the truth; ask at once, not at the next poll.
    this.asked.add(job.id);
    if (callback.outcome === 'completed') job.state = 'reported';
    this.pending.set(job.id, [markingReported(this.tx, job)]);
  }

  /** Writes what was taken, and what follows from it. @returns the next step */
  async next(): Promise<AnalysisStep> {
    const step = await this.decide();
    await this.flush();
    return step;
  }

  /** The next step, by the first job that is not done; makes it where there is none yet. */
  private async decide(): Promise<AnalysisStep> {
    for (const kind of JOB_KINDS) {
      const job = this.newest(kind) ?? (await this.begin(kind));
      if (job.state === 'completed' && (kind === 'analysis' || job.hasSpeech)) continue;
      return this.stepOf(job);
    }
    if (this.othersWait) await this.grantSlots();
    const { providerCallId } = this.run;
    await applyAnalysis(
      this.tx,
      { ...this.input, providerCallId },
      { writes: this.takePending(), analysis: this.analysis },
    );
    return { do: 'finish', stage: 'done' };
  }

  private async flush(): Promise<void> {
    await writeTogether(this.tx, this.takePending());
  }

  private takePending(): Write[] {
    const writes = [...this.pending.values()].flat();
    this.pending.clear();
    return writes;
  }

  /** A job with what a call to Shunya needs. */
  find(jobId: string): ShunyaJob | undefined {
    const job = this.jobs.find(({ id }) => id === jobId);
    const { shunyaCompanyId, callrailApiKey, recordingUrl } = this.run;
    return job && { ...job, shunyaCompanyId, callrailApiKey, recordingUrl };
  }

  private async stepOf(newest: JobOfRun): Promise<AnalysisStep> {
    const { waits, repeatAttempt } = this.input;
    const isRepeated = newest.state === 'failed' && newest.retryable !== 'no' && repeatAttempt === newest.attempt;
    const job = isRepeated ? await this.create(newest.kind, newest.attempt + 1) : newest;
    if (job.state === 'waiting' || (this.ended.length > 0 && this.othersWait)) await this.grantSlots(job);
    const { id: jobId, kind, attempt } = job;
    switch (job.state) {
      case 'waiting':
        return { do: 'wait_for_slot', jobId, kind, attempt };
      case 'ready':
        return { do: 'submit', jobId, kind, attempt };
      case 'submitted': {
        const since = job.submittedAt ?? job.createdAt;
        const askInSeconds = this.asked.has(jobId) ? 0 : remaining(since, waits.shunyaPollSeconds);
        const overdueInSeconds = remaining(since, waits.shunyaJobTimeoutSeconds);
        return { do: 'wait', askInSeconds, overdueInSeconds, jobId, kind, attempt };
      }
      case 'reported':
        return { do: 'read', jobId, kind, attempt };
      case 'failed':
        if (job.retryable !== 'no') return { do: 'repeat', code: job.errorCode ?? 'job_failed', jobId, kind, attempt };
        return this.endAs(`refused_by_shunya:${job.errorCode ?? 'unknown'}`);
      case 'completed':
        return this.endAs('no_speech');
    }
  }

  private async endAs(reason: string): Promise<AnalysisStep> {
    await endAsNotAnalyzable(this.tx, this.input, reason);
    return { do: 'finish', stage: 'not_analyzable' };
  }

  private newest = (kind: JobKind): JobOfRun | undefined => this.jobs.find((job) => job.kind === kind);

  private async begin(kind: JobKind): Promise<JobOfRun> {
    const stage = stageOfJob(kind);
    if (this.run.stage !== stage) this.pending.set('stage', [settingStage(this.tx, this.input, stage)]);
    return this.create(kind, 1);
  }

  private async create(kind: JobKind, attempt: number): Promise<JobOfRun> {
    const { companyId, subjectKind, subjectId, generation } = this.input;
    const { shunyaCallId } = this.run;
    const step = `${subjectKind}:${subjectId}:${generation}:${kind}:${attempt}`;
    // The call id is random: a database restored from a backup never uses a key again with another body.
    const idempotencyKey = `${step}:${shunyaCallId}`;
    const key = { id: step, companyId, subjectKind, subjectId, generation, kind, attempt };
    const { maxPerCompany } = this.config.shunya;
    const along = { writes: this.takePending(), ended: this.ended };
    const made = await insertJob(this.tx, maxPerCompany, { ...key, idempotencyKey, shunyaCallId }, along);
    // Only who holds the run's lock makes its jobs.
    if (!made) throw new Error('a job is there that was not');
    this.jobs.unshift(made.job);
    this.othersWait = made.othersWait;
    return made.job;
  }

  /** Gives free places to the jobs that have waited longest, this one among them perhaps. */
  private async grantSlots(job?: JobOfRun): Promise<void> {
    await this.flush();
    const { maxPerCompany } = this.config.shunya;
    const granted = await grantFreeSlots(this.tx, this.input.companyId, maxPerCompany, this.input);
    if (job && granted.includes(job.id)) job.state = 'ready';
  }
}
