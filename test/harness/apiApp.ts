/** The API in this process, on a database of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { inject } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import type { AppDeps } from '../../src/api/deps.ts';
import { createAdmission } from '../../src/api/http/admission.ts';
import { createHttpServer, type HttpLimits } from '../../src/api/httpServer.ts';
import { createWebhookLoad } from '../../src/api/webhooks/load.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { openPools } from '../../src/db/pools.ts';
import type { Role } from '../../src/domain/user.ts';
import { createClient } from '../../src/temporal/connect.ts';
import { createWorkflowMessages } from '../../src/temporal/workflowMessages.ts';
import { createTestDatabase } from './infra.ts';
import { checkedRequest, createAnswerCheck } from './openapi.ts';

const AUTH_SECRET = 'a secret of the tests, long enough for HS256';

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON, or undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  body: any;
  text: string;
}

let described: ReturnType<typeof readDocument> | undefined;

async function readDocument(app: ReturnType<typeof createApp>) {
  // biome-ignore lint/suspicious/noExplicitAny: a JSON document that is walked.
  const document: any = await (await app.request('/openapi.json')).json();
  return { document, check: createAnswerCheck(document) };
}

/**
 * Starts it. Temporal is what `env` names, else the namespace in which nothing runs.
 * @returns `as(role, …)` makes a caller of the API, `state` counts how often the inbox was poked
 */
export async function startApiApp(env: Record<string, string> = {}) {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-api-'));
  const database = await createTestDatabase();
  const config = loadConfig({
    env: {
      DATA_DIR: dataDir,
      DATABASE_URL: database.databaseUrl,
      TEMPORAL_ADDRESS: inject('servers').temporalAddress,
      AUTH_JWT_SECRET: AUTH_SECRET,
      SHUNYA_WEBHOOK_SECRETS: 'a webhook secret',
      LOG_LEVEL: 'silent',
      ...env,
    },
  });
  const { db, close } = openDatabase(config.databaseUrl);
  const { pools, close: closePools } = openPools(config.databaseUrl);
  const { client, connection } = createClient(config);
  const workflows = createWorkflowMessages(config);
  const state = { pokes: 0, reroutes: 0 };
  const logs: string[] = [];
  const deps: AppDeps = {
    config,
    pools,
    logger: pino({ level: 'debug' }, { write: (line) => void logs.push(line) }),
    workflows,
    inbox: {
      poke() {
        state.pokes += 1;
      },
      reroute() {
        state.reroutes += 1;
      },
    },
    readiness: async () => ({ ready: true, parts: {} }),
    metricsRegistry: new Registry(),
    // The test works on the same loop as the app: how busy that is says nothing, and reads would wait for the test's end.
    admission: createAdmission({ spare: { wait: async () => {} } }),
    webhookLoad: createWebhookLoad(),
  };
  const app = createApp(deps);
  // However an app is configured, it has the same operations.
  described ??= readDocument(app);
  const { document, check } = await described;
  const request = checkedRequest((url, init) => app.request(url, init), check);

  const send = async (token: string, method: string, url: string, body?: unknown, headers = {}): Promise<Answer> => {
    const response = await request(`/api/v1${url}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    // A stream has no end to wait for.
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) await response.body?.cancel();
    const text = response.bodyUsed ? '' : await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : undefined, text };
  };

  return {
    app,
    /** As the app's own; here too an answer outside the OpenAPI document is an error. */
    request,
    document,
    config,
    /** Lines of its log. */
    logs,
    deps,
    connection,
    /** A test's own connections; the app has its pools. */
    db,
    pools,
    temporal: { client, namespace: config.temporal.namespace, taskQueue: config.temporal.taskQueue },
    state,
    async as(role: Role, companyId: string | undefined, userId: string = role) {
      const claims = { role, ...(companyId === undefined ? {} : { company_id: companyId }) };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(userId)
        .setExpirationTime('1h')
        .sign(new TextEncoder().encode(AUTH_SECRET));
      return {
        headers: () => ({ authorization: `Bearer ${token}` }),
        get: (url: string) => send(token, 'GET', url),
        post: (url: string, body?: unknown, headers?: Record<string, string>) =>
          send(token, 'POST', url, body, headers),
        patch: (url: string, body?: unknown, headers?: Record<string, string>) =>
          send(token, 'PATCH', url, body, headers),
        put: (url: string, body?: unknown) => send(token, 'PUT', url, body),
        delete: (url: string) => send(token, 'DELETE', url),
      };
    },
    async stop() {
      await Promise.all([connection.close(), workflows.close()]);
      await closePools();
      await close();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export type ApiApp = Awaited<ReturnType<typeof startApiApp>>;

/** Lets the app answer over HTTP, on a port of its own. */
export async function serveApp({ app, config }: Pick<ApiApp, 'app' | 'config'>, limits?: Partial<HttpLimits>) {
  const server = createHttpServer({ app, keepAliveSeconds: config.httpKeepAliveSeconds, limits });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    /** How many are open now. */
    connections: () => promisify(server.getConnections.bind(server))(),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
