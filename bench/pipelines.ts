/** Whole booked calls: ours, the naive form, the engine's floor and DBOS, in alternating rounds on the same servers. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, waitUntil } from '../dev/local/processes.ts';
import { newResourceId, signCallRail } from '../simulators/callrail.ts';
import { startShunyaSimulator } from '../simulators/shunya.ts';
import { type Cluster, exchange, startCluster, uniquePhone } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { type LoadCompany, median } from './load.ts';
import { residentMemory } from './process.ts';

const OTHERS = ['naive', 'floor', 'dbos'] as const;
const EVENTS = ['incoming', 'answered', 'completed'] as const;
/** Shunya answers at once. */
const JOB_MS = 1;
const AT_REST_SECONDS = 10;
const CALL_WITHIN_SECONDS = 120;

export interface PipelineOptions {
  rounds: number;
  /** Of one side in one round. */
  calls: number;
  /** Calls under way at once. */
  concurrency: number;
  /** Where the figures of every round are written as JSON. */
  jsonFile?: string | undefined;
}

interface Side {
  name: string;
  /** The process or processes that are its own. */
  pids: () => (number | undefined)[];
  eventUrl: (event: string) => string;
  /** Of these calls, those that are done. */
  done: (ids: string[]) => Promise<string[]>;
  stop: () => Promise<void>;
}

interface Figures {
  side: string;
  round: number;
  load: number;
  callsPerSecond: number;
  /** CPU milliseconds a call. */
  temporal: number;
  own: number;
  postgres: number;
}

/** Prints each round and the medians with their spread. */
export async function benchPipelines(options: PipelineOptions, print: (line: string) => void): Promise<boolean> {
  const { rounds, calls, concurrency, jsonFile } = options;
  const env = { SHUNYA_MAX_PER_SECOND: '10000', SHUNYA_MAX_PER_COMPANY: '10000' };
  const cluster = await startCluster({ jobMs: JOB_MS, tell: print, env });
  const sides: Side[] = [oursOf(cluster)];
  try {
    const company = await cluster.company();
    await printAtRest(cluster, print);
    const footprintBefore = await footprintOf(cluster);
    print(describeFootprint('before', footprintBefore));
    for (const name of OTHERS) sides.push(await startSide(name, cluster, company));
    const all: Figures[] = [];
    for (const side of sides) await run(side, company, Math.ceil(calls / 2), concurrency);
    for (let round = 1; round <= rounds; round += 1)
      for (const side of sides) {
        const figures = await measure(cluster, side, round, () => run(side, company, calls, concurrency), calls);
        all.push(figures);
        print(lineOf(figures));
      }
    print(`\n${tableOf(all)}`);
    const footprint = await footprintOf(cluster);
    print(describeFootprint('after', footprint));
    const grown = (footprint.bytes - footprintBefore.bytes) / (footprint.calls - footprintBefore.calls);
    print(`Postgres grew by ${(grown / 1000).toFixed(1)} kB a call of ours, indexes and dead rows with it`);
    for (const line of await bloatOf(cluster)) print(line);
    if (jsonFile) writeFileSync(jsonFile, JSON.stringify({ options, figures: all }, undefined, 2));
    return true;
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
    await cluster.stop();
    cluster.removeData();
  }
}

const oursOf = ({ apis, workers, apiUrls, sql }: Cluster): Side => ({
  name: 'ours',
  pids: () => [...apis, ...workers].map(({ pid }) => pid),
  eventUrl: (event) => `${apiUrls[0]}/api/v1/callrail/call.${event}`,
  done: async (ids) =>
    (await sql`select provider_call_id as id from calls where stage = 'done' and provider_call_id in ${sql(ids)}`).map(
      ({ id }) => id,
    ),
  stop: async () => {},
});

/** A process of its own, with a simulated Shunya of its own in this one. */
async function startSide(name: (typeof OTHERS)[number], cluster: Cluster, company: LoadCompany): Promise<Side> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const keys = { apiKey: randomBytes(8).toString('hex'), webhookSecret: randomBytes(8).toString('hex') };
  const delaysMs = { transcription: JOB_MS, analysis: JOB_MS };
  const shunya = await startShunyaSimulator({ port: 0, ...keys, webhookUrl: `${url}/shunya`, delaysMs });
  const file = fileURLToPath(new URL(`pipelines/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    // By the channel it notices when this process ends, however that comes.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: cluster.config.databaseUrl,
      TEMPORAL_ADDRESS: cluster.config.temporal.address,
      PORT: new URL(url).port,
      SHUNYA_URL: shunya.url,
      SHUNYA_KEY: keys.apiKey,
      SHUNYA_SECRET: keys.webhookSecret,
      SIGNING_KEY: company.signingKey,
    },
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await shunya.stop();
  };
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  if (!(await waitUntil(answers, 90))) {
    await stop();
    throw new Error(`${name} did not start`);
  }
  const { sql } = cluster;
  return {
    name,
    pids: () => [child.pid],
    eventUrl: (event) => `${url}/callrail/call.${event}`,
    done: async (ids) =>
      (await sql`select id from bench_side.calls where stage = 'done' and id in ${sql(ids)}`).map(({ id }) => id),
    stop,
  };
}

async function measure(
  cluster: Cluster,
  side: Side,
  round: number,
  work: () => Promise<void>,
  calls: number,
): Promise<Figures> {
  const cpu = () => ({
    temporal: cpuMsOfTree(cluster.temporalServer.pid),
    own: side.pids().reduce<number>((sum, pid) => sum + cpuMsOfTree(pid), 0),
    postgres: cpuMsOfTree(cluster.postgres.pid),
  });
  const before = cpu();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const after = cpu();
  return {
    side: side.name,
    round,
    load: loadavg()[0] ?? 0,
    callsPerSecond: calls / seconds,
    temporal: (after.temporal - before.temporal) / calls,
    own: (after.own - before.own) / calls,
    postgres: (after.postgres - before.postgres) / calls,
  };
}

/** So many calls, so many at once; the next begins when one is done. */
async function run(side: Side, company: LoadCompany, calls: number, concurrency: number): Promise<void> {
  const underWay = new Map<string, () => void>();
  let isOver = false;
  const watch = (async () => {
    while (!isOver) {
      await delay(50);
      if (underWay.size > 0) for (const id of await side.done([...underWay.keys()])) underWay.get(id)?.();
    }
  })();
  let begun = 0;
  const work = async () => {
    while (begun < calls) {
      begun += 1;
      const id = newResourceId('CAL');
      const done = new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${side.name}: a call was not done in ${CALL_WITHIN_SECONDS} s`)),
          CALL_WITHIN_SECONDS * 1000,
        );
        underWay.set(id, () => {
          clearTimeout(late);
          underWay.delete(id);
          resolve();
        });
      });
      await Promise.all([done, sendEvents(side, company, id)]);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    isOver = true;
    await watch;
  }
}

async function sendEvents(side: Side, company: LoadCompany, id: string): Promise<void> {
  const caller = uniquePhone();
  for (const event of EVENTS) {
    const isOver = event === 'completed';
    const body = JSON.stringify({
      call_id: id,
      caller_number: caller,
      tracking_number: company.trackingNumber,
      recording_url: isOver ? `https://s3.amazonaws.com/bench/booked-${id}.mp3` : null,
      duration: isOver ? 120 : 0,
      answered: event !== 'incoming',
      timestamp: new Date().toISOString(),
    });
    const headers = { 'content-type': 'application/json', signature: signCallRail(body, company.signingKey) };
    const { status } = await exchange(side.eventUrl(event), { method: 'POST', headers, body });
    if (status !== 200) throw new Error(`${side.name} answered ${status}`);
  }
}

/** Statements cannot be counted without an extension; transactions can, and at rest each statement is one. */
async function printAtRest({ sql }: Cluster, print: (line: string) => void): Promise<void> {
  const count = async () => {
    const [row] = await sql`select xact_commit::int as n from pg_stat_database where datname = current_database()`;
    return row?.n as number;
  };
  await delay(5000);
  const before = await count();
  await delay(AT_REST_SECONDS * 1000);
  print(`at rest: ${(((await count()) - before) / AT_REST_SECONDS).toFixed(1)} transactions a second`);
}

/** What ours holds: resident memory and rows. */
async function footprintOf({ sql, apis, workers }: Cluster) {
  const memory = (parts: { pid: number | undefined }[]) =>
    parts.reduce((sum, { pid }) => sum + (residentMemory(pid) ?? 0), 0);
  const [row] = await sql`select (select count(*)::int from calls) as calls,
    (select sum(pg_total_relation_size(oid))::float8 from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace) as bytes`;
  return { api: memory(apis), worker: memory(workers), calls: row?.calls as number, bytes: row?.bytes as number };
}

const describeFootprint = (when: string, { api, worker, calls }: Awaited<ReturnType<typeof footprintOf>>): string =>
  `${when} (${calls} calls of ours): resident memory of the API ${api.toFixed(0)} MiB, of the worker ${worker.toFixed(0)} MiB`;

/** The tables with the most dead rows. */
async function bloatOf({ sql }: Cluster): Promise<string[]> {
  await sql`select pg_stat_force_next_flush()`;
  const rows = await sql`select relname, n_live_tup::int as live, n_dead_tup::int as dead, n_tup_upd::int as updates,
      n_tup_hot_upd::int as hot, (pg_relation_size(relid) / 1024)::int as heap, (pg_indexes_size(relid) / 1024)::int as indexes
    from pg_stat_user_tables where schemaname = 'public' order by n_tup_upd desc limit 6`;
  return rows.map(
    ({ relname, live, dead, updates, hot, heap, indexes }) =>
      `${relname}: ${live} live rows, ${dead} dead, ${updates} updates (${hot} without touching an index), ` +
      `heap ${heap} KiB, indexes ${indexes} KiB`,
  );
}

const sumOf = ({ temporal, own, postgres }: Figures): number => temporal + own + postgres;

const lineOf = (figures: Figures): string =>
  `round ${figures.round} ${figures.side} (load ${figures.load.toFixed(0)}): ${figures.callsPerSecond.toFixed(2)} calls/s, ` +
  `CPU ms a call ${sumOf(figures).toFixed(0)}: Temporal ${figures.temporal.toFixed(0)}, own ${figures.own.toFixed(0)}, ` +
  `Postgres ${figures.postgres.toFixed(0)}`;

/** A row for each side: medians, with the lowest and the highest. */
function tableOf(all: readonly Figures[]): string {
  const cell = (values: number[], digits: number) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return `${median(values).toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
  };
  const rows = [...new Set(all.map(({ side }) => side))].map((side) => {
    const of = all.filter((figures) => figures.side === side);
    const cells = [
      side,
      cell(
        of.map(({ callsPerSecond }) => callsPerSecond),
        2,
      ),
      cell(of.map(sumOf), 0),
      ...(['temporal', 'own', 'postgres'] as const).map((name) =>
        cell(
          of.map((figures) => figures[name]),
          0,
        ),
      ),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| side | calls/s | CPU ms a call | Temporal | its own processes | Postgres |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
