/**
 * The real service for a suite: API and worker as processes of their own, on a database, a Temporal namespace and a Shunya
 * simulator of their own. Driven over HTTP; the database and Temporal are open for what HTTP does not show.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import { inject } from 'vitest';
import { freePort, waitUntil } from '../../dev/local/processes.ts';
import {
  type CallRailEventName,
  callRailPayload,
  createCallRailSender,
  newResourceId,
  type SimulatedCall,
  simulateCall,
} from '../../simulators/callrail.ts';
import type { Role } from '../../src/domain/user.ts';
import { serviceDataDir } from './build.ts';
import { type Caller, createCaller, exchange, signToken } from './http.ts';
import { createTestDatabase, createTestNamespace } from './infra.ts';
import { eventually } from './poll.ts';
import { createTestProcess, processesWith } from './processes.ts';
import { SHUNYA_API_KEY, SHUNYA_WEBHOOK_SECRET, startTestShunya } from './shunya.ts';

const AUTH_SECRET = 'a secret of the tests, long enough for HS256';
const READY_WITHIN_SECONDS = 90;

/** The first failure needs a person, and is not tried again before the tests are over unless somebody says so. */
export const UNTIL_RETRIED = {
  PROVIDER_RETRY_INITIAL_SECONDS: '300',
  PROVIDER_RETRY_MAX_SECONDS: '300',
  PROVIDER_RETRY_ATTEMPTS: '1',
};

/** A link to a recording on an allowed host; its words choose what the simulator hears, the rest makes it unique. */
export const recordingLink = (words: string, query = ''): string =>
  `https://s3.amazonaws.com/test-recordings/${words}-${randomBytes(6).toString('hex')}.mp3${query}`;

/** A number that no other call of this run has. */
export function uniquePhone(): string {
  nextPhone += 1;
  const area = 201 + (Math.floor(nextPhone / 10_000) % 700);
  return `+1${area}555${String(nextPhone % 10_000).padStart(4, '0')}`;
}
let nextPhone = Math.floor(Math.random() * 7_000_000);

export type Service = Awaited<ReturnType<typeof startService>>;
export type TestCompany = Awaited<ReturnType<Service['company']>>;

/**
 * Starts it and waits until it is ready. `env` overrides the short waits that tests run with; `databaseSettings` are
 * Postgres' own.
 * With TEST_LOGS its logs are kept in that folder.
 */
export async function startService(env: Record<string, string> = {}, databaseSettings: Record<string, string> = {}) {
  const [database, { address, namespace }, port] = await Promise.all([
    createTestDatabase(databaseSettings),
    createTestNamespace(),
    freePort(),
  ]);
  const baseUrl = `http://127.0.0.1:${port}`;
  const shunya = await startTestShunya(`${baseUrl}/api/v1/shunya/webhook`);
  const dataDir = serviceDataDir(inject('servers').dataDir);
  mkdirSync(dataDir, { recursive: true });
  const marker = `CALLWRIGHT_TEST=${namespace}`;
  const options = {
    cwd: dataDir,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      CALLWRIGHT_TEST: namespace,
      PORT: String(port),
      DATA_DIR: dataDir,
      DATABASE_URL: database.databaseUrl,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SHUNYA_BASE_URL: shunya.url,
      SHUNYA_SIM_PORT: new URL(shunya.url).port,
      SHUNYA_API_KEY,
      SHUNYA_WEBHOOK_SECRETS: SHUNYA_WEBHOOK_SECRET,
      AUTH_JWT_SECRET: AUTH_SECRET,
      SHUNYA_MAX_PER_SECOND: '500',
      SHUNYA_POLL_SECONDS: '30',
      PROVIDER_RETRY_INITIAL_SECONDS: '0.2',
      PROVIDER_RETRY_MAX_SECONDS: '1',
      PROVIDER_RETRY_ATTEMPTS: '3',
      LOG_LEVEL: 'info',
      ...env,
    },
  };
  const api = createTestProcess('server.js', options);
  const worker = createTestProcess('worker.js', options);
  const sql = postgres(database.databaseUrl, { max: 4, onnotice: () => {} });
  const connection = await Connection.connect({ address });
  const temporal = new Client({ connection, namespace });

  const as = (role: Role, companyId?: string, userId: string = role): Caller =>
    createCaller(baseUrl, signToken(AUTH_SECRET, { role, companyId, userId }));
  const logs = () => `${api.logs()}\n${worker.logs()}`;
  const isReady = () =>
    exchange(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(5000) }).then(
      ({ status }) => status === 200,
      () => false,
    );
  const untilReady = async () => {
    // One that ended by itself will not become ready.
    const settled = async () => !api.isAlive() || !worker.isAlive() || (await isReady());
    if (!(await waitUntil(settled, READY_WITHIN_SECONDS)) || !(await isReady()))
      throw new Error(`the service is not ready:\n${logs().slice(-3000)}`);
  };
  const stop = async () => {
    await Promise.all([api.stop(), worker.stop()]);
    const keepIn = process.env.TEST_LOGS;
    if (keepIn) writeFileSync(path.join(keepIn, `${namespace}.log`), logs());
    await shunya.stop();
    await connection.close();
    await sql.end({ timeout: 5 });
    await database.drop();
  };

  const admin = as('admin', undefined, 'the-admin');

  api.start();
  worker.start();
  try {
    await untilReady();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    baseUrl,
    databaseUrl: database.databaseUrl,
    /** What its processes are configured with, for commands that are to find it. */
    env: options.env,
    namespace,
    sql,
    temporal,
    shunya,
    api,
    worker,
    /** Another worker of this service, of other sources perhaps; not started. Whoever makes it stops it. */
    createWorker: (file: string, ownEnv: Record<string, string>) =>
      createTestProcess(file, { ...options, env: { ...options.env, ...ownEnv } }),
    as,
    admin,
    logs,
    untilReady,
    /** Processes of this service that live now. */
    processes: () => processesWith(marker),
    stop,

    /** A company of a test's own, made over REST, with a signing key and a tracking number. */
    async company(settings: Record<string, unknown> = {}) {
      const signingKey = randomBytes(12).toString('hex');
      const trackingNumber = uniquePhone();
      const { id } = await admin.post('/companies', {
        name: 'Test Plumbing',
        callrail_signing_keys: [signingKey],
        ...settings,
      });
      await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: trackingNumber });
      return companyOf({ baseUrl, sql, as }, { id, signingKey, trackingNumber });
    },
  };
}

function companyOf(
  {
    baseUrl,
    sql,
    as,
  }: { baseUrl: string; sql: postgres.Sql; as: (role: Role, companyId: string, id?: string) => Caller },
  company: { id: string; signingKey: string; trackingNumber: string },
) {
  const sender = createCallRailSender({ baseUrl, signingKey: company.signingKey });
  const manager = as('manager', company.id);
  const ids = new Map<string, string>();

  /** The call as the API shows it; fails while there is none. */
  const findCall = async (call: SimulatedCall) => {
    const known = ids.get(call.id);
    if (known) return manager.get(`/calls/${known}`);
    const { items } = await manager.get(`/calls?limit=200&phone_number=${encodeURIComponent(call.customerNumber)}`);
    // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
    const found = items.find((item: any) => item.provider_call_id === call.id);
    if (!found) throw new Error(`no call ${call.id} yet`);
    ids.set(call.id, found.id);
    return found;
  };

  return {
    ...company,
    sender,
    manager,
    as: (role: Role, userId?: string) => as(role, company.id, userId),

    /** A call of this company from a number of its own. */
    simulate: (given: Partial<SimulatedCall> = {}): SimulatedCall =>
      simulateCall({
        trackingNumber: company.trackingNumber,
        companyResourceId: newResourceId('COM'),
        customerNumber: uniquePhone(),
        ...given,
      }),

    /** Sends these events one after the other; each must be accepted. */
    async play(call: SimulatedCall, events: readonly CallRailEventName[] = ['incoming', 'answered', 'completed']) {
      for (const event of events) {
        // Only the post-call events know of the recording.
        const answer = await sender.send(event, callRailPayload(event, call));
        if (answer.status !== 200) throw new Error(`call.${event}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      return call;
    },

    findCall,

    /** The call once its pipeline is in this stage. */
    callIn: (call: SimulatedCall, stage: string, seconds = 60) =>
      eventually(async () => {
        const found = await findCall(call);
        const { pipeline } = found;
        if (pipeline.stage !== stage)
          throw new Error(`call ${call.id} is ${pipeline.stage} (${pipeline.reason}), not ${stage}`);
        return found;
      }, seconds),

    workflowId: (call: SimulatedCall) => `call:${company.id}:${call.id}`,

    /** Attempts at Shunya's steps for a call, oldest first, as operators see them in the table. */
    jobs: (call: SimulatedCall) => sql<
      {
        id: string;
        kind: string;
        attempt: number;
        state: string;
        idempotency_key: string;
        shunya_call_id: string;
        task_id: string | null;
        error_code: string | null;
        error_at: Date | null;
        submitted_at: Date | null;
        finished_at: Date | null;
        generation: number;
        failures: number;
      }[]
    >`select j.* from shunya_jobs j join calls c on c.id = j.subject_id
      where c.company_id = ${company.id} and c.provider_call_id = ${call.id}
      order by j.generation, j.kind desc, j.attempt`,
  };
}
