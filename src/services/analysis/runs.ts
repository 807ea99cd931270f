/** The analysis run of a call or visit, as rows: shared by the pipelines that start one and the one that works on it. */
import { and, eq, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { analysisRuns } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import { randomShunyaCallId } from '../../domain/ids.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { isRecordingHostAllowed } from '../../domain/recordingHosts.ts';
import { ringAnalysis, ringingAnalysis, ringPipeline } from '../pipelines/ring.ts';
import { setBlock, setStage } from '../pipelines/state.ts';
import { giveUpJobs } from './jobStates.ts';
import { grantFreeSlots, lockPlaces } from './jobs.ts';

/**
 * Starts a run and its workflow, by a ring. A recording that may not be sent ends it before it begins.
 * @returns the writes that do so, and why it cannot be analyzed
 */
export function startingRun(
  tx: Transaction,
  config: Config,
  run: SubjectKey & { generation: number; recordingUrl: string; providerCallId: string | null },
): { writes: Write[]; refused: string | null } {
  const allowed = isRecordingHostAllowed(run.recordingUrl, config.recordingHosts);
  const reason = allowed ? null : 'recording_host_not_allowed';
  const insert = tx.insert(analysisRuns).values({
    companyId: run.companyId,
    subjectKind: run.subjectKind,
    subjectId: run.subjectId,
    generation: run.generation,
    shunyaCallId: randomShunyaCallId(),
    recordingUrl: run.recordingUrl,
    ...(allowed ? {} : { state: 'not_analyzable' as const, reason, finishedAt: new Date() }),
  });
  return { writes: allowed ? [insert, ringingAnalysis(tx, run)] : [insert], refused: reason };
}

export const runKey = (key: SubjectKey, generation: number) =>
  and(
    eq(analysisRuns.subjectKind, key.subjectKind),
    eq(analysisRuns.subjectId, key.subjectId),
    eq(analysisRuns.generation, generation),
  );

/** The run of one generation. */
export async function selectRun(tx: Transaction, key: SubjectKey, generation: number) {
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

/** Ends a run whose recording cannot be analyzed, and rings its call or visit. */
export async function endAsNotAnalyzable(
  tx: Transaction,
  run: SubjectKey & { generation: number },
  reason: string,
): Promise<void> {
  await tx
    .update(analysisRuns)
    .set({ state: 'not_analyzable', reason, finishedAt: sql`now()` })
    .where(runKey(run, run.generation));
  await setStage(tx, run, 'not_analyzable', reason);
  await ringPipeline(tx, run);
}

/** Ends a run that is locked, and whose analysis is applied. */
export const endingAsApplied = (tx: Transaction, run: SubjectKey & { generation: number }): Write =>
  tx
    .update(analysisRuns)
    .set({
      state: 'applied',
      finishedAt: sql`coalesce(${analysisRuns.finishedAt}, now())`,
      appliedAt: sql`now()`,
    })
    .where(runKey(run, run.generation));

/**
 * An operator gives the blocked step up: the pipeline ends as failed, no job of it counts any more, and the other workflow
 * of the two is rung. The one that asks ends by itself.
 * @param generation of the analysis that asks; none where the call or visit does
 */
export async function giveUp(
  db: Database,
  config: Config,
  { generation, ...key }: SubjectKey & { generation?: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    // Given up before: a repeat of the step must not end an analysis that somebody asked for since.
    const own = generation === undefined ? undefined : await selectRun(tx, key, generation);
    if (own && own.state !== 'running') return;
    const runs = await tx
      .update(analysisRuns)
      .set({ state: 'failed', reason: 'skipped_by_operator', finishedAt: sql`now()` })
      .where(
        and(
          eq(analysisRuns.subjectKind, key.subjectKind),
          eq(analysisRuns.subjectId, key.subjectId),
          eq(analysisRuns.state, 'running'),
        ),
      )
      .returning({ generation: analysisRuns.generation });
    await lockPlaces(tx, key.companyId);
    const haveEnded = await giveUpJobs(tx, key);
    await setBlock(tx, key, null);
    await setStage(tx, key, 'failed', 'skipped_by_operator');
    if (haveEnded) await grantFreeSlots(tx, key.companyId, config.shunya.maxPerCompany);
    for (const run of runs) if (run.generation !== generation) await ringAnalysis(tx, { ...key, ...run });
    if (generation !== undefined) await ringPipeline(tx, key);
  });
}
