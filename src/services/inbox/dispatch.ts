/** Which stored events are due to ring their workflow, and what is written of those that were rung. */
import { and, inArray, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { isOpen, webhookEvents } from '../../db/schema/index.ts';
import { parseJsonBytes } from '../../domain/text.ts';
import type { WebhookSource } from '../../domain/webhookEvent.ts';
import { closeLate, redact, markSent as sent } from './applied.ts';
import type { QueuedAction } from './queuedActions.ts';
import { stateOfRun } from './routeCallback.ts';

/** Small, since events that arrive meanwhile wait for the whole batch. */
export const CLAIMED_TOGETHER = 20;
/**
 * Of the due events the oldest and the newest so many are looked at: a claim costs no more beside a backlog of any size, and
 * what another company has just received is among them.
 */
const LOOKED_AT = 1000;
/** A relay that claims an event and dies leaves it to the others after this. */
const LEASE_SECONDS = 10;
/** Rings again what was rung but not applied: a Reset, a killed worker. Doubles up to the maximum. */
const RERING_SECONDS = 15;
const RERING_MAX_SECONDS = 300;

export interface ClaimedEvent {
  id: string;
  /** Of an operator's action: what to send. */
  action: { name: 'retry' | 'skip'; queued: QueuedAction } | null;
  workflowId: string;
  companyId: string;
  providerCallId: string | null;
  jobId: string | null;
  /** Of a ring of an analysis: CallRail's id of its call, for the summary in the list of workflows. */
  summaryCallId: string | null;
}

/**
 * Takes a lease on due events, round-robin by company, so that one company's backlog does not delay another's call, and of
 * each company its oldest and its newest in turn, so that a backlog does not delay its own new calls.
 * Arrays, since statistics that know of no backlog would have its rows looked for anew for each row that is taken.
 * @param rung events whose workflows were rung since the last time: they are dispatched, and due again later in case they
 * are not applied. Most are by now, and their lease holds until here, so that this needs no statement of its own.
 */
export async function claimDueEvents(db: Database, rung: readonly ClaimedEvent[]): Promise<ClaimedEvent[]> {
  const rungIds = sql`string_to_array(${idsOf(rung).join(',')}, ',')`;
  const rows = await db.execute<{
    id: string;
    workflow_id: string;
    company_id: string;
    provider_call_id: string | null;
    job_id: string | null;
    source: WebhookSource;
    route: string;
    body: Buffer;
  }>(sql`
    with marked as (
      update webhook_events set status = 'dispatched', dispatched_at = coalesce(dispatched_at, now()), attempts = attempts + 1,
        next_ring_at = ${nextRing(RERING_SECONDS)}
      where id = any(${rungIds}) and status in ('pending', 'dispatched'))
    update webhook_events set next_ring_at = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = any(array(
      select id from webhook_events
      where status in ('pending', 'dispatched') and next_ring_at <= now() and id <> all(${rungIds}) and id = any(array(
        select id from (
          select id, sequence, least(
            row_number() over (partition by company_id order by sequence),
            row_number() over (partition by company_id order by sequence desc)) as turn
          from (${dueFrom(sql`asc`)} union ${dueFrom(sql`desc`)}) as ends
        ) due order by turn, sequence limit ${CLAIMED_TOGETHER}))
      for update skip locked))
    returning id, workflow_id, company_id, provider_call_id, job_id, source, route,
      case when source = 'operator' or route = 'ring' then body else '' end as body`);
  return rows.map((row) => ({
    id: row.id,
    workflowId: row.workflow_id,
    companyId: row.company_id,
    providerCallId: row.provider_call_id,
    jobId: row.job_id,
    summaryCallId: row.route === 'ring' ? ((parseJsonBytes(row.body) as { call?: string }).call ?? null) : null,
    action:
      row.source === 'operator'
        ? { name: row.route === 'skip' ? 'skip' : 'retry', queued: parseJsonBytes(row.body) as QueuedAction }
        : null,
  }));
}

/** Due events from one end of their index. */
const dueFrom = (direction: SQL) => sql`
  (select id, company_id, sequence from webhook_events
  where status in ('pending', 'dispatched') and next_ring_at <= now() and workflow_id is not null
  order by next_ring_at ${direction} limit ${LOOKED_AT})`;

/** Gives claimed events back untried. @param seconds after which they are due again */
export async function releaseEvents(db: Database, events: readonly ClaimedEvent[], seconds: number): Promise<void> {
  if (events.length === 0) return;
  await db
    .update(webhookEvents)
    .set({ nextRingAt: sql`now() + make_interval(secs => ${seconds})` })
    .where(inArray(webhookEvents.id, idsOf(events)));
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
    .where(unapplied(events));
}

const nextRing = (againSeconds: number) =>
  sql`now() + make_interval(secs => least(${RERING_MAX_SECONDS}, ${againSeconds}::int * power(2, least(attempts, 10))))`;

/** Operators' actions were sent. */
export async function markSent(db: Database, events: readonly ClaimedEvent[]): Promise<void> {
  await sent(db, inArray(webhookEvents.id, idsOf(events)));
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
  await (run === 'gone' ? redact : closeLate)(db, unapplied(events));
  return true;
}

const idsOf = (events: readonly ClaimedEvent[]) => events.map(({ id }) => id);

/** One that was applied meanwhile stays applied. */
const unapplied = (events: readonly ClaimedEvent[]) =>
  and(inArray(webhookEvents.id, idsOf(events)), isOpen(webhookEvents));
