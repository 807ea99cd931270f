/** Temporal is away while events come in: how its backlog is drained, in how much memory, and what new calls notice of it. */
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type CallTaker, runBookedCalls, sendEvents, throughOurs } from './bookedCalls.ts';
import { type Cluster, startCluster, WITHOUT_SHUNYA_LIMITS } from './cluster.ts';
import { type LoadCompany, median, percentile } from './load.ts';
import { memoryOf } from './process.ts';

const EVENTS_A_CALL = 3;
const SENT_TOGETHER = 8;
const BETWEEN_PROBES_MS = 2000;
const PROBE_WITHIN_SECONDS = 900;
const DRAINED_WITHIN_SECONDS = 7200;
/** New calls may take this many times as long as without a backlog. */
const LATENCY_MAX = 2;
/** More than this times the memory before is growth. */
const MEMORY_MAX = 1.25;

export interface BacklogOptions {
  events: number;
  /** New calls timed without a backlog. */
  probes: number;
}

/** @returns whether new calls stayed as fast as the aim asks, in memory that stayed flat */
export async function benchBacklog(
  { events, probes }: BacklogOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const cluster = await startCluster({ jobMs: 1, tell: print, env: WITHOUT_SHUNYA_LIMITS });
  const ours = throughOurs(cluster);
  try {
    const [large, small] = [await cluster.company(), await cluster.company()];
    await runBookedCalls(ours, large, 40, SENT_TOGETHER);
    const alone: number[] = [];
    for (let index = 0; index < probes; index += 1) {
      alone.push(await timeNewCall(cluster, ours, index % 2 === 0 ? large : small));
      await delay(BETWEEN_PROBES_MS);
    }
    print(`alone: ${describe(alone)}, load ${load()}`);

    await cluster.temporalServer.kill9();
    const calls = Math.ceil(events / EVENTS_A_CALL);
    const sendingAt = Date.now();
    await sendAll(ours, large, calls);
    const before = memoryOf(cluster);
    print(
      `${await waiting(cluster)} events wait, sent in ${secondsSince(sendingAt)} s; ` +
        `API ${before.api.toFixed(0)} MiB, worker ${before.worker.toFixed(0)} MiB`,
    );

    await cluster.temporalServer.start();
    const backAt = Date.now();
    let mostApi = before.api;
    let mostWorker = before.worker;
    const beside: Record<'same' | 'other', number[]> = { same: [], other: [] };
    for (let turn = 0; ; turn += 1) {
      const left = await waiting(cluster);
      const { api, worker } = memoryOf(cluster);
      mostApi = Math.max(mostApi, api);
      mostWorker = Math.max(mostWorker, worker);
      if (left === 0) break;
      if ((Date.now() - backAt) / 1000 > DRAINED_WITHIN_SECONDS) throw new Error(`still ${left} events`);
      const whose = turn % 2 === 0 ? 'same' : 'other';
      const took = await timeNewCall(cluster, ours, whose === 'same' ? large : small);
      beside[whose].push(took);
      print(
        `${secondsSince(backAt)} s: ${left} events wait, a new call of the ${whose} company took ${took.toFixed(2)} s; ` +
          `API ${api.toFixed(0)} MiB, worker ${worker.toFixed(0)} MiB, load ${load()}`,
      );
      await delay(BETWEEN_PROBES_MS);
    }
    const drained = (Date.now() - backAt) / 1000;
    const ratio = median([...beside.same, ...beside.other]) / median(alone);
    const growth = Math.max(mostApi / before.api, mostWorker / before.worker);
    print(`alone: ${describe(alone)}`);
    print(`beside the backlog, the same company's: ${describe(beside.same)}; another's: ${describe(beside.other)}`);
    print(
      `drained in ${drained.toFixed(0)} s, ${(events / drained).toFixed(0)} events/s; median latency ${ratio.toFixed(2)} times`,
    );
    print(
      `memory at most: API ${mostApi.toFixed(0)} MiB, worker ${mostWorker.toFixed(0)} MiB: ${growth.toFixed(2)} times`,
    );
    const holds = ratio <= LATENCY_MAX && growth <= MEMORY_MAX;
    print(holds ? 'held' : 'NOT held');
    return holds;
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

/** Calls that nobody answered, without a recording: each is done once its events are folded. */
async function sendAll(ours: CallTaker, company: LoadCompany, calls: number): Promise<void> {
  let begun = 0;
  const work = async () => {
    while (begun < calls) {
      begun += 1;
      await sendEvents(ours, company, 'missed');
    }
  };
  await Promise.all(Array.from({ length: SENT_TOGETHER }, work));
}

/** Seconds from a booked call's last event to its end. */
async function timeNewCall(cluster: Cluster, ours: CallTaker, company: LoadCompany): Promise<number> {
  const id = await sendEvents(ours, company, 'booked');
  const startedAt = performance.now();
  for (;;) {
    if ((await ours.done([id])).length > 0) return (performance.now() - startedAt) / 1000;
    if (performance.now() - startedAt > PROBE_WITHIN_SECONDS * 1000)
      throw new Error(`a new call was not done in ${PROBE_WITHIN_SECONDS} s; ${await waiting(cluster)} events wait`);
    await delay(20);
  }
}

async function waiting({ sql }: Cluster): Promise<number> {
  const [row] = await sql`select count(*)::int as n from webhook_events where status in ('pending', 'dispatched')`;
  return row?.n as number;
}

const describe = (seconds: readonly number[]): string =>
  seconds.length === 0
    ? 'none'
    : `median ${median(seconds).toFixed(2)} s, 90 % within ${percentile(seconds, 0.9).toFixed(2)} s, ` +
      `at most ${Math.max(...seconds).toFixed(2)} s (${seconds.length})`;

const secondsSince = (at: number): string => ((Date.now() - at) / 1000).toFixed(0);
const load = (): string => (loadavg()[0] ?? 0).toFixed(0);
