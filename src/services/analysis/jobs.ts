/** The rows of jobs at Shunya: one per attempt at one step of one run. */
import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { Queryable, Transaction } from '../../db/client.ts';
import { locking, takeLock } from '../../db/locks.ts';
import { analysisRuns, companies, shunyaJobs } from '../../db/schema/index.ts';
import { alongside, type Write } from '../../db/writes.ts';
import type { SubjectKind } from '../../domain/pipeline.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { ringAnalysis } from '../pipelines/ring.ts';

export type ShunyaJob = NonNullable<Awaited<ReturnType<typeof selectJob>>>;

/** A job's own columns. */
const jobColumns = {
  id: shunyaJobs.id,
  companyId: shunyaJobs.companyId,
  subjectKind: shunyaJobs.subjectKind,
  subjectId: shunyaJobs.subjectId,
  generation: shunyaJobs.generation,
  kind: shunyaJobs.kind,
  attempt: shunyaJobs.attempt,
  state: shunyaJobs.state,
  retryable: shunyaJobs.retryable,
  errorCode: shunyaJobs.errorCode,
  idempotencyKey: shunyaJobs.idempotencyKey,
  shunyaCallId: shunyaJobs.shunyaCallId,
  taskId: shunyaJobs.taskId,
  audioUrl: shunyaJobs.audioUrl,
  submittedAt: shunyaJobs.submittedAt,
  createdAt: shunyaJobs.createdAt,
};

/** What the jobs of a run share. */
export const runColumns = {
  shunyaCompanyId: companies.shunyaCompanyId,
  callrailApiKey: companies.callrailApiKey,
  recordingUrl: analysisRuns.recordingUrl,
};

const isRunOfJob = and(
  eq(analysisRuns.subjectKind, shunyaJobs.subjectKind),
  eq(analysisRuns.subjectId, shunyaJobs.subjectId),
  eq(analysisRuns.generation, shunyaJobs.generation),
);

/** A job among those of its run. */
export type JobOfRun = Omit<ShunyaJob, keyof typeof runColumns> & { hasSpeech: boolean };

export const jobsOfRun = (run: SubjectKey & { generation: number }) =>
  and(
    eq(shunyaJobs.subjectKind, run.subjectKind),
    eq(shunyaJobs.subjectId, run.subjectId),
    eq(shunyaJobs.generation, run.generation),
  );

/** Whether anything was said in the transcript that a transcription has brought. */
const hasSpeech = sql<boolean>`shunya_jobs.kind = 'transcription' and (
  exists (select 1 from call_transcripts t where shunya_jobs.subject_kind = 'call'
    and t.call_id = shunya_jobs.subject_id and t.generation = shunya_jobs.generation and t.transcript_text ~ '\\S')
  or exists (select 1 from recording_transcripts t where shunya_jobs.subject_kind = 'visit'
    and t.session_id = shunya_jobs.subject_id and t.generation = shunya_jobs.generation and t.transcript_text ~ '\\S'))`;

export const jobsOfRunColumns = { ...jobColumns, hasSpeech };

/**
 * Locks a company's places at Shunya: who counts, takes or frees one sees what others did before. It is taken before any job
 * is locked or written, and after the run.
 */
export const lockPlaces = (tx: Transaction, companyId: string): Promise<void> => takeLock(tx, lockingPlaces(companyId));

/** The same lock for a statement that does something else as well. */
export const lockingPlaces = (companyId: string): SQL => locking('slots', companyId);

const waitingOf = (companyId: string) =>
  sql`select id from shunya_jobs where company_id = ${companyId} and state = 'waiting'`;

/** Whether jobs of a company wait for a place. */
export const hasWaiting = (companyId: string) => sql<boolean>`exists (${waitingOf(companyId)})`;

/** @param ended jobs whose places are free by what the same statement writes */
const freePlaces = (
  companyId: string,
  limit: number,
  ended: readonly string[] = [],
) => sql`greatest(0, ${limit}::int - (
  select count(*) from shunya_jobs where company_id = ${companyId} and state in ('ready', 'submitted', 'reported')
    ${ended.length > 0 ? sql`and id not in ${ended}` : sql``}))`;

/**
 * Stores a job: ready where the company has a free place that nobody waits for. The company's places must be locked.
 * @param along what is written with it, and which jobs that ends
 * @returns it, and whether others wait; undefined where it was there before
 */
export async function insertJob(
  tx: Transaction,
  limit: number,
  job: Pick<typeof shunyaJobs.$inferInsert, 'id' | 'companyId' | 'subjectKind' | 'subjectId' | 'generation'> &
    Pick<typeof shunyaJobs.$inferInsert, 'kind' | 'attempt' | 'idempotencyKey' | 'shunyaCallId'>,
  along: { writes: readonly Write[]; ended: readonly string[] },
): Promise<{ job: JobOfRun; othersWait: boolean } | undefined> {
  const othersWait = hasWaiting(job.companyId);
  const isFree = sql`not ${othersWait} and ${freePlaces(job.companyId, limit, along.ended)} > 0`;
  const [stored] = await tx
    .with(...alongside(tx, along.writes))
    .insert(shunyaJobs)
    .values({ ...job, state: sql`case when ${isFree} then 'ready' else 'waiting' end` })
    .onConflictDoNothing()
    // As it was before this statement.
    .returning({ ...jobColumns, othersWait });
  if (!stored) return undefined;
  const { othersWait: doOthersWait, ...columns } = stored;
  return { job: { ...columns, hasSpeech: false }, othersWait: doOthersWait };
}

/** One job with what a call to Shunya needs, locked where `tx` is to write it. */
export async function selectJob(tx: Queryable, jobId: string, lock = false) {
  const query = tx
    .select({ ...jobColumns, ...runColumns })
    .from(shunyaJobs)
    .innerJoin(companies, eq(companies.id, shunyaJobs.companyId))
    .innerJoin(analysisRuns, isRunOfJob)
    .where(eq(shunyaJobs.id, jobId));
  const [job] = await (lock ? query.for('update', { of: shunyaJobs }) : query);
  return job;
}

/** Rings the analyses whose jobs have waited longest: places were freed by who cannot give them away. */
export async function ringOldestWaiting(tx: Transaction, companyId: string, count: number): Promise<void> {
  const waiting = await tx
    .select({
      subjectKind: shunyaJobs.subjectKind,
      subjectId: shunyaJobs.subjectId,
      generation: shunyaJobs.generation,
    })
    .from(shunyaJobs)
    .where(and(eq(shunyaJobs.companyId, companyId), eq(shunyaJobs.state, 'waiting')))
    .orderBy(shunyaJobs.createdAt, shunyaJobs.id)
    .limit(count);
  for (const run of waiting) await ringAnalysis(tx, { companyId, ...run });
}

/**
 * Lets the oldest waiting jobs of a company be sent while it has fewer than `limit` under way, and rings their analyses, in
 * the transaction that made a place free or asks for one. The company's places must be locked.
 * @param own the run of the caller, which need not be rung
 * @returns ids of the jobs that were let through
 */
export async function grantFreeSlots(
  tx: Transaction,
  companyId: string,
  limit: number,
  own?: SubjectKey & { generation: number },
): Promise<string[]> {
  const granted = await tx.execute<{ id: string; kind: SubjectKind; subject: string; generation: number }>(sql`
    update shunya_jobs set state = 'ready', updated_at = now()
    where id in (${waitingOf(companyId)} order by created_at, id limit ${freePlaces(companyId, limit)})
    returning id, subject_kind as kind, subject_id as subject, generation`);
  for (const { kind: subjectKind, subject: subjectId, generation } of granted) {
    const isOwn = own?.subjectKind === subjectKind && own.subjectId === subjectId && own.generation === generation;
    if (!isOwn) await ringAnalysis(tx, { companyId, subjectKind, subjectId, generation });
  }
  return granted.map(({ id }) => id);
}
