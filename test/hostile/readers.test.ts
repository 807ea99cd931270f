/** Readers, however many and however heavy, do not get in the way of webhooks, of writers or of one another. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { eventually } from '../harness/poll.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let company: CompanyRows;

beforeAll(async () => {
  api = await startApiApp();
  company = await makeCompany(api.db);
});
afterAll(() => api?.stop());

/** While it runs, every reader of leads waits for the table. */
async function whileLeadsWait<T>(work: () => Promise<T>): Promise<T> {
  const { sql: locker, close } = openDatabase(api.config.databaseUrl, { max: 1 });
  try {
    let result: T | undefined;
    await locker.begin(async (tx) => {
      await tx`lock table leads in access exclusive mode`;
      result = await work();
    });
    return result as T;
  } finally {
    await close();
  }
}

const sendWebhook = async () => {
  const body = JSON.stringify({ call_id: `CAL${randomUUID()}`, tracking_number: '+12125550123' });
  return (await api.request('/api/v1/callrail/call.completed', { method: 'POST', body })).status;
};

describe('readers that wait for the database', () => {
  it('leave webhooks, writers and metrics alone, and are told within seconds', async () => {
    const readers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => api.as('manager', company.companyId, `reader-${index}`)),
    );
    const admin = await api.as('admin', undefined);
    const startedAt = Date.now();
    const reading = await whileLeadsWait(async () => {
      const answers = readers.map((reader) => reader.get('/leads'));
      for (let turn = 0; turn < 20; turn += 1) expect(await sendWebhook()).toBe(200);
      expect((await admin.post('/companies', { name: 'Made meanwhile' })).status).toBe(201);
      expect((await api.request('/metrics')).status).toBe(200);
      // They were slow because of the table: with all of it done they still wait.
      expect(Date.now() - startedAt).toBeLessThan(4000);
      return Promise.all(answers);
    });
    for (const { status, headers, body } of reading) {
      expect([status, body.code]).toEqual([503, 'unavailable']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await readers[0]?.get('/leads'))?.status).toBe(200);
  });

  it('of one person, only so many are under way: the others are 429', async () => {
    const reader = await api.as('csr', company.companyId, 'impatient');
    const statuses = await whileLeadsWait(async () => {
      const answers = Array.from({ length: 30 }, () => reader.get('/leads'));
      const refused: number[] = [];
      for (const answer of answers)
        void answer.then(({ status, headers, body }) => {
          if (status === 429) refused.push(Number(headers.get('retry-after')));
          if (status === 429) expect(body.code).toBe('too_many_requests');
        });
      await eventually(() => expect(refused).toEqual(Array.from({ length: 10 }, () => 1)), 3);
      const colleague = await api.as('csr', company.companyId, 'patient');
      expect((await colleague.get('/contacts')).status).toBe(200);
      return Promise.all(answers.map(async (answer) => (await answer).status));
    });
    expect(statuses.filter((status) => status === 429).length).toBe(10);
    expect((await reader.get('/leads')).status).toBe(200);
  });
});

describe('a query that takes too long', () => {
  it('is cancelled after seconds for a reader', async () => {
    const startedAt = Date.now();
    const error = await api.pools.reads.execute(sql`select pg_sleep(30)`).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: '57014' } });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('exports', () => {
  it('of one person, two at a time; one that is read or given up makes room', async () => {
    await Promise.all(Array.from({ length: 3 }, () => company.lead()));
    const reader = await api.as('manager', company.companyId, 'exporter');
    const open = () => api.request('/api/v1/exports/leads', { headers: reader.headers() });
    const [first, second] = await Promise.all([open(), open()]);
    const third = await open();
    expect(third.status).toBe(429);
    expect(await third.json()).toMatchObject({ code: 'too_many_exports' });
    expect(third.headers.get('retry-after')).toBe('10');
    await first?.body?.cancel();
    const fourth = await open();
    expect(fourth.status).toBe(200);
    expect((await second?.text())?.split('\r\n').length).toBeGreaterThanOrEqual(4);
    expect((await open()).status).toBe(200);
    await fourth.body?.cancel();
  });
});
