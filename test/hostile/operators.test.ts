/** What operators and orchestrators see: whether the process has to be started again, whether the database can write. */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../dev/local/processes.ts';
import { operatorApp } from '../../src/api/routes/system.ts';
import { registerInboxMetrics } from '../../src/background/inboxMetrics.ts';
import { createReadiness } from '../../src/background/readiness.ts';
import { openDatabase } from '../../src/db/client.ts';
import { usesCallRailApi } from '../../src/db/queries/reconciliation.ts';
import { callrailProblem, shunyaProblem } from '../../src/providers/probe.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { createTestDatabase } from '../harness/infra.ts';
import { makeCompany } from '../harness/rows.ts';

const TOKEN = 'a-token-of-the-operators';
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

describe('healthz', () => {
  it('fails while so many webhooks hang that further ones are refused', async () => {
    const { callrail } = api.deps.webhookLoad;
    callrail.hanging = callrail.hangingMax;
    const answer = await api.request('/healthz');
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: 'saturated', reason: 'webhooks of callrail hang' },
    ]);
    callrail.hanging = 0;
    expect((await api.request('/healthz')).status).toBe(200);
  });
});

describe('readyz and metrics', () => {
  it('want the token where one is set', async () => {
    const closed = await startApiApp({ OPS_TOKEN: TOKEN });
    for (const path of ['/readyz', '/metrics']) {
      expect([path, (await closed.app.request(path)).status]).toEqual([path, 401]);
      expect([path, (await closed.app.request(path, bearer('another'))).status]).toEqual([path, 401]);
      expect([path, (await closed.app.request(path, bearer(TOKEN))).status]).toEqual([path, 200]);
    }
    expect((await closed.app.request('/healthz')).status).toBe(200);
    await closed.stop();
  });

  it('are on a port of their own where one is set', async () => {
    const split = await startApiApp({ OPS_PORT: '9464' });
    const ops = operatorApp(split.deps);
    for (const path of ['/readyz', '/metrics']) {
      expect([path, (await split.app.request(path)).status]).toEqual([path, 404]);
      expect([path, (await ops.request(path)).status]).toEqual([path, 200]);
    }
    for (const app of [split.app, ops]) expect((await app.request('/healthz')).status).toBe(200);
    await split.stop();
  });

  it('count the rows at most every ten seconds, and say the rest while the database is away', async () => {
    const { db, close } = openDatabase(api.config.databaseUrl, { max: 1 });
    const registry = new Registry();
    registerInboxMetrics(registry, db);
    const company = await makeCompany(api.db);
    await company.call({ needsAttention: true });
    const first = await registry.metrics();
    expect(first).toContain('pipelines_needing_attention{kind="call"} 1');
    await close();
    // Nothing is asked: the connections are closed.
    expect(await registry.metrics()).toBe(first);

    const away = new Registry();
    registerInboxMetrics(away, db);
    expect(await away.metrics()).toContain('# TYPE inbox_events gauge');
  });
});

describe('readiness', () => {
  it('says that nothing can be written, although every query is answered', async () => {
    const database = await createTestDatabase();
    const { sql, close } = openDatabase(database.databaseUrl, { max: 1 });
    const name = new URL(database.databaseUrl).pathname.slice(1);
    await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    const reading = openDatabase(database.databaseUrl, { max: 1 });
    const readiness = createReadiness({
      db: reading.db,
      connection: api.connection,
      config: api.config,
    });
    const { ready, parts } = await readiness();
    expect(ready).toBe(false);
    expect(parts).toMatchObject({ database: { ok: true }, writes: { ok: false, reason: 'the server only reads' } });
    await reading.close();

    await sql.unsafe(`alter database ${name} reset default_transaction_read_only`);
    const writing = openDatabase(database.databaseUrl, { max: 1 });
    const again = createReadiness({ db: writing.db, connection: api.connection, config: api.config });
    expect((await again()).parts).toMatchObject({ writes: { ok: true } });
    await writing.close();
    await close();
    await database.drop();
  });

  it('tells of providers that are away and is ready all the same', async () => {
    await makeCompany(api.db, { callrailApiKey: 'a-key' });
    const host = `127.0.0.1:${await freePort()}`;
    const nobody = `http://${host}`;
    const { ready, parts } = await createReadiness({
      db: api.db,
      connection: api.connection,
      config: api.config,
      informative: {
        shunya: () => shunyaProblem({ baseUrl: nobody, apiKey: 'key' }),
        callrail: async () => ((await usesCallRailApi(api.db)) ? callrailProblem(nobody) : undefined),
      },
    })();
    const isAway = { ok: false, informative: true, reason: expect.stringContaining(`connection refused ${host}`) };
    expect(parts).toMatchObject({ shunya: isAway, callrail: isAway });
    const required = Object.values(parts).filter((part) => !part.informative);
    expect(ready).toBe(required.every((part) => part.ok));
  });
});
