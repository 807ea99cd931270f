/** How much one person may have under way, and how readers of many companies take turns. */
import { READ_CONNECTIONS } from '../../db/pools.ts';
import { createSpareTime, type SpareTime } from '../../runtime/spareTime.ts';
import { ApiError } from './errors.ts';
import type { Actor } from './permissions.ts';

/** A page that loads asks for some ten things at once; a script that asks for more has to wait for its answers. */
const PER_USER_MAX = 20;
const EXPORTS_PER_USER_MAX = 2;
/** Each holds a page of rows for its reader. */
const EXPORTS_MAX = 16;
/** Whoever waits longer for a turn gets 503. */
const TURN_WITHIN_MS = 5000;

/** Gives the place back; a second time does nothing. */
export type Release = () => void;

export interface Admission {
  /** One request of a person. @throws {ApiError} too_many_requests */
  request(actor: Actor): Release;
  /** A turn to read: half of them for one person at most, and companies take turns. @throws {ApiError} unavailable */
  read(actor: Actor): Promise<Release>;
  /** An export, until its last byte is read. @throws {ApiError} too_many_exports */
  exportFile(actor: Actor): Release;
  /** Before each piece of an export: while the event loop is busy they come one after the other. */
  nextPiece(): Promise<void>;
  /** For metrics. */
  readonly underWay: number;
  readonly waiting: number;
}

export interface AdmissionLimits {
  perUser: number;
  /** Reads at once. */
  reads: number;
  turnWithinMs: number;
  spare: SpareTime;
}

/** Makes the limits of one process. */
export function createAdmission(limits: Partial<AdmissionLimits> = {}): Admission {
  const {
    perUser = PER_USER_MAX,
    reads = READ_CONNECTIONS,
    turnWithinMs = TURN_WITHIN_MS,
    spare = createSpareTime(),
  } = limits;
  const requests = createCounter();
  const exports = createCounter();
  // First among one's own requests, then with the others: nobody leaves a colleague, no company another, without a turn.
  const own = createTurns({ places: Number.POSITIVE_INFINITY, perKey: Math.ceil(reads / 2), withinMs: turnWithinMs });
  const turns = createTurns({ places: reads, perKey: Math.max(1, reads - 1), withinMs: turnWithinMs });
  return {
    request(actor) {
      if (requests.of(userKey(actor)) >= perUser)
        throw new ApiError('too_many_requests', {
          detail: `One person may have ${perUser} requests under way.`,
          headers: { 'Retry-After': '1' },
        });
      return requests.enter(userKey(actor));
    },
    async read(actor) {
      const leaveOwn = await own.take(userKey(actor));
      try {
        const leave = await turns.take(actor.companyId ?? userKey(actor));
        // One read after the other holds no webhook up; several at once could.
        if (turns.taken > 1) await spare.wait();
        return () => {
          leave();
          leaveOwn();
        };
      } catch (error) {
        leaveOwn();
        throw error;
      }
    },
    exportFile(actor) {
      if (exports.of(userKey(actor)) >= EXPORTS_PER_USER_MAX || exports.total >= EXPORTS_MAX)
        throw new ApiError('too_many_exports', { headers: { 'Retry-After': '10' } });
      return exports.enter(userKey(actor));
    },
    nextPiece: () => spare.wait(),
    get underWay() {
      return requests.total;
    },
    get waiting() {
      return own.waiting + turns.waiting;
    },
  };
}

/** User ids are unique within a company. */
const userKey = ({ companyId, userId }: Actor): string => JSON.stringify([companyId, userId]);

function once(action: () => void): Release {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    action();
  };
}

function createCounter() {
  const counts = new Map<string, number>();
  let total = 0;
  const add = (key: string, change: number) => {
    const count = (counts.get(key) ?? 0) + change;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
    total += change;
  };
  return {
    get total() {
      return total;
    },
    of: (key: string) => counts.get(key) ?? 0,
    enter(key: string): Release {
      add(key, 1);
      return once(() => add(key, -1));
    },
  };
}

/** A number of places, taken round-robin by key; one key may have only so many of them. */
function createTurns({ places, perKey, withinMs }: { places: number; perKey: number; withinMs: number }) {
  const queues = new Map<string, Set<() => void>>();
  const running = createCounter();
  let waiting = 0;

  const isFree = (key: string) => running.total < places && running.of(key) < perKey;

  const enter = (key: string): Release => {
    const leave = running.enter(key);
    return once(() => {
      leave();
      startNext();
    });
  };

  const startNext = () => {
    for (const [key, queue] of queues) {
      const [start] = queue;
      if (!start || !isFree(key)) continue;
      queue.delete(start);
      // To the end: the others of this key wait until every other key had a turn.
      queues.delete(key);
      if (queue.size > 0) queues.set(key, queue);
      return start();
    }
  };

  const take = (key: string): Promise<Release> =>
    new Promise((resolve, reject) => {
      if (isFree(key)) return resolve(enter(key));
      const queue = queues.get(key) ?? new Set();
      queues.set(key, queue);
      waiting += 1;
      const start = () => {
        waiting -= 1;
        clearTimeout(timer);
        resolve(enter(key));
      };
      const timer = setTimeout(() => {
        waiting -= 1;
        queue.delete(start);
        if (queue.size === 0) queues.delete(key);
        const detail = 'Too many people read at once. Please try again.';
        reject(new ApiError('unavailable', { detail, headers: { 'Retry-After': '5' } }));
      }, withinMs);
      queue.add(start);
    });

  return {
    take,
    get taken() {
      return running.total;
    },
    get waiting() {
      return waiting;
    },
  };
}
