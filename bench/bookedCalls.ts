/** Whole booked calls: three events each, so many calls under way at once, until each is done. */
import { setTimeout as delay } from 'node:timers/promises';
import { newResourceId, signCallRail } from '../simulators/callrail.ts';
import { type Cluster, exchange, uniquePhone } from './cluster.ts';
import type { LoadCompany } from './load.ts';

const EVENTS = ['incoming', 'answered', 'completed'] as const;
const MISSED_EVENTS = ['incoming', 'missed', 'modified'] as const;
const CALL_WITHIN_SECONDS = 600;

/** What takes CallRail's webhooks, and can tell which calls it is done with. */
export interface CallTaker {
  name: string;
  eventUrl: (event: string) => string;
  /** Of these calls, those that are done. */
  done: (ids: string[]) => Promise<string[]>;
}

/** The service itself; events go to its APIs in turn. */
export function throughOurs({ apiUrls, sql }: Cluster): CallTaker {
  let sent = 0;
  return {
    name: 'ours',
    eventUrl: (event) => `${apiUrls[sent++ % apiUrls.length]}/api/v1/callrail/call.${event}`,
    done: async (ids) =>
      (
        await sql`select provider_call_id as id from calls where stage = 'done' and provider_call_id in ${sql(ids)}`
      ).map(({ id }) => id),
  };
}

/** Sends so many calls, so many at once; the next begins when one is done. */
export async function runBookedCalls(
  taker: CallTaker,
  company: LoadCompany,
  calls: number,
  concurrency: number,
): Promise<void> {
  const underWay = new Map<string, () => void>();
  let isOver = false;
  const watch = (async () => {
    while (!isOver) {
      await delay(50);
      if (underWay.size > 0) for (const id of await taker.done([...underWay.keys()])) underWay.get(id)?.();
    }
  })();
  let begun = 0;
  const work = async () => {
    while (begun < calls) {
      begun += 1;
      const id = newResourceId('CAL');
      const done = new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${taker.name}: a call was not done in ${CALL_WITHIN_SECONDS} s`)),
          CALL_WITHIN_SECONDS * 1000,
        );
        underWay.set(id, () => {
          clearTimeout(late);
          underWay.delete(id);
          resolve();
        });
      });
      await Promise.all([done, sendEvents(taker, company, 'booked', id)]);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    isOver = true;
    await watch;
  }
}

/** Sends a call's three events, the next when one is answered; a missed call has no recording. @returns the call's id */
export async function sendEvents(
  taker: CallTaker,
  company: LoadCompany,
  outcome: 'booked' | 'missed',
  id = newResourceId('CAL'),
): Promise<string> {
  const caller = uniquePhone();
  const isBooked = outcome === 'booked';
  for (const event of isBooked ? EVENTS : MISSED_EVENTS) {
    const isOver = event === 'completed';
    const body = JSON.stringify({
      call_id: id,
      caller_number: caller,
      tracking_number: company.trackingNumber,
      recording_url: isOver ? `https://s3.amazonaws.com/bench/booked-${id}.mp3` : null,
      duration: isOver ? 120 : 0,
      answered: isBooked && event !== 'incoming',
      timestamp: new Date().toISOString(),
    });
    const headers = { 'content-type': 'application/json', signature: signCallRail(body, company.signingKey) };
    const { status } = await exchange(taker.eventUrl(event), { method: 'POST', headers, body });
    if (status !== 200) throw new Error(`${taker.name} answered ${status}`);
  }
  return id;
}
