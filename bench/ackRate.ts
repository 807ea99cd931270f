/** Acknowledgements a second, with Temporal frozen or with pipelines beside, against the floor, alternating on the same Postgres. */
import { createHmac, randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { loadavg } from 'node:os';
import { runBookedCalls, throughOurs } from './bookedCalls.ts';
import { type Cluster, startCluster, WITHOUT_SHUNYA_LIMITS } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { type LoadCompany, median, percentile, send } from './load.ts';
import { startFloor } from './process.ts';

const CONNECTIONS = 16;

/** Booked calls under way at once beside the acknowledgements. */
const CALLS_BESIDE = 4;

export interface AckRateOptions {
  rounds: number;
  seconds: number;
  /** Gets a CPU profile of the API. */
  profileDir?: string | undefined;
  /** Temporal is alive, and whole booked calls of another company run through ours while either side is measured. */
  besidePipelines: boolean;
}

/** Prints each round and the medians of the ratios, of the clock and of CPU time. */
export async function benchAckRate(options: AckRateOptions, print: (line: string) => void) {
  const { rounds, seconds, profileDir, besidePipelines } = options;
  const cluster = await startCluster({ tell: print, profileDir, jobMs: 1, env: WITHOUT_SHUNYA_LIMITS });
  const company = await cluster.company();
  const floor = await startFloor(new URL('floor.ts', import.meta.url), {
    DATABASE_URL: cluster.config.databaseUrl,
    SIGNING_KEY: company.signingKey,
  });
  const pipelines = besidePipelines ? await startPipelines(cluster) : undefined;
  try {
    const oursUrl = `${cluster.apiUrls[0]}/api/v1/callrail/call.missed`;
    const measure = async (url: string, pid: number | undefined, forSeconds: number) => {
      const cpu = () => ({ server: cpuMsOfTree(pid), postgres: cpuMsOfTree(cluster.postgres.pid) });
      const callsBefore = await pipelines?.done();
      const before = cpu();
      const result = await load(url, company, forSeconds);
      const after = cpu();
      const perRequest = (name: keyof typeof before) => (after[name] - before[name]) / result.requests;
      const calls = pipelines && ((await pipelines.done()) - (callsBefore ?? 0)) / forSeconds;
      return { ...result, serverMs: perRequest('server'), postgresMs: perRequest('postgres'), calls };
    };
    const measureFloor = (forSeconds: number) => measure(floor.url, floor.pid, forSeconds);
    const measureOurs = async (forSeconds: number) => {
      const result = await measure(oursUrl, cluster.apis[0]?.pid, forSeconds);
      // The floor starts no pipelines: those that these would start must not run beside its next round. What the relay
      // holds is left to it: to wait for that could be a deadlock.
      await cluster.sql`delete from webhook_events where id in (
        select id from webhook_events where company_id = ${company.id} and status = 'pending' for update skip locked)`;
      return result;
    };
    if (!pipelines) cluster.temporalServer.freeze();
    await measureFloor(3);
    await measureOurs(3);
    const all: Record<'throughput' | 'p50' | 'p99' | 'CPU of server' | 'CPU of Postgres', number[]> = {
      throughput: [],
      p50: [],
      p99: [],
      'CPU of server': [],
      'CPU of Postgres': [],
    };
    for (let round = 1; round <= rounds; round += 1) {
      const bare = await measureFloor(seconds);
      const ours = await measureOurs(seconds);
      all.throughput.push(ours.perSecond / bare.perSecond);
      all.p50.push(ours.p50 / bare.p50);
      all.p99.push(ours.p99 / bare.p99);
      all['CPU of server'].push(ours.serverMs / bare.serverMs);
      all['CPU of Postgres'].push(ours.postgresMs / bare.postgresMs);
      const line = (r: typeof bare) =>
        `${r.perSecond.toFixed(0)}/s p50 ${r.p50.toFixed(1)} p99 ${r.p99.toFixed(1)} ms, CPU a request: server ` +
        `${r.serverMs.toFixed(3)} Postgres ${r.postgresMs.toFixed(3)} ms` +
        (r.calls === undefined ? '' : `, ${r.calls.toFixed(1)} booked calls/s`);
      print(`round ${round} (load ${loadavg()[0]?.toFixed(0)}): floor ${line(bare)} · ours ${line(ours)}`);
      if (bare.failed + ours.failed > 0) print(`failed: floor ${bare.failed}, ours ${ours.failed}`);
    }
    for (const [name, ratios] of Object.entries(all))
      print(
        `${name}, ours to floor: median ${median(ratios).toFixed(2)}, ` +
          `from ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      );
    return true;
  } finally {
    floor.stop();
    await pipelines?.stop();
    await cluster.stop();
    cluster.removeData();
  }
}

/** Keeps booked calls under way, the next once one is done, until it is stopped. */
async function startPipelines(cluster: Cluster) {
  const company = await cluster.company();
  const taker = throughOurs(cluster);
  let isOver = false;
  const work = async () => {
    while (!isOver) await runBookedCalls(taker, company, 1, 1);
  };
  const running = Promise.all(Array.from({ length: CALLS_BESIDE }, work));
  return {
    /** Of its calls, how many are done. */
    async done(): Promise<number> {
      const [row] = await cluster.sql<{ n: number }[]>`
        select count(*)::int as n from calls where company_id = ${company.id} and stage = 'done'`;
      return row?.n ?? 0;
    },
    async stop() {
      isOver = true;
      await running;
    },
  };
}

/** Keeps sixteen connections busy, each with one request at a time. */
async function load(url: string, company: LoadCompany, seconds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const took: number[] = [];
  let failed = 0;
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1000;
  const work = async () => {
    while (performance.now() < endAt) {
      const body = JSON.stringify({
        call_id: `CAL${randomUUID()}`,
        caller_number: '+12125550147',
        tracking_number: company.trackingNumber,
        duration: 0,
        answered: false,
        timestamp: '2026-03-02T15:04:05Z',
      });
      const signature = createHmac('sha1', company.signingKey).update(body).digest('base64');
      const sentAt = performance.now();
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), signature };
      if ((await send(url, { method: 'POST', agent, headers }, body)) !== 200) failed += 1;
      took.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const elapsed = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return {
    requests: took.length,
    perSecond: took.length / elapsed,
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
    failed,
  };
}
