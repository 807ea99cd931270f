/**
 * The relay: rings the workflows that stored events are for. It is the only way from the inbox to Temporal, at once after
 * a commit (`poke`) as well as for what is left; every process that runs one shares the work by leases.
 */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { and, inArray, sql } from 'drizzle-orm';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { webhookEvents } from '../db/schema/index.ts';
import { callIdOf } from '../domain/callId.ts';
import { causesOf } from '../domain/causes.ts';
import type { PipelineWaits } from '../domain/pipelineSteps.ts';
import { parseJsonBytes } from '../domain/text.ts';
import type { WebhookSource } from '../domain/webhookEvent.ts';
import { parseWorkflowId } from '../domain/workflowIds.ts';
import type { Logger } from '../runtime/telemetry.ts';
import type { QueuedAction } from '../services/inbox/queuedActions.ts';
import { REDACTED } from '../services/inbox/redacted.ts';
import { routeWaitingEvents } from '../services/inbox/reroute.ts';
import { stateOfRun } from '../services/inbox/routeCallback.ts';
import {
  analysisAttributes,
  callAttributes,
  deliveryAttributes,
  retrySignal,
  ringSignal,
  skipSignal,
  visitAttributes,
  WORKFLOW_FORM,
  WORKFLOW_TYPES,
} from '../workflows/contracts.ts';

export interface Relay {
  /** Something was committed: look now. */
  poke(): void;
  /** It may be known now whose a waiting event is: route those again now. */
  reroute(): void;
  /** Ends after the round under way. */
  stop(): Promise<void>;
}

/** Small: what comes in while a batch is rung waits for all of it, so a backlog must not fill a large one. */
const BATCH = 20;
/** Rings under way at once. */
const CONCURRENCY = 10;
const RING_DEADLINE_MS = 1000;
/** A relay that claims an event and dies leaves it to the others after this. */
const LEASE_SECONDS = 10;
/** Rings again what was rung but not applied: a Reset, a killed worker. Doubles up to the maximum. */
const RERING_SECONDS = 15;
const RERING_MAX_SECONDS = 300;
const IDLE_MS = 1000;
const BREAKER_MAX_MS = 5000;
/** An event that Temporal refused lets others try first; doubles while it takes those. */
const REFUSED_AGAIN_SECONDS = 2;
/** How often events that waited for a number or a job are routed again. */
const REROUTE_MS = 10_000;

interface SentAction {
  name: 'retry' | 'skip';
  queued: QueuedAction;
}

interface Claimed {
  id: string;
  /** Of an operator's action: what to send. */
  action: SentAction | null;
  workflowId: string;
  companyId: string;
  providerCallId: string | null;
  jobId: string | null;
  /** Of a ring of an analysis: the provider's id of its call, for who reads. */
  callName: string | null;
}

export interface RelayDeps {
  db: Database;
  client: Client;
  config: Config;
  logger: Logger;
}

/** The waits of all pipelines, as input for new workflows. */
export const pipelineWaits = (config: Config): PipelineWaits => ({
  callMaxSeconds: config.callMaxSeconds,
  visitMaxSeconds: config.visitMaxSeconds,
  recordingWaitSeconds: config.recordingWaitSeconds,
  shunyaPollSeconds: config.shunya.pollSeconds,
  shunyaJobTimeoutSeconds: config.shunya.jobTimeoutSeconds,
  retryInitialSeconds: config.providerRetry.initialSeconds,
  retryMaxSeconds: config.providerRetry.maxSeconds,
  retryAttempts: config.providerRetry.attempts,
});

export function startRelay(deps: RelayDeps): Relay {
  const { db, logger, config } = deps;
  let stopped = false;
  let poked = false;
  let wake: (() => void) | undefined;
  let failures = 0;
  let nextRerouteAt = 0;
  /** The last waiting event that this pass has looked at. */
  let reroutedTo = 0;

  const sleep = (ms: number, interruptible: boolean) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      wake = interruptible ? done : () => stopped && done();
    });

  const loop = async () => {
    while (!stopped) {
      poked = false;
      try {
        if (Date.now() >= nextRerouteAt) {
          nextRerouteAt = Date.now() + REROUTE_MS;
          const { next } = await routeWaitingEvents(db, config, reroutedTo);
          // One small transaction a round, so that a backlog of these delays no other event.
          if (next !== null) nextRerouteAt = 0;
          reroutedTo = next ?? 0;
        }
        const { claimed, rung, unreachable } = await ringDue(deps);
        // One that answers some is slow, or just back, rather than away: its backlog must not wait for the long back-off.
        failures = unreachable ? (rung > 0 ? 1 : failures + 1) : 0;
        if ((claimed === BATCH || nextRerouteAt === 0) && !unreachable) continue;
      } catch (error) {
        failures += 1;
        logger.warn({ err: error }, 'the relay could not work; trying again');
      }
      // While Temporal or Postgres is away a poke must not make it hammer: one round per back-off.
      if (failures > 0) await sleep(Math.min(BREAKER_MAX_MS, 250 * 2 ** Math.min(failures, 10)), false);
      else if (!poked) await sleep(IDLE_MS, true);
    }
  };
  const running = loop();

  const poke = () => {
    poked = true;
    wake?.();
  };
  return {
    poke,
    reroute() {
      nextRerouteAt = 0;
      reroutedTo = 0;
      poke();
    },
    async stop() {
      stopped = true;
      wake?.();
      await running;
    },
  };
}

/** One round: claims what is due, rings each workflow once for all of its events, marks them. */
async function ringDue(deps: RelayDeps): Promise<{ claimed: number; rung: number; unreachable: boolean }> {
  const claimed = await claimDue(deps.db);
  const waiting = [...groupByWorkflow(claimed).values()];
  const refused: Claimed[][] = [];
  let rung = 0;
  const work = async () => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      if (await ringGroup(deps, group)) rung += 1;
      else refused.push(group);
      // Once Temporal answers nobody, the rest of the batch would only wait for the same deadline.
      if (refused.length > 0 && rung === 0) return;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const unreachable = refused.length > 0 && rung === 0;
  await release(deps.db, waiting.flat(), 0);
  // What Temporal refuses while it takes others must not be in their way, whatever it calls the reason.
  if (unreachable) await release(deps.db, refused.flat(), REFUSED_AGAIN_SECONDS);
  else await markRung(deps.db, idsOf(refused.flat()), { rung: false, againSeconds: REFUSED_AGAIN_SECONDS });
  return { claimed: claimed.length, rung, unreachable };
}

function groupByWorkflow(events: Claimed[]): Map<string, Claimed[]> {
  const groups = new Map<string, Claimed[]>();
  for (const event of events) {
    // An operator's action is a signal of its own.
    const key = event.action ? event.id : event.workflowId;
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  return groups;
}

/** Takes a lease on due events, round-robin by company, so that one company's backlog does not delay another's call. */
async function claimDue(db: Database): Promise<Claimed[]> {
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
    update webhook_events set next_ring_at = now() + make_interval(secs => ${LEASE_SECONDS})
    where id in (
      select id from webhook_events
      where status in ('pending', 'dispatched') and next_ring_at <= now() and id in (
        select id from (
          select id, sequence, row_number() over (partition by company_id order by sequence) as turn
          from webhook_events where status in ('pending', 'dispatched') and next_ring_at <= now() and workflow_id is not null
        ) due order by turn, sequence limit ${BATCH})
      for update skip locked)
    returning id, workflow_id, company_id, provider_call_id, job_id, source, route,
      case when source = 'operator' or route = 'ring' then body else '' end as body`);
  return rows.map((row) => ({
    id: row.id,
    workflowId: row.workflow_id,
    companyId: row.company_id,
    providerCallId: row.provider_call_id,
    jobId: row.job_id,
    callName: row.route === 'ring' ? ((parseJsonBytes(row.body) as { call?: string }).call ?? null) : null,
    action:
      row.source === 'operator'
        ? { name: row.route === 'skip' ? 'skip' : 'retry', queued: parseJsonBytes(row.body) as QueuedAction }
        : null,
  }));
}

async function release(db: Database, events: Claimed[], seconds: number): Promise<void> {
  if (events.length === 0) return;
  await db
    .update(webhookEvents)
    .set({ nextRingAt: sql`now() + make_interval(secs => ${seconds})` })
    .where(inArray(webhookEvents.id, idsOf(events)));
}

const idsOf = (events: Claimed[]) => events.map(({ id }) => id);

/** @returns false when Temporal cannot be reached, so that the round ends */
async function ringGroup(deps: RelayDeps, group: Claimed[]): Promise<boolean> {
  const { db, client, logger } = deps;
  const [first] = group;
  if (!first) return true;
  const ids = idsOf(group);
  try {
    await client.withDeadline(Date.now() + RING_DEADLINE_MS, () =>
      first.action ? act(deps, first, first.action) : ring(deps, first),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      await closeLateCallbacks(deps, group);
      return true;
    }
    if (isUnreachable(error)) return false;
    // A poison event, or a search attribute that Temporal does not know: loud, later again, and not in the others' way.
    logger.error(
      { workflow_id: first.workflowId, company_id: first.companyId, err: error },
      'a workflow cannot be rung',
    );
    await markRung(db, ids, { rung: false });
    return true;
  }
  await (first.action ? markSent(db, ids) : markRung(db, ids, { rung: true }));
  return true;
}

async function markRung(
  db: Database,
  ids: string[],
  { rung, againSeconds = RERING_SECONDS }: { rung: boolean; againSeconds?: number },
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .update(webhookEvents)
    .set({
      attempts: sql`${webhookEvents.attempts} + 1`,
      nextRingAt: sql`now() + make_interval(secs => least(${RERING_MAX_SECONDS}, ${againSeconds}::int * power(2, least(${webhookEvents.attempts}, 10))))`,
      ...(rung
        ? { status: sql`'dispatched'` as never, dispatchedAt: sql`coalesce(${webhookEvents.dispatchedAt}, now())` }
        : {}),
    })
    // One that was applied meanwhile stays applied.
    .where(and(inArray(webhookEvents.id, ids), inArray(webhookEvents.status, ['pending', 'dispatched'])));
}

/** An operator's action has its effect by being sent. */
async function markSent(db: Database, ids: string[]): Promise<void> {
  await db
    .update(webhookEvents)
    .set({ status: 'applied', dispatchedAt: sql`now()`, appliedAt: sql`now()` })
    .where(inArray(webhookEvents.id, ids));
}

/** Sends an operator's action to the first of its workflows that is there; where none is, the pipeline starts again. */
async function act(deps: RelayDeps, event: Claimed, { name, queued }: SentAction): Promise<void> {
  const { workflowIds, operator, reason } = queued;
  for (const workflowId of workflowIds) {
    try {
      const signal = name === 'skip' ? skipSignal : retrySignal;
      return await deps.client.workflow.getHandle(workflowId).signal(signal, { operator, reason });
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  await ring(deps, event);
}

/**
 * Nobody heard a callback. Its analysis starts again where that should run; where it is over, the callback is stored and
 * done, or redacted where its call was deleted.
 */
async function closeLateCallbacks(deps: RelayDeps, group: Claimed[]): Promise<void> {
  const { db } = deps;
  const ids = idsOf(group);
  const [first] = group;
  const run = first?.jobId ? await stateOfRun(db, first.jobId) : 'running';
  if (first && run === 'running') {
    await deps.client.withDeadline(Date.now() + RING_DEADLINE_MS, () => ring(deps, { ...first, jobId: null }));
    return markRung(db, ids, { rung: true });
  }
  const settled = run === 'gone' ? REDACTED : { status: 'applied' as const, reason: 'came_late' };
  await db
    .update(webhookEvents)
    .set({ ...settled, appliedAt: sql`now()` })
    .where(and(inArray(webhookEvents.id, ids), inArray(webhookEvents.status, ['pending', 'dispatched'])));
}

/** One signal that carries an event's id at most; it starts the workflow where none runs, but for a callback of Shunya. */
async function ring({ client, config }: RelayDeps, event: Claimed): Promise<void> {
  const { companyId, workflowId } = event;
  const subject = parseWorkflowId(workflowId);
  if (!subject) throw new Error('an event names no workflow of ours');
  const start = {
    workflowId,
    taskQueue: config.temporal.taskQueue,
    signal: ringSignal,
    signalArgs: [{ eventId: event.id }] as [{ eventId: string }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    memo: { form: WORKFLOW_FORM },
    // Its workflow tasks take turns with other companies' as its events do here.
    priority: { fairnessKey: companyId.slice(0, 64) },
  } as const;
  const waits = pipelineWaits(config);
  switch (subject.type) {
    case 'call': {
      const { providerCallId } = event;
      if (!providerCallId) throw new Error('an event of a call does not name it');
      await client.workflow.signalWithStart(WORKFLOW_TYPES.callLifecycle, {
        ...start,
        args: [{ companyId, providerCallId, waits }],
        typedSearchAttributes: callAttributes(companyId, callIdOf(companyId, providerCallId)),
        staticSummary: summaryOf(companyId, providerCallId),
      });
      return;
    }
    case 'visit':
      await client.workflow.signalWithStart(WORKFLOW_TYPES.visitRecording, {
        ...start,
        args: [{ companyId, sessionId: subject.sessionId, waits }],
        typedSearchAttributes: visitAttributes(companyId),
        staticSummary: summaryOf(companyId, 'visit'),
      });
      return;
    case 'analysis': {
      // A callback may come when the analysis is over; a ring is meant to start it.
      if (event.jobId) {
        await client.workflow.getHandle(workflowId).signal(ringSignal, { eventId: event.id });
        return;
      }
      const { subjectKind, subjectId, generation } = subject;
      const repeat = generation > 1 ? `, generation ${generation}` : '';
      await client.workflow.signalWithStart(WORKFLOW_TYPES.shunyaAnalysis, {
        ...start,
        args: [{ companyId, subjectKind, subjectId, generation, waits }],
        typedSearchAttributes: analysisAttributes(companyId, subjectKind, subjectId),
        staticSummary: summaryOf(companyId, event.callName ?? subjectKind, `transcription and analysis${repeat}`),
      });
      return;
    }
    case 'delivery':
      await client.workflow.signalWithStart(WORKFLOW_TYPES.webhookDelivery, {
        ...start,
        args: [{ companyId, deliveryId: subject.deliveryId, retrySeconds: config.webhookRetrySeconds }],
        typedSearchAttributes: deliveryAttributes(companyId),
        staticSummary: summaryOf(companyId, 'outgoing webhook'),
      });
  }
}

/** What people read in a list of workflows; Temporal takes 200 bytes of it. */
const summaryOf = (...parts: string[]): string => Buffer.from(parts.join(' · ')).subarray(0, 200).toString('utf8');

/** gRPC: CANCELLED (a server that stops), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE, or no connection. */
function isUnreachable(error: unknown): boolean {
  return causesOf(error).some((at) => {
    const { code } = at as { code?: unknown };
    if (code === 1 || code === 4 || code === 8 || code === 14) return true;
    return at.name === 'AbortError' || /deadline|unavailable|ECONNREFUSED/i.test(at.message);
  });
}
