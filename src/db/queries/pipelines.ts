/** Pipelines as operators see them: one row per call or visit. */
import { type SQL, sql } from 'drizzle-orm';
import type { Blocker, PipelineStage, SubjectKind } from '../../domain/pipeline.ts';
import type { Queryable } from '../client.ts';
import { type Count, countUpTo, type Page } from './paging.ts';

export interface PipelineRow {
  kind: SubjectKind;
  subjectId: string;
  companyId: string;
  /** Null for a visit. */
  providerCallId: string | null;
  stage: PipelineStage;
  needsAttention: boolean;
  blockedOn: Blocker | null;
  reason: string | null;
  hint: string | null;
  attempts: number;
  generation: number;
  startedAt: Date;
  /** Since when it is blocked, else since when it is in this stage. */
  since: Date;
}

export interface PipelineFilter {
  /** All companies where undefined. */
  companyId?: string;
  kind?: SubjectKind;
  stage?: readonly PipelineStage[];
  needsAttention?: boolean;
  blockedOn?: readonly Blocker[];
  /** Blocked on anything. */
  isBlocked?: boolean;
}

/** A page of pipelines, newest first; `oldestFirst` is for working through what is stuck. */
export async function listPipelines(
  db: Queryable,
  filter: PipelineFilter,
  page: Page & { oldestFirst?: boolean },
): Promise<PipelineRow[]> {
  const { after } = page;
  const beyond = after
    ? sql`where (started_at, subject_id) < (${after.at.toISOString()}::timestamptz, ${after.id}::text)`
    : sql``;
  const direction = page.oldestFirst ? sql`asc` : sql`desc`;
  const rows = await db.execute(sql`
    select ${columns}
    from (${pipelines(filter)}) as pipelines ${beyond}
    order by started_at ${direction}, subject_id ${direction}
    limit ${page.limit}`);
  return [...rows].map(toRow);
}

export const countPipelines = (db: Queryable, filter: PipelineFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from (${pipelines(filter)}) as pipelines`);

/** The pipeline of one call (by the provider's id) or visit. */
export async function findPipeline(
  db: Queryable,
  companyId: string | undefined,
  subject: { kind: 'call'; companyId: string; providerCallId: string } | { kind: SubjectKind; id: string },
): Promise<PipelineRow | undefined> {
  const one =
    'id' in subject
      ? sql`id = ${subject.id}`
      : sql`company_id = ${subject.companyId} and provider_call_id = ${subject.providerCallId}`;
  const rows = await db.execute(sql`
    select ${columns}
    from (${pipelines({ companyId, kind: subject.kind }, one)}) as pipelines`);
  return [...rows].map(toRow)[0];
}

/** The pipelines of these calls and visits, in no order. */
export async function findPipelines(db: Queryable, companyId: string, subjectIds: string[]): Promise<PipelineRow[]> {
  const rows = await db.execute(sql`
    select ${columns}
    from (${pipelines({ companyId }, sql`id in ${subjectIds}`)}) as pipelines`);
  return [...rows].map(toRow);
}

const columns = sql`
  kind, subject_id as "subjectId", company_id as "companyId", provider_call_id as "providerCallId", stage,
  needs_attention as "needsAttention", blocked_on as "blockedOn", reason, hint, attempts,
  generation, started_at as "startedAt", coalesce(blocked_since, stage_since) as "since"`;

/** Calls and visits in one shape. Each side has its conditions inside, so that each uses its own index. */
function pipelines(filter: PipelineFilter, one: SQL = sql`true`): SQL {
  const shared = sql`company_id, stage, stage_since, needs_attention, blocked_on, blocked_since, attempts, reason, hint,
    generation, started_at`;
  const where = sql`where ${matches(filter)} and ${one}`;
  const ofCalls = sql`
    select 'call' as kind, id as subject_id, provider_call_id, ${shared} from calls ${where}`;
  const ofVisits = sql`
    select 'visit' as kind, id as subject_id, null as provider_call_id, ${shared} from recording_sessions ${where}`;
  if (filter.kind === 'call') return ofCalls;
  if (filter.kind === 'visit') return ofVisits;
  return sql`${ofCalls} union all ${ofVisits}`;
}

function matches({ companyId, stage, needsAttention, blockedOn, isBlocked }: PipelineFilter): SQL {
  const conditions = [
    sql`true`,
    ...(companyId === undefined ? [] : [sql`company_id = ${companyId}`]),
    ...(stage === undefined ? [] : [sql`stage in ${stage}`]),
    ...(needsAttention === undefined ? [] : [sql`needs_attention = ${needsAttention}`]),
    ...(blockedOn === undefined ? [] : [sql`blocked_on in ${blockedOn}`]),
    ...(isBlocked === undefined ? [] : [isBlocked ? sql`blocked_on is not null` : sql`blocked_on is null`]),
  ];
  return sql.join(conditions, sql` and `);
}

/** `execute` gives moments as Postgres writes them. */
const toRow = (row: Record<string, unknown>): PipelineRow => ({
  ...(row as unknown as PipelineRow),
  startedAt: new Date(row.startedAt as string),
  since: new Date(row.since as string),
});
