/**
 * The relay: rings the workflows that stored events are for. It is the only way from the inbox to Temporal, at once after
 * a commit (`poke`) as well as for what is left; every process that runs one shares the work by leases.
 */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { causesOf } from '../domain/causes.ts';
import type { Logger } from '../runtime/telemetry.ts';
import {
  type BacklogTurn,
  CLAIMED_TOGETHER,
  type Claim,
  type ClaimedEvent,
  claimDueEvents,
  closeLateCallbacks,
  markNotRung,
  markSent,
  releaseEvents,
} from '../services/inbox/dispatch.ts';
import { routeWaitingEvents } from '../services/inbox/reroute.ts';
import { createClientWithDeadline } from '../temporal/connect.ts';
import { ringWorkflow } from '../temporal/ringWorkflow.ts';
import { signalFirst } from '../temporal/workflowMessages.ts';
import { createBacklogTurns } from './backlogTurns.ts';

export interface Relay {
  /** Something was committed: claim it now. */
  poke(): void;
  /** It may be known now whose a waiting event is: route those again now. */
  reroute(): void;
  /** Ends after the round under way, and then its connection to Temporal. */
  stop(): Promise<void>;
}

/** Rings under way at once. */
const CONCURRENCY = 10;
const RING_DEADLINE_MS = 1000;
const IDLE_MS = 1000;
/** While a backlog is held: soon after some of it went, and less often while none does. */
const HELD_MS = { least: 50, most: 250 };
const BREAKER_MAX_MS = 5000;
/** An event that Temporal refused lets others try first; doubles while it takes those. */
const REFUSED_AGAIN_SECONDS = 2;
/** How often events that waited for a number or a job are routed again. */
const REROUTE_MS = 10_000;

interface RelayDeps {
  db: Database;
  config: Config;
  logger: Logger;
}

type RoundDeps = RelayDeps & { client: Client };

export function startRelay(deps: RelayDeps): Relay {
  const { db, logger, config } = deps;
  const { client, connection } = createClientWithDeadline(config, RING_DEADLINE_MS);
  let stopped = false;
  let poked = false;
  let wake: (() => void) | undefined;
  let failures = 0;
  let nextRerouteAt = 0;
  /** Until the next look where nothing pokes. */
  let pauseMs = IDLE_MS;
  const rungBefore: ClaimedEvent[] = [];
  const backlogTurns = createBacklogTurns();
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
        const round = await ringDue({ ...deps, client }, rungBefore, backlogTurns.next());
        backlogTurns.saw(round);
        const { claimed, rung, unreachable, isHeld } = round;
        // One that answers some is slow, or just back, rather than away: its backlog must not wait for the long back-off.
        failures = unreachable ? (rung > 0 ? 1 : failures + 1) : 0;
        if (!isHeld) pauseMs = IDLE_MS;
        else pauseMs = claimed > 0 ? HELD_MS.least : Math.min(HELD_MS.most, pauseMs * 2);
        if ((claimed === CLAIMED_TOGETHER || nextRerouteAt === 0) && !unreachable) continue;
      } catch (error) {
        failures += 1;
        logger.warn({ err: error }, 'the relay could not work; trying again');
      }
      // While Temporal or Postgres is away a poke must not make it hammer: one round per back-off.
      if (failures > 0) await sleep(Math.min(BREAKER_MAX_MS, 250 * 2 ** Math.min(failures, 10)), false);
      else if (!poked) await sleep(pauseMs, true);
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
      await connection.close();
    },
  };
}

interface Round extends Omit<Claim, 'events'> {
  claimed: number;
  rung: number;
  /** Temporal answered nobody. */
  unreachable: boolean;
}

/**
 * One round: claims what is due and rings each workflow once for all of its events.
 * @param rungBefore events that were rung and are not marked so yet: the next round marks these, and leaves its own there
 */
async function ringDue(deps: RoundDeps, rungBefore: ClaimedEvent[], backlog: BacklogTurn): Promise<Round> {
  const { events: claimed, ...seen } = await claimDueEvents(deps.db, rungBefore, backlog);
  rungBefore.length = 0;
  const waiting = [...groupByWorkflow(claimed).values()];
  const refused: ClaimedEvent[][] = [];
  let rung = 0;
  const work = async () => {
    for (let group = waiting.shift(); group; group = waiting.shift()) {
      if (await ringGroup(deps, group, rungBefore)) rung += 1;
      else refused.push(group);
      // Once Temporal answers nobody, the rest of the batch would only wait for the same deadline.
      if (refused.length > 0 && rung === 0) return;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const unreachable = refused.length > 0 && rung === 0;
  await releaseEvents(deps.db, waiting.flat(), 0);
  // What Temporal refuses while it takes others must not be in their way, whatever it calls the reason.
  if (unreachable) await releaseEvents(deps.db, refused.flat(), REFUSED_AGAIN_SECONDS);
  else await markNotRung(deps.db, refused.flat(), REFUSED_AGAIN_SECONDS);
  return { ...seen, claimed: claimed.length, rung, unreachable };
}

function groupByWorkflow(events: ClaimedEvent[]): Map<string, ClaimedEvent[]> {
  const groups = new Map<string, ClaimedEvent[]>();
  for (const event of events) {
    // An operator's action is a signal of its own.
    const key = event.action ? event.id : event.workflowId;
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  return groups;
}

/** @returns false when Temporal cannot be reached, so that the round ends */
async function ringGroup(deps: RoundDeps, group: ClaimedEvent[], rung: ClaimedEvent[]): Promise<boolean> {
  const { db, logger } = deps;
  const [first] = group;
  if (!first) return true;
  try {
    await deliver(deps, first);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      if (await startAgain(deps, group, first)) rung.push(...group);
      return true;
    }
    if (isUnreachable(error)) return false;
    // A poison event, or a search attribute that Temporal does not know: loud, later again, and not in the others' way.
    logger.error(
      { workflow_id: first.workflowId, company_id: first.companyId, err: error },
      'a workflow cannot be rung',
    );
    await markNotRung(db, group);
    return true;
  }
  if (first.action) await markSent(db, group);
  else rung.push(...group);
  return true;
}

/** Rings the event's workflow, or sends what an operator asked of it; where no workflow takes that, the pipeline starts again. */
async function deliver({ client, config }: RoundDeps, event: ClaimedEvent): Promise<void> {
  const { action } = event;
  if (action && (await signalFirst(client, action.queued.workflowIds, action.name, action.queued))) return;
  await ringWorkflow(client, config, event);
}

/** No workflow took a callback: its analysis starts again where that should run. @returns false where it is over */
async function startAgain({ db, client, config }: RoundDeps, group: ClaimedEvent[], first: ClaimedEvent) {
  if (await closeLateCallbacks(db, group)) return false;
  await ringWorkflow(client, config, { ...first, jobId: null });
  return true;
}

/** gRPC: CANCELLED (a server that stops), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE, or no connection. */
function isUnreachable(error: unknown): boolean {
  return causesOf(error).some((at) => {
    const { code } = at as { code?: unknown };
    if (code === 1 || code === 4 || code === 8 || code === 14) return true;
    return at.name === 'AbortError' || /deadline|unavailable|ECONNREFUSED/i.test(at.message);
  });
}
