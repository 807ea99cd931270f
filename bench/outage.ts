/** Shunya is away for hours while calls come in: nothing is lost, nobody is needed, and it is caught up afterwards. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, startCluster } from './cluster.ts';
import { backlog, sendAtRate, sendCall, untilDrained } from './load.ts';

/** All of the pipeline's waits, and the outage, are this many times shorter than in production. */
const SHORTENED = 60;
const PRODUCTION = { outageSeconds: 7200, retryInitial: 1, retryMax: 300, poll: 60, attempts: 8 };
const COMPANIES = 2;

export interface OutageOptions {
  calls: number;
  jobMs: number;
}

/** Prints what it does and what came of it. @returns whether everything held */
export async function benchOutage({ calls, jobMs }: OutageOptions, print: (line: string) => void): Promise<boolean> {
  const seconds = (production: number) => String(production / SHORTENED);
  const outageSeconds = PRODUCTION.outageSeconds / SHORTENED;
  const cluster = await startCluster({
    jobMs,
    tell: print,
    env: {
      PROVIDER_RETRY_INITIAL_SECONDS: seconds(PRODUCTION.retryInitial),
      PROVIDER_RETRY_MAX_SECONDS: seconds(PRODUCTION.retryMax),
      PROVIDER_RETRY_ATTEMPTS: String(PRODUCTION.attempts),
      SHUNYA_POLL_SECONDS: seconds(PRODUCTION.poll),
      SHUNYA_MAX_PER_SECOND: '100',
    },
  });
  try {
    const companies = await Promise.all(Array.from({ length: COMPANIES }, () => cluster.company()));
    const send = (index: number) =>
      sendCall(cluster, companies[index % COMPANIES] as (typeof companies)[number], 'recorded');
    print(
      `${calls} calls, an outage of 2 hours shortened ${SHORTENED} times to ${outageSeconds} s, and all waits with it`,
    );

    // Some are under way when it begins: their answers and callbacks are lost too.
    const before = Math.floor(calls / 10);
    const startedAt = Date.now();
    await sendAtRate(20, before, send);
    await cluster.control('POST', 'faults', { faults: AWAY });
    const outageAt = Date.now();
    const rate = (calls - before) / (outageSeconds * 0.9);
    const watch = watchAttention(cluster);
    await sendAtRate(rate, calls - before, send);
    await delay(Math.max(0, outageAt + outageSeconds * 1000 - Date.now()));
    const { attention: flagged } = await backlog(cluster);
    const left = calls - (await countDone(cluster));
    await cluster.control('DELETE', 'faults');
    print(`outage over: ${left} calls wait, ${flagged} of them need attention (at most ${await watch.most()})`);

    const drained = await untilDrained(cluster, 900);
    const { rows, lost, attention, duplicates } = await examine(cluster);
    print(
      `back to zero ${drained.toFixed(1)} s after the outage: ${(left / drained).toFixed(1)} calls/s, ` +
        `${((Date.now() - startedAt) / 1000).toFixed(0)} s in all`,
    );
    print(
      `${rows} calls, ${lost} not analyzed, ${attention} need attention, ${duplicates} steps accepted twice, 0 operator actions`,
    );
    const holds = rows === calls && lost === 0 && attention === 0 && duplicates === 0;
    print(holds ? 'held' : 'NOT held');
    return holds;
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

/** Every request breaks off, before or after it took effect; every callback is lost. */
const AWAY = [
  { type: 'disconnect', when: 'before', probability: 0.5, seed: 7 },
  { type: 'error', status: 503, when: 'before', probability: 0.9, seed: 8 },
  { type: 'disconnect', when: 'after' },
  { type: 'callback_lost' },
];

function watchAttention(cluster: Cluster) {
  let most = 0;
  const timer = setInterval(async () => {
    most = Math.max(most, (await backlog(cluster)).attention);
  }, 2000);
  return {
    async most() {
      clearInterval(timer);
      return most;
    },
  };
}

async function countDone({ sql }: Cluster): Promise<number> {
  const [row] = await sql`select count(*)::int as done from calls where stage = 'done'`;
  return row?.done ?? 0;
}

async function examine({ sql, control }: Cluster) {
  const [row] = await sql`select count(*)::int as rows,
    count(*) filter (where stage <> 'done' or not exists (
      select 1 from call_analyses a where a.call_id = calls.id))::int as lost,
    count(*) filter (where needs_attention or blocked_on is not null)::int as attention from calls`;
  const { duplicates } = await control('GET', 'stats');
  return { rows: row?.rows as number, lost: row?.lost as number, attention: row?.attention as number, duplicates };
}
