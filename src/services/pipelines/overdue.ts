/** Finds pipelines that are late, by their rows alone: whether to raise or lower attention, and whether to ring. */
import { type SQL, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Transaction } from '../../db/client.ts';
import { finalStages, stageLiterals, unfinished } from '../../db/schema/columns.ts';
import { isRestart } from '../../db/schema/webhookEvents.ts';
import { callWorkflowIdSql, sessionIdSql, visitWorkflowIdSql } from '../../db/workflowIds.ts';
import { ANALYSIS_STAGES, type PipelineStage, type SubjectKind } from '../../domain/pipeline.ts';

export interface SweepOptions {
  /** What a step may take beyond its time before somebody is asked; an event's whole time from ring to effect. */
  marginSeconds: number;
  /** An analysis, or a blocked step, of which nothing was heard for this long is rung. */
  quietSeconds: number;
  /** A pipeline is rung at most this often. */
  ringEverySeconds: number;
  /** Time before this does not count: a worker that has just started catches up first. */
  since: Date;
}

export type SweepConfig = Pick<
  Config,
  'callMaxSeconds' | 'visitMaxSeconds' | 'recordingWaitSeconds' | 'shunya' | 'providerRetry'
>;

export interface OverduePipeline {
  kind: SubjectKind;
  id: string;
  companyId: string;
  providerCallId: string | null;
  stage: PipelineStage;
  raise: 'event_not_applied' | 'stage_overdue' | null;
  lower: boolean;
  ring: boolean;
}

const analysisStages = stageLiterals(ANALYSIS_STAGES);

const seconds = (value: number): SQL => sql`make_interval(secs => ${value}::float8)`;
const moment = (value: Date): SQL => sql`${value.toISOString()}::timestamptz`;

/** Pipelines that need attention raised or lowered, or a ring. */
export async function findOverdue(
  tx: Transaction,
  config: SweepConfig,
  options: SweepOptions,
): Promise<OverduePipeline[]> {
  const margin = seconds(options.marginSeconds);
  const since = moment(options.since);
  const rows = await tx.execute(sql`
    with stuck as (
      select kind, subject_id, min(rung_at) as stuck_since from (${stuckEvents}) events
      where subject_id is not null group by kind, subject_id
    ), pipelines as (${pipelinesToJudge(config)}
    ), judged as (${withTimes(config)}
    ), decided as (
      select *,
        stage not in (${finalStages}) and others_first is not true as can_be_late,
        coalesce(stuck_since + ${margin} < now(), false) as is_stuck,
        -- greatest() leaves nulls out.
        stuck_since is not null and greatest(stuck_since, ${since}) + ${margin} < now() as is_stuck_for_us
      from judged
    ), late as (
      select *,
        can_be_late and due_at + ${margin} < now() as is_late,
        can_be_late and greatest(due_at, ${since}) + ${margin} < now() as is_late_for_us
      from decided
    ), acts as (
      select kind, id, company_id, provider_call_id, stage,
        case when blocked_on is not null then null
          when is_stuck_for_us then 'event_not_applied'
          when is_late_for_us then 'stage_overdue' end as raise,
        coalesce(blocked_on = 'overdue', false) and not is_stuck and not is_late as lower,
        ${isToRing(config, options)} as ring
      from late
    )
    select kind, id, company_id as "companyId", provider_call_id as "providerCallId", stage, raise, lower, ring
    from acts where raise is not null or lower or ring
    order by raise is null, lower desc
    limit 1000`);
  return [...rows] as unknown as OverduePipeline[];
}

/** Those that are not finished, and those of stuck events. */
function pipelinesToJudge(config: SweepConfig): SQL {
  const shared = sql`id, company_id, stage, stage_since, blocked_on, pipeline_updated_at, generation`;
  const ofCalls = sql`select 'call' as kind, provider_call_id, ${shared}, created_at as begun_at,
    coalesce(ended_at, created_at) as ended_at, ${config.callMaxSeconds}::float8 as max_seconds from calls`;
  const ofVisits = sql`select 'visit' as kind, null as provider_call_id, ${shared}, started_at as begun_at,
    coalesce(stopped_at, started_at) as ended_at, ${config.visitMaxSeconds}::float8 as max_seconds from recording_sessions`;
  const isUnfinished = unfinished({ stage: sql`stage`, blockedOn: sql`blocked_on` });
  return sql`
      ${ofCalls} where ${isUnfinished}
      union ${ofCalls} where id in (select subject_id from stuck where kind = 'call')
      union ${ofVisits} where ${isUnfinished}
      union ${ofVisits} where id in (select subject_id from stuck where kind = 'visit')`;
}

/** Adds when each was last heard of, and when its stage should be over. */
const withTimes = (config: SweepConfig): SQL => sql`
      select p.*, stuck.stuck_since, busy.others_first,
        case when p.kind = 'call' then ${callWorkflowIdSql(sql`p.company_id`, sql`p.provider_call_id`, sql`p.id`)}
          else ${visitWorkflowIdSql(sql`p.id`)} end as workflow_id,
        greatest(p.stage_since, job.updated_at) as heard_at,
        greatest(p.stage_since, case p.stage
          when 'awaiting_end' then p.begun_at + make_interval(secs => p.max_seconds)
          when 'awaiting_recording' then p.ended_at + ${seconds(config.recordingWaitSeconds)}
          when 'applying' then p.stage_since
          else case
            when run.state is distinct from 'running' then run.finished_at
            when job.state in ('ready', 'submitted') then job.asked_at + ${seconds(config.shunya.jobTimeoutSeconds)}
            else job.updated_at end
          end) as due_at
      from pipelines p
      left join stuck on stuck.kind = p.kind and stuck.subject_id = p.id
      left join analysis_runs run on p.stage in (${analysisStages})
        and run.subject_kind = p.kind and run.subject_id = p.id and run.generation = p.generation
      left join lateral (
        select state, updated_at, coalesce(submitted_at, created_at) as asked_at from shunya_jobs j
        where p.stage in (${analysisStages})
          and j.subject_kind = p.kind and j.subject_id = p.id and j.generation = p.generation
        order by (j.kind = 'analysis') desc, j.attempt desc limit 1) job on true
      -- A job that waits for its company's other jobs is as late as they are, and they are judged themselves.
      left join lateral (
        select job.state = 'waiting' and exists (
          select 1 from shunya_jobs other
          where other.company_id = p.company_id and other.state in ('ready', 'submitted', 'reported')) as others_first) busy on true`;

/** Late, silent or long blocked; neither waiting for the relay nor rung lately. */
function isToRing(config: SweepConfig, options: SweepOptions): SQL {
  const since = moment(options.since);
  const blockedQuiet = Math.max(options.quietSeconds, 3 * config.providerRetry.maxSeconds);
  return sql`(
          ((blocked_on is null or blocked_on = 'overdue') and (is_late_for_us or is_stuck_for_us))
          or (blocked_on is null and can_be_late and stage in (${analysisStages})
            and greatest(heard_at, ${since}) + ${seconds(options.quietSeconds)} < now())
          or (blocked_on <> 'overdue' and greatest(pipeline_updated_at, ${since}) + ${seconds(blockedQuiet)} < now())
        )
        -- What is not applied yet is rung by the relay.
        and not exists (select 1 from webhook_events e
          where e.workflow_id = late.workflow_id and e.status in ('pending', 'dispatched'))
        and not exists (select 1 from webhook_events e
          where e.workflow_id = late.workflow_id and ${isRestart({ route: sql`e.route` })}
            and e.received_at > now() - ${seconds(options.ringEverySeconds)})`;
}

/** Events that were rung at least once and have had no effect, with the call or visit they are of. */
const stuckEvents = sql`
  select case when e.source = 'shunya' then j.subject_kind when c.id is not null then 'call'
      when e.workflow_id like 'analysis:%' then split_part(e.workflow_id, ':', 2) else 'visit' end as kind,
    case when e.source = 'shunya' then j.subject_id when c.id is not null then c.id
      when e.workflow_id like 'analysis:%' then split_part(e.workflow_id, ':', 3)
      else ${sessionIdSql(sql`e.workflow_id`)} end as subject_id,
    coalesce(e.dispatched_at, e.received_at) as rung_at, e.workflow_id
  from webhook_events e
  left join calls c on c.company_id = e.company_id and c.provider_call_id = e.provider_call_id
  left join shunya_jobs j on j.id = e.job_id
  where e.status in ('pending', 'dispatched') and e.attempts > 0`;

/** @returns the workflows of events that have no effect and no row either */
export async function findEventsWithoutRow(tx: Transaction, options: SweepOptions): Promise<string[]> {
  const rows = await tx.execute<{ workflow_id: string }>(sql`
    select distinct workflow_id from (${stuckEvents}) events
    where subject_id is null and workflow_id is not null
      and greatest(rung_at, ${moment(options.since)})
        + ${seconds(options.marginSeconds)} < now()
    limit 100`);
  return rows.map((row) => row.workflow_id);
}
