/** Whole booked calls: ours, the naive form, the engine's floor and DBOS, in alternating rounds on the same servers. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, waitUntil } from '../dev/local/processes.ts';
import { startShunyaSimulator } from '../simulators/shunya.ts';
import { type CallTaker, runBookedCalls, throughOurs } from './bookedCalls.ts';
import { type Cluster, startCluster, WITHOUT_SHUNYA_LIMITS } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { type LoadCompany, median } from './load.ts';
import { memoryOf } from './process.ts';
import { describeTables, tablesOf } from './tables.ts';

const OTHERS = ['naive', 'floor', 'dbos'] as const;
/** Shunya answers at once. */
const JOB_MS = 1;
const AT_REST_SECONDS = 10;

export interface PipelineOptions {
  rounds: number;
  /** Of one side in one round. */
  calls: number;
  /** Calls under way at once. */
  concurrency: number;
  /** Where the figures of every round are written as JSON. */
  jsonFile?: string | undefined;
  /** Where API and worker leave a CPU profile of each thread when they end. */
  profileDir?: string | undefined;
  /** A Temporal server that stores in Postgres, in place of the CLI's; see temporalOnPostgres.ts. */
  temporalBinDir?: string | undefined;
  /** Beside ours; all unless said. */
  others?: readonly string[] | undefined;
}

interface Side extends CallTaker {
  /** The process or processes that are its own. */
  pids: () => (number | undefined)[];
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
  const { rounds, calls, concurrency, jsonFile, profileDir, temporalBinDir } = options;
  const env = WITHOUT_SHUNYA_LIMITS;
  const cluster = await startCluster({ jobMs: JOB_MS, tell: print, env, profileDir, temporalBinDir });
  const sides: Side[] = [oursOf(cluster)];
  try {
    const company = await cluster.company();
    await printAtRest(cluster, print);
    const footprintBefore = await footprintOf(cluster);
    print(describeFootprint('before', footprintBefore));
    for (const name of OTHERS.filter((each) => options.others?.includes(each) ?? true))
      sides.push(await startSide(name, cluster, company));
    const all: Figures[] = [];
    for (const side of sides) await runBookedCalls(side, company, Math.ceil(calls / 2), concurrency);
    for (let round = 1; round <= rounds; round += 1)
      for (const side of sides) {
        const figures = await measure(
          cluster,
          side,
          round,
          () => runBookedCalls(side, company, calls, concurrency),
          calls,
        );
        all.push(figures);
        print(lineOf(figures));
      }
    print(`\n${tableOf(all)}`);
    const footprint = await footprintOf(cluster);
    print(describeFootprint('after', footprint));
    const grown = (footprint.bytes - footprintBefore.bytes) / (footprint.calls - footprintBefore.calls);
    print(`Postgres grew by ${(grown / 1000).toFixed(1)} kB a call of ours, indexes and dead rows with it`);
    print(describeTables(await tablesOf(cluster.sql)));
    if (jsonFile) writeFileSync(jsonFile, JSON.stringify({ options, figures: all }, undefined, 2));
    return true;
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
    await cluster.stop();
    cluster.removeData();
  }
}

const oursOf = (cluster: Cluster): Side => ({
  ...throughOurs(cluster),
  pids: () => [...cluster.apis, ...cluster.workers].map(({ pid }) => pid),
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
    temporal: cluster.temporalParts.reduce((sum, { pid }) => sum + cpuMsOfTree(pid), 0),
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
async function footprintOf(cluster: Cluster) {
  const [row] = await cluster.sql`select (select count(*)::int from calls) as calls,
    (select sum(pg_total_relation_size(oid))::float8 from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace) as bytes`;
  return { ...memoryOf(cluster), calls: row?.calls as number, bytes: row?.bytes as number };
}

const describeFootprint = (when: string, { api, worker, calls }: Awaited<ReturnType<typeof footprintOf>>): string =>
  `${when} (${calls} calls of ours): resident memory of the API ${api.toFixed(0)} MiB, of the worker ${worker.toFixed(0)} MiB`;

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
