/**
 * Where the pipeline of a call or visit stands, on its row: the one place that says how its stage and its block are written.
 * Whoever calls does so in the transaction of what led there.
 */
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Queryable, Transaction } from '../../db/client.ts';
import { stageLiterals } from '../../db/schema/columns.ts';
import { calls, recordingSessions } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import { FINAL_STAGES, type PipelineStage, type SubjectKind } from '../../domain/pipeline.ts';
import type { Block, SubjectKey } from '../../domain/pipelineSteps.ts';
import { ringPipeline } from './ring.ts';

export const subjectTable = (kind: SubjectKind) => (kind === 'call' ? calls : recordingSessions);

/** Writes the stage of a call or visit, and since when; nothing where it is in that stage already. */
export async function setStage(tx: Queryable, key: SubjectKey, stage: PipelineStage, reason?: string): Promise<void> {
  await settingStage(tx, key, stage, reason);
}

/** The same, to be sent with other writes. */
export function settingStage(
  tx: Queryable,
  key: SubjectKey,
  stage: PipelineStage,
  reason: string | null = null,
): Write {
  const table = subjectTable(key.subjectKind);
  return tx
    .update(table)
    .set({ ...stageColumns(table, stage, reason), updatedAt: sql`now()` })
    .where(
      and(
        eq(table.id, key.subjectId),
        sql`(${table.stage} <> ${stage} or ${table.reason} is distinct from ${reason})`,
        sql`(${table.stage} <> ${stage} or ${table.blockedOn} is null)`,
      ),
    );
}

/** What a stage and its reason change of a row, for a statement that writes more of it. */
export const stageColumns = (table: ReturnType<typeof subjectTable>, stage: PipelineStage, reason: string | null) => ({
  stage,
  stageSince: sql`case when ${table.stage} = ${stage} then ${table.stageSince} else now() end`,
  // While a step is blocked, it is its last error.
  reason: sql`case when ${table.stage} = ${stage} and ${table.blockedOn} is not null then ${table.reason} else ${reason} end`,
  ...withoutBlock(table, stage),
  pipelineUpdatedAt: sql`now()`,
});

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
    hint: sql`case when ${goesOn} then null else ${table.hint} end`,
  };
}

/** Shows on the row that a step failed and waits, or (null) that it goes on. */
export async function setBlock(tx: Queryable, key: SubjectKey, block: Block | null): Promise<void> {
  const table = subjectTable(key.subjectKind);
  const blockedSince = block ? sql`coalesce(${table.blockedSince}, now())` : null;
  const shown = block ?? { blockedOn: null, attempts: 0, needsAttention: false };
  // A reason that a final stage gave stays when the block is taken away.
  const reason = block ? block.reason : keepFinalReason(table, null);
  await tx
    .update(table)
    .set({ ...shown, hint: block?.hint ?? null, blockedSince, reason, pipelineUpdatedAt: sql`now()` })
    .where(eq(table.id, key.subjectId));
}

/** Where a pipeline stands, as its row shows it. */
export const shownColumns = <T extends ReturnType<typeof subjectTable>>(table: T) => ({
  stage: table.stage as T['stage'],
  reason: table.reason as T['reason'],
  hint: table.hint as T['hint'],
  blockedOn: table.blockedOn as T['blockedOn'],
  attempts: table.attempts as T['attempts'],
  needsAttention: table.needsAttention as T['needsAttention'],
});

export type ShownState = Pick<
  typeof calls.$inferSelect,
  'stage' | 'reason' | 'hint' | 'blockedOn' | 'attempts' | 'needsAttention'
>;

export const blockOf = ({ blockedOn, attempts, reason, hint, needsAttention }: ShownState): Block | null =>
  blockedOn && { blockedOn, attempts, reason: reason ?? 'unknown', ...(hint && { hint }), needsAttention };

/** The stage of a pipeline. */
export async function currentStage(tx: Transaction, key: SubjectKey): Promise<PipelineStage | undefined> {
  const table = subjectTable(key.subjectKind);
  const [row] = await tx.select({ stage: table.stage }).from(table).where(eq(table.id, key.subjectId));
  return row?.stage;
}

/**
 * Shows what blocks an analysis, or (null) that it goes on. Its call or visit is rung where that begins or ends to need a
 * person, so that it shows so too.
 */
export async function showAnalysisBlock(db: Database, key: SubjectKey, block: Block | null): Promise<void> {
  await db.transaction(async (tx) => {
    const table = subjectTable(key.subjectKind);
    const [row] = await tx
      .select({ needsAttention: table.needsAttention })
      .from(table)
      .where(eq(table.id, key.subjectId))
      .for('update');
    if (!row) return;
    await setBlock(tx, key, block);
    if (row.needsAttention !== (block?.needsAttention ?? false)) await ringPipeline(tx, key);
  });
}

/** Shows that our database, which a step of a call or visit could not reach, is back. */
export async function clearDatabaseBlock(tx: Queryable, key: SubjectKey): Promise<void> {
  const table = subjectTable(key.subjectKind);
  const [blocked] = await tx
    .select({ id: table.id })
    .from(table)
    .where(and(eq(table.id, key.subjectId), eq(table.blockedOn, 'database')));
  if (blocked) await setBlock(tx, key, null);
}

/** Final stages whose reason says why they were reached. */
const stagesWithReason = stageLiterals(FINAL_STAGES.filter((stage) => stage !== 'done'));

/** Where the reason of a final stage is kept, the block that is taken away or shown leaves it. */
const keepFinalReason = (table: ReturnType<typeof subjectTable>, otherwise: string | null) =>
  sql`case when ${table.stage} in (${stagesWithReason}) then ${table.reason} else ${otherwise} end`;

/**
 * Raises attention to a pipeline that should have gone on by now.
 * @returns false where it has gone on since it was judged in `stage`, or is being written right now
 */
export async function raiseOverdue(
  tx: Transaction,
  key: SubjectKey,
  stage: PipelineStage,
  reason: string,
): Promise<boolean> {
  if (!(await lockIfUnchanged(tx, key, stage, false))) return false;
  const table = subjectTable(key.subjectKind);
  await tx
    .update(table)
    .set({
      blockedOn: 'overdue',
      blockedSince: sql`now()`,
      needsAttention: true,
      attempts: 1,
      hint: null,
      reason: keepFinalReason(table, reason),
      pipelineUpdatedAt: sql`now()`,
    })
    .where(eq(table.id, key.subjectId));
  return true;
}

/** Takes that back. @returns false where it has gone on meanwhile, or is being written right now */
export async function clearOverdue(tx: Transaction, key: SubjectKey, stage: PipelineStage): Promise<boolean> {
  if (!(await lockIfUnchanged(tx, key, stage, true))) return false;
  await setBlock(tx, key, null);
  return true;
}

async function lockIfUnchanged(
  tx: Transaction,
  key: SubjectKey,
  stage: PipelineStage,
  isOverdue: boolean,
): Promise<boolean> {
  const table = subjectTable(key.subjectKind);
  const rows = await tx
    .select({ id: table.id })
    .from(table)
    .where(
      and(
        eq(table.id, key.subjectId),
        eq(table.stage, stage),
        isOverdue ? eq(table.blockedOn, 'overdue') : sql`${table.blockedOn} is null`,
      ),
    )
    .for('update', { skipLocked: true });
  return rows.length > 0;
}

/** Counts on: what was analyzed, or refused, is analyzed once more. */
export async function setGeneration(tx: Transaction, key: SubjectKey, generation: number): Promise<void> {
  const table = subjectTable(key.subjectKind);
  await tx.update(table).set({ generation }).where(eq(table.id, key.subjectId));
}

/** An analysis is due once more, as somebody asks, whatever the pipeline came to before. */
export async function setAnalysisDue(tx: Transaction, key: SubjectKey, generation: number): Promise<void> {
  const table = subjectTable(key.subjectKind);
  await tx
    .update(table)
    .set({ ...ANALYSIS_DUE, generation })
    .where(eq(table.id, key.subjectId));
}

/** What says so of a row, also of a visit that has stopped, for a statement that writes more of it. */
export const ANALYSIS_DUE = {
  stage: 'transcribing',
  stageSince: sql`now()`,
  reason: null,
  hint: null,
  needsAttention: false,
  blockedOn: null,
  blockedSince: null,
  attempts: 0,
  pipelineUpdatedAt: sql`now()`,
  updatedAt: sql`now()`,
} as const;
