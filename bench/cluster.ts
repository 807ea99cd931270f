/** The whole service on a folder of its own, every part a process that can be killed, frozen and started again. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import { startPostgres } from '../dev/local/postgres.ts';
import { freePort, waitUntil } from '../dev/local/processes.ts';
import { startTemporal } from '../dev/local/temporal.ts';
import { mintToken } from '../dev/token.ts';
import { type ShunyaSimulator, startShunyaSimulator } from '../simulators/shunya.ts';
import { type Config, loadConfig } from '../src/config/config.ts';
import type { Role } from '../src/domain/user.ts';
import { migrateDatabase, registerSearchAttributes } from '../src/migrate.ts';
import { clientConnectionOptions } from '../src/temporal/connect.ts';
import { createProductProcess, createServerPart, type Part, processesLeftIn } from './process.ts';
import { startTemporalServer, startTemporalStore } from './temporalOnPostgres.ts';

const READY_WITHIN_SECONDS = 120;

/** For who measures our own cost: nothing waits for a turn at Shunya. */
export const WITHOUT_SHUNYA_LIMITS = { SHUNYA_MAX_PER_SECOND: '10000', SHUNYA_MAX_PER_COMPANY: '10000' };

export interface ClusterOptions {
  apis?: number;
  workers?: number;
  /** Added to the environment of API and worker. */
  env?: Record<string, string>;
  /** How long the simulator works on a job. */
  jobMs?: number;
  /** Where the simulator's callbacks go; the first API unless said. */
  callbackUrl?: string;
  /** Where API and worker leave a CPU profile each when they end. */
  profileDir?: string | undefined;
  /** Has a Temporal server that is to store in a Postgres of its own, in place of the CLI's; see temporalOnPostgres.ts. */
  temporalBinDir?: string | undefined;
  /** Has `server.js` and `worker.js` of a built service, which start in half the time that their sources take. */
  distDir?: string | undefined;
  tell?: (line: string) => void;
}

// biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
type Json = any;

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

/** What is to be stopped when the process is told to end. */
const running = new Set<() => Promise<void>>();

/** For commands: Ctrl-C or SIGTERM stops what runs, leaves no process and no data, and exits with 1. */
export function stopOnSignals(): void {
  let isStopping = false;
  const stopAll = async () => {
    if (isStopping) return;
    isStopping = true;
    await Promise.allSettled([...running].map((stop) => stop()));
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stopAll());
}

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

/** Starts Postgres, Temporal, the Shunya simulator (in this process, so that it survives), APIs and workers. */
export async function startCluster(options: ClusterOptions = {}) {
  const tell = options.tell ?? (() => {});
  const dataDir = realpathSync(mkdtempSync(path.join(tmpdir(), 'callwright-bench-')));
  mkdirSync(path.join(dataDir, 'logs'));
  const [postgresPort, temporalPort, uiPort] = [await freePort(), await freePort(), await freePort()];
  const apiPorts = await freePorts(options.apis ?? 1);
  const apiUrls = apiPorts.map((port) => `http://127.0.0.1:${port}`);
  const secrets = { apiKey: randomBytes(16).toString('hex'), webhookSecret: randomBytes(16).toString('hex') };
  const simulator = await startShunyaSimulator({
    port: 0,
    apiKey: secrets.apiKey,
    webhookSecret: secrets.webhookSecret,
    webhookUrl: options.callbackUrl ?? `${apiUrls[0]}/api/v1/shunya/webhook`,
    delaysMs: { transcription: options.jobMs ?? 300, analysis: options.jobMs ?? 300 },
  });
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    DATA_DIR: dataDir,
    DATABASE_URL: `postgres://callwright:${randomBytes(12).toString('hex')}@127.0.0.1:${postgresPort}/callwright`,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
    TEMPORAL_NAMESPACE: 'default',
    SHUNYA_BASE_URL: simulator.url,
    SHUNYA_API_KEY: secrets.apiKey,
    SHUNYA_WEBHOOK_SECRETS: secrets.webhookSecret,
    AUTH_JWT_SECRET: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'info',
    ...options.env,
  };
  const config = loadConfig({ env });
  const { databaseUrl } = config;

  const postgresPart = createServerPart('postgres', () => startPostgres({ dataDir, port: postgresPort, databaseUrl }));
  const { temporalBinDir: binDir } = options;
  const storePort = await freePort();
  const storePart = binDir && createServerPart('temporal-store', () => startTemporalStore(binDir, dataDir, storePort));
  const temporalPart = createServerPart('temporal', () =>
    binDir
      ? startTemporalServer({ binDir, dataDir, port: temporalPort, namespace: 'default' }, storePort)
      : startTemporal({ dataDir, port: temporalPort, uiPort, namespace: 'default', progress: tell }),
  );
  const { distDir } = options;
  const product = (name: string, program: 'server' | 'worker', port: number) =>
    createProductProcess(name, distDir ? path.join(distDir, `${program}.js`) : `src/${program}.ts`, {
      cwd: dataDir,
      env: { ...env, PORT: String(port) },
      logFile: path.join(dataDir, 'logs', `${name}.log`),
      execArgv: options.profileDir ? ['--cpu-prof', `--cpu-prof-dir=${path.resolve(options.profileDir)}`] : [],
    });
  const apis = apiPorts.map((port, index) => product(`api-${index + 1}`, 'server', port));
  const workers = Array.from({ length: options.workers ?? 1 }, (_, index) =>
    product(`worker-${index + 1}`, 'worker', 0),
  );
  const parts: Part[] = [postgresPart, temporalPart, ...apis, ...workers];

  const sql = postgres(databaseUrl, { max: 4, onnotice: () => {}, connect_timeout: 5 });
  const connection = Connection.lazy(clientConnectionOptions(config));
  const temporal = new Client({ connection, namespace: 'default' });

  const stop = async () => {
    await Promise.all([...apis, ...workers].map((part) => part.stop()));
    await connection.close();
    await sql.end({ timeout: 5 });
    await Promise.all([temporalPart.stop(), postgresPart.stop(), simulator.stop()]);
    if (storePart) await storePart.stop();
    running.delete(interrupt);
  };
  const removeData = () => rmSync(dataDir, { recursive: true, force: true });
  const interrupt = async () => {
    await stop();
    removeData();
  };
  running.add(interrupt);
  const isReady = async () => {
    for (const url of apiUrls) if (!(await answersReady(url))) return false;
    const [row] =
      await sql`select count(*)::int as beating from worker_heartbeats where beat_at > now() - interval '10 s'`;
    return row?.beating >= workers.length;
  };

  const request = createRequest(config, apiUrls[0] as string);
  try {
    if (storePart) await storePart.start();
    await Promise.all([postgresPart.start(), temporalPart.start()]);
    await migrateDatabase(databaseUrl);
    await registerSearchAttributes(config);
    // The first worker bundles the workflows for all.
    await Promise.all([...apis, ...workers.slice(0, 1)].map((part) => part.start()));
    await waitUntil(() => answersReady(apiUrls[0] as string), READY_WITHIN_SECONDS);
    await Promise.all(workers.slice(1).map((part) => part.start()));
    if (!(await waitUntil(isReady, READY_WITHIN_SECONDS))) throw new Error(`not ready; see ${dataDir}/logs`);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    dataDir,
    config,
    secrets,
    apiUrls,
    apis,
    workers,
    parts,
    postgres: postgresPart,
    temporalServer: temporalPart,
    /** What Temporal's work costs. */
    temporalParts: storePart ? [temporalPart, storePart] : [temporalPart],
    simulator,
    sql,
    temporal,
    request,
    control: createControl(simulator),
    stop,
    leftProcesses: () => processesLeftIn(dataDir),
    removeData,

    /** A company with a signing key and tracking numbers, made over REST. */
    async company(settings: Record<string, unknown> = {}, numbers: readonly string[] = [uniquePhone()]) {
      const signingKey = randomBytes(12).toString('hex');
      const body = { name: 'Bench Plumbing', callrail_signing_keys: [signingKey], ...settings };
      const { id } = await request('admin', undefined, 'POST', '/companies', body);
      for (const phone_number of numbers)
        await request('admin', undefined, 'POST', `/companies/${id}/tracking-numbers`, { phone_number });
      return { id: id as string, signingKey, trackingNumber: numbers[0] as string };
    },
  };
}

let nextPhone = 1_000_000;

/** A number that no other call of this process has. */
export function uniquePhone(): string {
  nextPhone += 1;
  return `+1${201 + (Math.floor(nextPhone / 10_000) % 700)}555${String(nextPhone % 10_000).padStart(4, '0')}`;
}

/** Requests as a person with a role; answers `data`. @throws on anything but 2xx */
function createRequest(config: Config, baseUrl: string) {
  const tokens = new Map<string, Promise<string>>();
  return async (
    role: Role,
    companyId: string | undefined,
    method: string,
    url: string,
    body?: unknown,
    userId: string = role,
  ): Promise<Json> => {
    const key = `${role} ${companyId} ${userId}`;
    const token = tokens.get(key) ?? mintToken(config, { userId, role, companyId });
    tokens.set(key, token);
    const answer = await exchange(`${baseUrl}/api/v1${url}`, {
      method,
      headers: { authorization: `Bearer ${await token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status >= 300) throw new RequestError(`${method} ${url}`, answer);
    return answer.body?.data;
  };
}

/** An answer that is not 2xx. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  constructor(what: string, { status, body }: Answer) {
    super(`${what}: ${status} ${JSON.stringify(body)?.slice(0, 300)}`);
    this.status = status;
  }
}

/** One HTTP exchange; the body parsed where it is JSON. */
export async function exchange(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000), ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parseJson(text) };
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The simulator's control endpoints. */
function createControl(simulator: ShunyaSimulator) {
  return async (method: string, path: string, body?: unknown): Promise<Json> => {
    const init = { method, body: body === undefined ? undefined : JSON.stringify(body) };
    const answer = await exchange(`${simulator.url}/_control/${path}`, init);
    if (answer.status >= 300) throw new RequestError(`simulator ${method} ${path}`, answer);
    return answer.body;
  };
}

async function answersReady(url: string): Promise<boolean> {
  try {
    return (await exchange(`${url}/readyz`, { signal: AbortSignal.timeout(4000) })).status === 200;
  } catch {
    return false;
  }
}

/** All at once, so that none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
