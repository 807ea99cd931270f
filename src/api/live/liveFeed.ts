/**
 * The live feed of one API process: one poll of the change feed for all connected clients. Each gets what its role may read.
 * It polls and does not LISTEN: a change may be told only once no older transaction is open, and NOTIFY serializes commits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import type { Database } from '../../db/client.ts';
import { type ChangePosition, feedEnd, isAfter, listChanges } from '../../db/queries/changes.ts';
import type { Logger } from '../../runtime/telemetry.ts';
import { encodeEventId, parseEventId } from './eventId.ts';
import { createTeller, type LiveClient } from './tellChanges.ts';

const POLL_MS = 300;
const POLL_AFTER_ERROR_MS = 2000;
const HEARTBEAT_MS = 15_000;
/** Changes taken in one round; more come with the next. */
const BATCH = 500;
/** A client that missed more than this loads anew: that is cheaper for both. */
const CATCH_UP_MAX = 1000;

export interface LiveFeed {
  readonly size: number;
  /** How many streams a user has open. */
  sizeOf(companyId: string, userId: string): number;
  join(client: LiveClient): void;
  leave(client: LiveClient): void;
  /** Ends all streams; clients come back to another process. */
  stop(): void;
}

export function createLiveFeed(deps: { db: Database; config: Config; logger: Logger }): LiveFeed {
  const { db, logger } = deps;
  const tell = createTeller(deps);
  const clients = new Set<LiveClient>();
  const joining = new Set<LiveClient>();
  let running = false;
  /** Up to here every client of `clients` has been told. */
  let told: ChangePosition = { xid: 0n, id: 0n };
  let nextHeartbeatAt = 0;
  let wake = new AbortController();

  const loop = async () => {
    told = { xid: 0n, id: 0n };
    while (clients.size + joining.size > 0) {
      let isBehind = false;
      let pauseMs = POLL_MS;
      try {
        isBehind = await round();
      } catch (error) {
        logger.warn({ err: error }, 'the live feed cannot be read; trying again');
        pauseMs = POLL_AFTER_ERROR_MS;
      }
      beat();
      if (isBehind || (joining.size > 0 && pauseMs === POLL_MS)) continue;
      wake = new AbortController();
      await delay(pauseMs, undefined, { signal: wake.signal }).catch(() => {});
    }
    running = false;
  };

  /** One round: tells everybody what is new, then brings in who has joined. @returns whether more is waiting */
  const round = async (): Promise<boolean> => {
    const end = await feedEnd(db);
    if (clients.size === 0) told = end;
    const changes = isAfter(end, told) ? await listChanges(db, { after: told, until: end, limit: BATCH }) : [];
    await tell([...clients], changes);
    const isBehind = changes.length === BATCH;
    told = (isBehind && changes.at(-1)?.position) || end;
    // Who joins is brought to the very place the others are at: from there on all read the same.
    if (!isBehind) await bringIn();
    return isBehind;
  };

  const bringIn = async () => {
    for (const client of [...joining]) {
      await catchUp(client);
      if (joining.delete(client)) clients.add(client);
    }
  };

  const catchUp = async (client: LiveClient) => {
    const { stream, companyId, lastEventId } = client;
    const id = encodeEventId(told);
    if (lastEventId === undefined) return stream.send({ event: 'ready', id, data: { resumed: false } });
    const after = parseEventId(lastEventId);
    // An id from after the end is of another history: the database was restored.
    if (!after || isAfter(after, told))
      return stream.send({ event: 'reset', id, data: { reason: 'unknown_event_id' } });
    const missed = await listChanges(db, { after, until: told, companyId, limit: CATCH_UP_MAX + 1 });
    if (missed.length > CATCH_UP_MAX) return stream.send({ event: 'reset', id, data: { reason: 'too_many_changes' } });
    await tell([client], missed);
    stream.send({ event: 'ready', id, data: { resumed: true } });
  };

  const beat = () => {
    if (Date.now() < nextHeartbeatAt) return;
    nextHeartbeatAt = Date.now() + HEARTBEAT_MS;
    for (const { stream } of clients) stream.heartbeat(encodeEventId(told));
  };

  return {
    get size() {
      return clients.size + joining.size;
    },
    sizeOf(companyId, userId) {
      const isUsers = (client: LiveClient) => client.companyId === companyId && client.userId === userId;
      return [...clients, ...joining].filter(isUsers).length;
    },
    join(client) {
      joining.add(client);
      wake.abort();
      if (running) return;
      running = true;
      void loop();
    },
    leave(client) {
      clients.delete(client);
      joining.delete(client);
      if (clients.size + joining.size === 0) wake.abort();
    },
    stop() {
      for (const { stream } of [...clients, ...joining]) stream.end('shutting_down');
    },
  };
}
