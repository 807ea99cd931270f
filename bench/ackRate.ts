/** Acknowledgements a second with Temporal frozen, against the floor, alternating on the same Postgres. */
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { loadavg } from 'node:os';
import { freePort, waitUntil } from '../dev/local/processes.ts';
import { startCluster } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { median, percentile } from './load.ts';

const CONNECTIONS = 16;

/** Prints each round and the medians of the ratios, of the clock and of CPU time. `profileDir` gets a CPU profile of the API. */
export async function benchAckRate(
  { rounds, seconds, profileDir }: { rounds: number; seconds: number; profileDir?: string | undefined },
  print: (line: string) => void,
) {
  const cluster = await startCluster({ tell: print, profileDir });
  const company = await cluster.company();
  const port = await freePort();
  const env = {
    ...process.env,
    DATABASE_URL: cluster.config.databaseUrl,
    PORT: String(port),
    SIGNING_KEY: company.signingKey,
  };
  const floor = spawn(process.execPath, ['--import', 'tsx', new URL('floor.ts', import.meta.url).pathname], {
    env,
    stdio: 'inherit',
  });
  try {
    const floorUrl = `http://127.0.0.1:${port}/`;
    const oursUrl = `${cluster.apiUrls[0]}/api/v1/callrail/call.missed`;
    const measure = async (url: string, pid: number | undefined, forSeconds: number) => {
      const cpu = () => ({ server: cpuMsOfTree(pid), postgres: cpuMsOfTree(cluster.postgres.pid) });
      const before = cpu();
      const result = await load(url, company, forSeconds);
      const after = cpu();
      const perRequest = (name: keyof typeof before) => (after[name] - before[name]) / result.requests;
      return { ...result, serverMs: perRequest('server'), postgresMs: perRequest('postgres') };
    };
    const measureFloor = (forSeconds: number) => measure(floorUrl, floor.pid, forSeconds);
    const measureOurs = (forSeconds: number) => measure(oursUrl, cluster.apis[0]?.pid, forSeconds);
    await waitUntil(
      () =>
        fetch(floorUrl).then(
          () => true,
          () => false,
        ),
      30,
    );
    cluster.temporalServer.freeze();
    await measureFloor(3);
    await measureOurs(3);
    const all: Record<'throughput' | 'p99' | 'CPU of server' | 'CPU of Postgres', number[]> = {
      throughput: [],
      p99: [],
      'CPU of server': [],
      'CPU of Postgres': [],
    };
    for (let round = 1; round <= rounds; round += 1) {
      const bare = await measureFloor(seconds);
      const ours = await measureOurs(seconds);
      all.throughput.push(ours.perSecond / bare.perSecond);
      all.p99.push(ours.p99 / bare.p99);
      all['CPU of server'].push(ours.serverMs / bare.serverMs);
      all['CPU of Postgres'].push(ours.postgresMs / bare.postgresMs);
      const line = (r: typeof bare) =>
        `${r.perSecond.toFixed(0)}/s p50 ${r.p50.toFixed(1)} p99 ${r.p99.toFixed(1)} ms, CPU a request: server ` +
        `${r.serverMs.toFixed(2)} Postgres ${r.postgresMs.toFixed(2)} ms`;
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
    floor.kill();
    await cluster.stop();
    cluster.removeData();
  }
}

/** Keeps sixteen connections busy, each with one request at a time. */
async function load(url: string, company: { signingKey: string; trackingNumber: string }, seconds: number) {
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
      if ((await post(agent, url, body, signature)) !== 200) failed += 1;
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

function post(agent: Agent, url: string, body: string, signature: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), signature };
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
