/** The company of a number is remembered from one event to the next, yet whatever changes it takes effect with the next one. */
import { createHmac, randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callTombstones, companies, webhookEvents } from '../../src/db/schema/index.ts';
import { deleteCompany } from '../../src/services/companies/delete.ts';
import { storeExpected } from '../../src/services/inbox/storeExpected.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

let api: ApiApp;
let admin: Awaited<ReturnType<ApiApp['as']>>;
beforeAll(async () => {
  api = await startApiApp();
  admin = await api.as('admin', undefined);
});
afterAll(() => api?.stop());

let numbers = 0;
async function newCompany(key: string) {
  const { body } = await admin.post('/companies', { name: 'Remembered Roofing', callrail_signing_keys: [key] });
  const id: string = body.data.id;
  numbers += 1;
  const number = `+1212555${String(7000 + numbers)}`;
  expect((await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: number })).status).toBe(201);
  return { id, number, key };
}

async function post({ number, key }: { number: string; key: string }, callId = `CAL${randomUUID()}`, note = '') {
  const body = JSON.stringify({ call_id: callId, tracking_number: number, duration: 0, note });
  const signature = createHmac('sha1', key).update(body).digest('base64');
  const answer = await api.request('/api/v1/callrail/call.missed', { method: 'POST', body, headers: { signature } });
  return {
    http: answer.status,
    ...((await answer.json()) as { status: unknown; event_id: string; duplicate?: boolean }),
  };
}

/** A company whose number was asked about, so that it is remembered. */
async function rememberedCompany(key = 'first key') {
  const company = await newCompany(key);
  for (let times = 0; times < 2; times += 1)
    expect(await post(company)).toMatchObject({ http: 200, status: 'accepted' });
  return company;
}

async function rowOf(eventId: string) {
  const [row] = await api.db.select().from(webhookEvents).where(eq(webhookEvents.id, eventId));
  return row;
}

describe('an event of a remembered number', () => {
  it('is stored as one that was looked up', async () => {
    const company = await newCompany('a key');
    const ids = [await post(company), await post(company)].map(({ event_id: id }) => id);
    const [first, second] = await Promise.all(ids.map(rowOf));
    const own = {
      id: '',
      sequence: 0,
      body: '',
      bodySha256: '',
      signature: '',
      providerCallId: '',
      workflowId: '',
      receivedAt: '',
      nextRingAt: '',
    };
    expect({ ...second, ...own }).toEqual({ ...first, ...own });
    for (const row of [first, second]) {
      expect(row?.workflowId).toBe(`call:${company.id}:${row?.providerCallId}`);
      const [hashed] = await api.db.execute(
        sql`select 1 from webhook_events where id = ${row?.id} and body_sha256 = encode(sha256(body), 'hex')`,
      );
      expect(hashed).toBeDefined();
    }
  });

  it('that comes again is a duplicate', async () => {
    const company = await rememberedCompany();
    const first = await post(company, 'CALtwice');
    expect(await post(company, 'CALtwice')).toEqual({ ...first, duplicate: true });
    const together = await Promise.all(Array.from({ length: 20 }, () => post(company, 'CALtwenty')));
    expect(new Set(together.map(({ event_id: id }) => id)).size).toBe(1);
    expect(together.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  });

  it('is verified with the keys that its company has now', async () => {
    const company = await rememberedCompany('old key');
    expect((await admin.patch(`/companies/${company.id}`, { callrail_signing_keys: ['new key'] })).status).toBe(200);
    expect((await post(company)).http).toBe(401);
    expect(await post({ ...company, key: 'new key' })).toMatchObject({ http: 200, status: 'accepted' });
    expect((await post(company)).http).toBe(401);
  });

  it('goes to the company that has the number now', async () => {
    const before = await rememberedCompany('key of one');
    const after = await newCompany('key of another');
    expect((await admin.delete(`/companies/${before.id}/tracking-numbers/${before.number}`)).status).toBe(204);
    expect(await post(before)).toMatchObject({ http: 200, status: 'unrouted' });
    const number = { phone_number: before.number };
    expect((await admin.post(`/companies/${after.id}/tracking-numbers`, number)).status).toBe(201);
    expect((await post(before)).http).toBe(401);
    const { event_id: id } = await post({ number: before.number, key: after.key });
    expect((await rowOf(id))?.companyId).toBe(after.id);
  });

  it('of a company that is gone is of nobody', async () => {
    const company = await rememberedCompany();
    await api.db.transaction((tx) => deleteCompany(tx, company.id));
    expect(await post(company)).toMatchObject({ http: 200, status: 'unrouted' });
  });

  it('waits for a removal that is under way, and is then of nobody', async () => {
    const company = await rememberedCompany();
    let waiting: ReturnType<typeof post> | undefined;
    await api.db.transaction(async (tx) => {
      await tx.select().from(companies).where(eq(companies.id, company.id)).for('update');
      waiting = post(company);
      await deleteCompany(tx, company.id);
    });
    const { event_id: id } = (await waiting) as Awaited<ReturnType<typeof post>>;
    expect((await rowOf(id))?.companyId ?? null).toBeNull();
  });

  it('of a call that another company has, whose key verifies it too, stays with that one', async () => {
    const one = await rememberedCompany('a key of both');
    const other = await rememberedCompany('a key of both');
    const call = `CAL${randomUUID()}`;
    await post(other, call);
    const { event_id: id } = await post(one, call);
    expect((await rowOf(id))?.companyId).toBe(other.id);
  });

  it('of a call that was deleted brings nothing back', async () => {
    const company = await rememberedCompany();
    const call = `CAL${randomUUID()}`;
    await api.db.insert(callTombstones).values({ companyId: company.id, providerCallId: call });
    const { event_id: id } = await post(company, call, 'private');
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'applied', companyId: company.id });
    expect(row?.body.toString()).not.toContain('private');
  });

  it('may have any text in its id and keys', async () => {
    const key = 'a "key", {with} \\ all, NULL';
    const company = await rememberedCompany(key);
    for (const call of ['a "call"', '{a,b}', 'back\\slash', 'null', "'; drop table calls; --", 'zwei\nZeilen']) {
      const { event_id: id } = await post(company, `${call} ${randomUUID()}`);
      expect((await rowOf(id))?.providerCallId).toMatch(call.slice(0, 3));
    }
  });
});

describe('many events at once', () => {
  it('are stored without reading the inbox, also by a plan that was made when it was empty', async () => {
    const { id: companyId, number: trackingNumber, key } = await newCompany('a key');
    const db = api.pools.webhooks;
    const store = async (count: number) => {
      const owner = { companyId, trackingNumber, keys: [key] };
      const events = Array.from({ length: count }, () => ({
        owner,
        route: 'call.missed',
        body: Buffer.from(randomUUID()),
        signature: 'signed',
        providerCallId: `CAL${randomUUID()}`,
        callrailCompanyId: null,
        callrailCompanyAlias: null,
        workflowId: '',
      }));
      expect(await storeExpected(db, events)).not.toContain(null);
    };
    const rowsRead = async () => {
      for (let connection = 0; connection < 12; connection += 1)
        await db.execute(sql`select pg_stat_force_next_flush()`);
      const [row] = await db.execute<{ rows: number }>(sql`
        select (t.seq_tup_read + sum(i.idx_tup_read))::int as rows
        from pg_stat_all_tables t join pg_stat_all_indexes i using (relid)
        where t.relname = 'webhook_events' group by t.relid, t.seq_tup_read`);
      return row?.rows ?? Number.NaN;
    };
    await db.execute(sql`truncate webhook_events`);
    await db.execute(sql`vacuum analyze webhook_events`);
    for (let times = 0; times < 60; times += 1) await store(2);
    for (let times = 0; times < 20; times += 1) await store(100);
    const before = await rowsRead();
    await store(2);
    expect((await rowsRead()) - before).toBe(0);
  });
});
