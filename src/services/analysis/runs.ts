/** The analysis run of a call or visit, as rows: shared by the pipelines that start one and the one that works on it. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { analysisRuns, shunyaJobs } from '../../db/schema/index.ts';
import { randomShunyaCallId } from '../../domain/ids.ts';
import type { PipelineStage } from '../../domain/pipeline.ts';
import type { NextStep, SubjectKey } from '../../domain/pipelineSteps.ts';
import { isRecordingHostAllowed } from '../../domain/recordingHosts.ts';
import { currentStage, setBlock, setStage, subjectTable } from '../pipelines/state.ts';
import { grantFreeSlots } from './jobs.ts';

/**
 * The next step of an ended call or stopped visit with a recording, by the state of its newest run. Starts a run where
 * there is none, or where the recording has changed since one that could not be analyzed.
 */
export async function nextAnalysisStep(
  tx: Transaction,
  config: Config,
  subject: SubjectKey & { generation: number; recordingUrl: string },
): Promise<{ stage: PipelineStage; reason: string | null; next: NextStep }> {
  const run = await selectRun(tx, subject, subject.generation);
  if (!run) return startRun(tx, config, subject);
  const { generation } = subject;
  switch (run.state) {
    case 'running': {
      const stage = await currentStage(tx, subject);
      const started = stage === 'transcribing' || stage === 'analyzing';
      return { stage: started ? stage : 'transcribing', reason: null, next: { do: 'analyze', generation } };
    }
    case 'analyzed':
      return { stage: 'applying', reason: null, next: { do: 'apply', generation } };
    case 'applied':
      return { stage: 'done', reason: null, next: { do: 'finish' } };
    case 'not_analyzable': {
      if (run.recordingUrl === subject.recordingUrl)
        return { stage: 'not_analyzable', reason: run.reason, next: { do: 'finish' } };
      const table = subjectTable(subject.subjectKind);
      await tx
        .update(table)
        .set({ generation: generation + 1 })
        .where(eq(table.id, subject.subjectId));
      return startRun(tx, config, { ...subject, generation: generation + 1 });
    }
    case 'failed':
      return { stage: 'failed', reason: run.reason, next: { do: 'finish' } };
  }
}

async function startRun(
  tx: Transaction,
  config: Config,
  subject: SubjectKey & { generation: number; recordingUrl: string },
): Promise<{ stage: PipelineStage; reason: string | null; next: NextStep }> {
  const allowed = isRecordingHostAllowed(subject.recordingUrl, config.recordingHosts);
  await tx.insert(analysisRuns).values({
    companyId: subject.companyId,
    subjectKind: subject.subjectKind,
    subjectId: subject.subjectId,
    generation: subject.generation,
    shunyaCallId: randomShunyaCallId(),
    recordingUrl: subject.recordingUrl,
    ...(allowed
      ? {}
      : { state: 'not_analyzable' as const, reason: 'recording_host_not_allowed', finishedAt: new Date() }),
  });
  if (!allowed) return { stage: 'not_analyzable', reason: 'recording_host_not_allowed', next: { do: 'finish' } };
  return { stage: 'transcribing', reason: null, next: { do: 'analyze', generation: subject.generation } };
}

export const runKey = (key: SubjectKey, generation: number) =>
  and(
    eq(analysisRuns.subjectKind, key.subjectKind),
    eq(analysisRuns.subjectId, key.subjectId),
    eq(analysisRuns.generation, generation),
  );

async function selectRun(tx: Transaction, key: SubjectKey, generation: number) {
  const [run] = await tx
    .select({
      state: analysisRuns.state,
      reason: analysisRuns.reason,
      recordingUrl: analysisRuns.recordingUrl,
    })
    .from(analysisRuns)
    .where(runKey(key, generation));
  return run;
}

/** Writes how a run has ended. */
export async function endRun(
  tx: Transaction,
  run: SubjectKey & { generation: number },
  state: 'analyzed' | 'not_analyzable',
  reason: string | null,
): Promise<void> {
  await tx.update(analysisRuns).set({ state, reason, finishedAt: sql`now()` }).where(runKey(run, run.generation));
}

/**
 * An operator gives the blocked step up: the pipeline ends as failed, and no job of it counts any more.
 * @returns workflows that got a slot by it
 */
export async function giveUp(db: Database, config: Config, key: SubjectKey): Promise<string[]> {
  return db.transaction(async (tx) => {
    await tx
      .update(analysisRuns)
      .set({ state: 'failed', reason: 'skipped_by_operator', finishedAt: sql`now()` })
      .where(
        and(
          eq(analysisRuns.subjectKind, key.subjectKind),
          eq(analysisRuns.subjectId, key.subjectId),
          inArray(analysisRuns.state, ['running', 'analyzed']),
        ),
      );
    const ended = await tx
      .update(shunyaJobs)
      .set({ state: 'failed', errorCode: 'skipped_by_operator', retryable: 'no', finishedAt: sql`now()` })
      .where(
        and(
          eq(shunyaJobs.subjectKind, key.subjectKind),
          eq(shunyaJobs.subjectId, key.subjectId),
          inArray(shunyaJobs.state, ['waiting', 'ready', 'submitted', 'reported']),
        ),
      )
      .returning({ id: shunyaJobs.id });
    await setBlock(tx, key, null);
    await setStage(tx, key, 'failed', 'skipped_by_operator');
    return ended.length > 0 ? grantFreeSlots(tx, key.companyId, config.shunya.maxPerCompany) : [];
  });
}
