/** Which stored events are due to ring their workflow, and what is written of those that were rung. */
import { inArray, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { isAnyOf, textArray } from '../../db/queries/conditions.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import type { OperatorActionName } from '../../domain/pipelineSteps.ts';
import { parseJsonBytes } from '../../domain/text.ts';
import type { WebhookSource } from '../../domain/webhookEvent.ts';
import { closingLate, markingSent, redacting } from './applied.ts';
import type { QueuedAction } from './queuedActions.ts';
import { stateOfRun } from './routeCallback.ts';

/** Small, since events that arrive meanwhile wait for the whole batch. */
export const CLAIMED_TOGETHER = 20;
/**
 * Of the due events the oldest and the newest so many are looked at: a claim costs no more beside a backlog of any size, and
 * what another company has just received is among them.
 */
const LOOKED_AT = 300;
/** What was not claimed so long after it came is a backlog. */
const BACKLOG_AFTER_SECONDS = 2;
/**
 * Of the backlog no more events than this are under way for each worker that lives, over all relays: whatever was rung fills the
 * queues of Temporal and of the workers, and new calls would wait behind it.
 */
export const BACKLOG_UNDER_WAY = 2;
/** A worker that has not beaten for so long does not count. */
const WORKER_LIVES_SECONDS = 15;
/** What took no effect within this counts no longer, so that a workflow that never takes its events holds no other. */
const HELD_SECONDS = 5;
/** A relay that claims an event and dies leaves it to the others after this. */
const LEASE_SECONDS = 10;
/** Rings again what was rung but not applied: a Reset, a killed worker. Doubles up to the maximum. */
const RERING_SECONDS = 15;
const RERING_MAX_SECONDS = 300;

/** Of a backlog: `yields`: none is taken while something new is due or under way; `waits`: none is taken. */
export type BacklogTurn = 'goes on' | 'yields' | 'waits';

export interface ClaimedEvent {
  id: string;
  /** Of an operator's action: what to send. */
  action: { name: OperatorActionName; queued: QueuedAction } | null;
  workflowId: string;
  companyId: string;
  providerCallId: string | null;
  jobId: string | null;
  /** Of a ring of an analysis: CallRail's id of its call, for the summary in the list of workflows. */
  summaryCallId: string | null;
}

export interface Claim {
  events: ClaimedEvent[];
  /** Something new is among them, or under way. */
  hasNew: boolean;
  /** Some of them are of the backlog. */
  hasBacklog: boolean;
  /** Some of the backlog is due, and waits for what is under way. */
  isHeld: boolean;
}

/**
 * Takes a lease on due events: what has just come, and of a backlog as many as keep few under way. By turns of the companies, so
 * that one's backlog does not delay another's call, and of each its oldest and its newest in turn, so that it does not delay
 * its own. Of a backlog first whose company has fewest under way; among equals, by lot.
 *
 * Arrays, a pool read in the order of an index, and locks by id alone: no plan reads a whole backlog, even one that the
 * statistics do not know of yet.
 * @param rung what the round before has rung, which this statement marks dispatched and makes due again later. Their lease
 * lasts until now, and most of them are applied by now and need no mark: so a round needs no statement of its own for it.
 * Nor does what an advance holds, which applies it: to wait for that would hold up the others, and could be a deadlock.
 */
export async function claimDueEvents(
  db: Database,
  rung: readonly ClaimedEvent[],
  backlog: BacklogTurn = 'goes on',
): Promise<Claim> {
  const rows = await db.execute<{
    has_new: boolean;
    has_backlog: boolean;
    is_held: boolean;
    id: string | null;
    workflow_id: string;
    company_id: string;
    provider_call_id: string | null;
    job_id: string | null;
    source: WebhookSource;
    route: string;
    body: Buffer;
  }>(sql`
    with ends as materialized (
      ${dueFrom(sql`asc`)} union ${dueFrom(sql`desc`)}
    ), bound as materialized (
      select has_new, case when ${backlog === 'waits'}::boolean or ${backlog === 'yields'}::boolean and has_new then 0
        else ${BACKLOG_UNDER_WAY} * workers end as events
      from (
        select greatest(1, count(*)) as workers from worker_heartbeats
        where beat_at > now() - make_interval(secs => ${WORKER_LIVES_SECONDS})
      ) as living, (
        select exists (select from ends where not is_backlog) or coalesce(
          (select true ${rungLately(isNew)} order by next_ring_at limit 1), false) as has_new
      ) as looked
    ), marked as (
      update webhook_events set status = 'dispatched', dispatched_at = coalesce(dispatched_at, now()), attempts = attempts + 1,
        next_ring_at = ${nextRing(RERING_SECONDS)}
      where ${free(rung)}
    ), under_way as materialized (
      select company_id, count(*)::int as events
      from (select company_id ${rungLately(isOld)} order by next_ring_at limit ${LOOKED_AT}) as counted group by company_id
    ), due as materialized (
      select id, sequence, turn, is_backlog, is_backlog
        and row_number() over (partition by is_backlog order by turn, lot, sequence)
          + (select coalesce(sum(events), 0) from under_way) > (select events from bound) as is_held
      from (
        select id, sequence, is_backlog, case when is_backlog then random() end as lot,
          case when is_backlog then coalesce(under_way.events, 0) else 0 end + least(
            row_number() over (partition by ends.company_id, is_backlog order by sequence),
            row_number() over (partition by ends.company_id, is_backlog order by sequence desc) + 0.5) as turn
        from ends left join under_way using (company_id)
      ) as in_turn
    ), locked as materialized (
      select id, status, next_ring_at from webhook_events
      where id <> all(${textArray(idsOf(rung))}) and id = any(array(
        select id from due where not is_held
        order by turn, sequence limit ${CLAIMED_TOGETHER}))
      for update skip locked
    ), claimed as (
      update webhook_events set next_ring_at = now() + make_interval(secs => ${LEASE_SECONDS})
      where id = any(array(
        select id from locked where status in ('pending', 'dispatched') and next_ring_at <= now()))
      returning id, workflow_id, company_id, provider_call_id, job_id, source, route,
        case when source = 'operator' or route = 'ring' then body else '' end as body
    )
    select bound.has_new, backlog.*, claimed.*
    from bound, (
      select exists (select from claimed join due using (id) where is_backlog) as has_backlog,
        exists (select from due where is_held) as is_held
    ) as backlog left join claimed on true`);
  const events = rows.flatMap((row) =>
    row.id === null
      ? []
      : [
          {
            id: row.id,
            workflowId: row.workflow_id,
            companyId: row.company_id,
            providerCallId: row.provider_call_id,
            jobId: row.job_id,
            summaryCallId: row.route === 'ring' ? ((parseJsonBytes(row.body) as { call?: string }).call ?? null) : null,
            action:
              row.source === 'operator'
                ? {
                    name: row.route === 'skip' ? ('skip' as const) : ('retry' as const),
                    queued: parseJsonBytes(row.body) as QueuedAction,
                  }
                : null,
          },
        ],
  );
  const [{ has_new: hasNew = false, has_backlog: hasBacklog = false, is_held: isHeld = false } = {}] = rows;
  return { events, hasNew, hasBacklog, isHeld };
}

/** Due events from one end of their index. */
const dueFrom = (direction: SQL) => sql`
  (select id, company_id, sequence,
    attempts > 0 or received_at <= now() - make_interval(secs => ${BACKLOG_AFTER_SECONDS}) as is_backlog
  from webhook_events
  where status in ('pending', 'dispatched') and next_ring_at <= now() and workflow_id is not null
  order by next_ring_at ${direction} limit ${LOOKED_AT})`;

/**
 * What was claimed or rung a moment ago, for the first time, and is not applied. Its next ring tells when, so that the index
 * of what is due finds it, whatever waits for a later one.
 */
const rungLately = (age: SQL) => sql`
  from webhook_events
  where status in ('pending', 'dispatched')
    and next_ring_at > now() + make_interval(secs => ${LEASE_SECONDS - HELD_SECONDS})
    and next_ring_at <= now() + make_interval(secs => ${RERING_SECONDS})
    and (attempts = 0 or dispatched_at > now() - make_interval(secs => ${HELD_SECONDS}))
    and ${age}`;

/** Whether it was a backlog when it was claimed. */
const isOld = sql`received_at <= case when attempts = 0
  then next_ring_at - make_interval(secs => ${LEASE_SECONDS + BACKLOG_AFTER_SECONDS})
  else dispatched_at - make_interval(secs => ${BACKLOG_AFTER_SECONDS}) end`;
const isNew = sql`not (${isOld})`;

/** Gives claimed events back untried. @param seconds after which they are due again */
export async function releaseEvents(db: Database, events: readonly ClaimedEvent[], seconds: number): Promise<void> {
  if (events.length === 0) return;
  await db
    .update(webhookEvents)
    .set({ nextRingAt: sql`now() + make_interval(secs => ${seconds})` })
    .where(free(events));
}

/** The workflow of these could not be rung. @param againSeconds the wait for the first try after this, doubled by each */
export async function markNotRung(
  db: Database,
  events: readonly ClaimedEvent[],
  againSeconds = RERING_SECONDS,
): Promise<void> {
  if (events.length === 0) return;
  await db
    .update(webhookEvents)
    .set({ attempts: sql`${webhookEvents.attempts} + 1`, nextRingAt: nextRing(againSeconds) })
    .where(free(events));
}

const nextRing = (againSeconds: number) =>
  sql`now() + make_interval(secs => least(${RERING_MAX_SECONDS}, ${againSeconds}::int * power(2, least(attempts, 10))))`;

/** Operators' actions were sent. */
export async function markSent(db: Database, events: readonly ClaimedEvent[]): Promise<void> {
  await markingSent(db, inArray(webhookEvents.id, idsOf(events)));
}

/**
 * Closes events that no workflow took: callbacks of an analysis that is over are applied, or redacted where their call was
 * deleted.
 * @returns false where that analysis should still run: nothing is closed, its workflow has to start again
 */
export async function closeLateCallbacks(db: Database, events: readonly ClaimedEvent[]): Promise<boolean> {
  const jobId = events[0]?.jobId;
  const run = jobId ? await stateOfRun(db, jobId) : 'running';
  if (run === 'running') return false;
  await (run === 'gone' ? redacting : closingLate)(db, free(events));
  return true;
}

const idsOf = (events: readonly ClaimedEvent[]) => events.map(({ id }) => id);

/**
 * Those of them that are not applied, and that no advance is just applying: to wait for it would hold up the others, and could
 * be a deadlock. Where it fails, what it held is due again after its lease.
 */
const free = (events: readonly ClaimedEvent[]): SQL => sql`${webhookEvents.id} = any(array(
  select each.id from webhook_events as each where ${isAnyOf(sql`each.id`, idsOf(events))} and each.status in ('pending', 'dispatched')
  for update skip locked))`;
