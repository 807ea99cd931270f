/** The analysis run of a call or visit, as rows: shared by the pipelines that start one and the one that works on it. */
import { and, eq, sql } from 'drizzle-orm';
import type { Config } from '../config/config.ts';
import type { Queryable, Transaction } from '../db/client.ts';
import { analysisRuns, calls, recordingSessions } from '../db/schema/index.ts';
import { randomShunyaCallId } from '../domain/ids.ts';
import type { PipelineStage, SubjectKind } from '../domain/pipeline.ts';
import { isRecordingHostAllowed } from '../domain/recordingHosts.ts';
import type { Block } from '../workflows/contracts.ts';

export interface SubjectKey {
  companyId: string;
  subjectKind: SubjectKind;
  subjectId: string;
}

/** What a pipeline of a call or visit does next; decided from rows alone. */
export type NextStep =
  | { do: 'wait'; for: 'call_end' | 'recording' | 'visit_end'; seconds: number }
  | { do: 'analyze'; generation: number }
  | { do: 'apply'; generation: number }
  | { do: 'finish' };

export interface SubjectState {
  /** Null where the call or visit is gone, or was never there. */
  subjectId: string | null;
  stage: PipelineStage;
  next: NextStep;
}

/** Seconds left of a wait that began at `since`. */
export const remaining = (since: Date, waitSeconds: number): number =>
  Math.round(since.getTime() + waitSeconds * 1000 - Date.now()) / 1000;

const subjectTable = (kind: SubjectKind) => (kind === 'call' ? calls : recordingSessions);

/** Writes the stage of a call or visit, and since when; nothing where it is in that stage already. */
export async function setStage(
  tx: Queryable,
  key: SubjectKey,
  stage: PipelineStage,
  reason: string | null = null,
): Promise<void> {
  const table = subjectTable(key.subjectKind);
  await tx
    .update(table)
    .set({
      stage,
      stageSince: sql`case when ${table.stage} = ${stage} then ${table.stageSince} else now() end`,
      reason,
      ...withoutBlock(table, stage),
      pipelineUpdatedAt: sql`now()`,
      updatedAt: sql`now()`,
    })
    .where(
      and(
        eq(table.id, key.subjectId),
        sql`(${table.stage} <> ${stage} or ${table.reason} is distinct from ${reason})`,
        // While a step is blocked, `reason` is its last error.
        sql`(${table.stage} <> ${stage} or ${table.blockedOn} is null)`,
      ),
    );
}

/**
 * A pipeline that reaches another stage is not blocked any more. The workflow that showed a block takes it away itself; one
 * that was terminated meanwhile, or the sweep, cannot.
 */
function withoutBlock(table: ReturnType<typeof subjectTable>, stage: PipelineStage) {
  const goesOn = sql`${table.stage} <> ${stage}`;
  return {
    blockedOn: sql`case when ${goesOn} then null else ${table.blockedOn} end`,
    blockedSince: sql`case when ${goesOn} then null else ${table.blockedSince} end`,
    needsAttention: sql`${table.needsAttention} and not (${goesOn})`,
    attempts: sql`case when ${goesOn} then 0 else ${table.attempts} end`,
  };
}

/** Shows on the row that a step failed and waits, or (null) that it goes on. */
export async function setBlock(tx: Queryable, key: SubjectKey, block: Block | null): Promise<void> {
  const table = subjectTable(key.subjectKind);
  const blockedSince = block ? sql`coalesce(${table.blockedSince}, now())` : null;
  const shown = block ?? { blockedOn: null, attempts: 0, needsAttention: false };
  // A reason that a final stage gave stays when the block is taken away.
  const reason = block
    ? block.reason
    : sql`case when ${table.stage} in ('not_analyzable', 'failed') then ${table.reason} end`;
  await tx
    .update(table)
    .set({ ...shown, blockedSince, reason, pipelineUpdatedAt: sql`now()` })
    .where(eq(table.id, key.subjectId));
}

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

async function currentStage(tx: Transaction, key: SubjectKey): Promise<PipelineStage | undefined> {
  const table = subjectTable(key.subjectKind);
  const [row] = await tx.select({ stage: table.stage }).from(table).where(eq(table.id, key.subjectId));
  return row?.stage;
}
