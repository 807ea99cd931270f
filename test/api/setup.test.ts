import { randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callTombstones, companies, webhookEvents } from '../../src/db/schema/index.ts';
import { requireTimeZone } from '../../src/services/companies/timeZone.ts';
import { routeWaitingEvents } from '../../src/services/inbox/reroute.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;

type List = { items: { id: string }[]; next_cursor: string | null };

let api: ApiApp;
let admin: Caller;

beforeAll(async () => {
  api = await startApiApp();
  admin = await api.as('admin', undefined);
});
afterAll(() => api.stop());

let numbers = 0;
const newNumber = () => {
  numbers += 1;
  return `+1555${String(1_000_000 + numbers)}`;
};
const newCompany = async (body: object = {}) => (await admin.post('/companies', { name: 'Acme', ...body })).body.data;

describe('companies', () => {
  it('have a time zone that code and database both know, by its present name', async () => {
    for (const zone of ['EST', 'PST', 'CET', 'EST5EDT', '-05:00', 'Etc/GMT+5', 'Mars/Base']) {
      const refused = await admin.post('/companies', { name: 'x', time_zone: zone });
      expect([zone, refused.status, refused.body.errors?.[0]?.path]).toEqual([zone, 422, 'time_zone']);
    }
    const { id, time_zone } = await newCompany({ time_zone: 'US/Eastern' });
    expect(time_zone).toBe('America/New_York');
    const change = async (zone: string) => (await admin.patch(`/companies/${id}`, { time_zone: zone })).body;
    expect((await change('Asia/Calcutta')).data.time_zone).toBe('Asia/Kolkata');
    expect((await change('MST')).status).toBe(422);
    expect((await change('Etc/UTC')).data.time_zone).toBe('UTC');
    const [row] = await api.db.select().from(companies).where(eq(companies.id, id));
    expect(row?.timeZone).toBe('UTC');

    // A database that lacks a zone, as the Postgres images do that come without former names.
    await api.db.transaction(async (tx) => {
      await tx.execute(sql`create temp view pg_timezone_names as
        select * from pg_catalog.pg_timezone_names where name not in ('Asia/Kolkata', 'Europe/Kyiv', 'Europe/Kiev')`);
      expect(await requireTimeZone(tx, 'Asia/Kolkata')).toBe('Asia/Calcutta');
      await expect(requireTimeZone(tx, 'Europe/Kyiv')).rejects.toMatchObject({ code: 'invalid_request' });
      await tx.execute(sql`drop view pg_timezone_names`);
    });
  });

  it('keeps keys to itself', async () => {
    const made = await admin.post('/companies', {
      name: '  Acme Roofing ',
      callrail_signing_keys: ['key-one', 'key-two'],
      callrail_api_key: 'api-key',
      callrail_company_id: 'COM1',
    });
    expect(made.status).toBe(201);
    expect(made.body.data).toMatchObject({
      name: 'Acme Roofing',
      time_zone: 'America/New_York',
      callrail_company_id: 'COM1',
      callrail_signing_key_count: 2,
      has_callrail_api_key: true,
      shunya_company_id: null,
    });
    const read = await admin.get(`/companies/${made.body.data.id}`);
    expect(read.body.data).toEqual(made.body.data);
    expect(JSON.stringify(read.body)).not.toMatch(/key-one|key-two|"api-key"/);
    const [row] = await api.db.select().from(companies).where(eq(companies.id, made.body.data.id));
    expect(row).toMatchObject({ callrailSigningKeys: ['key-one', 'key-two'], callrailApiKey: 'api-key' });
  });

  it('takes an id, once, and one CallRail id, once', async () => {
    const id = `org_${randomUUID().slice(0, 8)}`;
    expect((await newCompany({ id, callrail_company_id: `C${id}` })).id).toBe(id);
    expect((await admin.post('/companies', { id, name: 'Again' })).status).toBe(409);
    expect((await admin.post('/companies', { name: 'Other', callrail_company_id: `C${id}` })).status).toBe(409);
    expect((await admin.post('/companies', { id: 'a:b', name: 'Colon' })).status).toBe(422);
  });

  it('changes what is named, and refuses a change of something older', async () => {
    const { id } = await newCompany({ callrail_signing_keys: ['k'], callrail_account_id: 'A1' });
    const read = await admin.get(`/companies/${id}`);
    const etag = read.headers.get('etag') ?? '';
    const changed = await admin.patch(
      `/companies/${id}`,
      { name: 'New', callrail_account_id: null },
      { 'if-match': etag },
    );
    expect(changed.status).toBe(200);
    expect(changed.body.data).toMatchObject({ name: 'New', callrail_account_id: null, callrail_signing_key_count: 1 });
    const stale = await admin.patch(`/companies/${id}`, { name: 'Newer' }, { 'if-match': etag });
    expect([stale.status, stale.body.code]).toEqual([412, 'stale']);
    const byTime = { 'if-match': `"${changed.body.data.updated_at}"` };
    expect((await admin.patch(`/companies/${id}`, { name: 'Newer' }, byTime)).status).toBe(200);
    expect((await admin.patch(`/companies/${id}`, { name: 'Any' }, { 'if-match': '*' })).status).toBe(200);
    expect((await admin.patch('/companies/unknown', { name: 'X' })).status).toBe(404);
  });

  it('shows a manager the own company alone', async () => {
    const [mine, other] = [await newCompany(), await newCompany()];
    const manager = await api.as('manager', mine.id);
    expect((await manager.get('/companies')).body.data).toMatchObject({ total: 1, items: [{ id: mine.id }] });
    expect((await manager.get(`/companies/${mine.id}`)).status).toBe(200);
    for (const path of ['', '/tracking-numbers', '/users'])
      expect((await manager.get(`/companies/${other.id}${path}`)).status).toBe(404);
    const lost = await api.as('manager', 'no-such-company');
    expect((await lost.get('/companies')).body).toEqual({ data: { items: [], total: 0, next_cursor: null } });
  });

  it('pages through a list that grows, seeing each row once', async () => {
    for (let i = 0; i < 5; i += 1) await newCompany({ name: `P${i}` });
    const seen: string[] = [];
    const { total } = (await admin.get('/companies')).body.data;
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: List = (await admin.get(`/companies?limit=2&cursor=${cursor}`)).body.data;
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor;
      await newCompany({ name: 'arrives meanwhile' });
      if (seen.length > 500) break;
    }
    expect(seen.length).toBe(total);
    expect(new Set(seen).size).toBe(total);
  });
});

describe('tracking numbers', () => {
  it('belong to one company', async () => {
    const [one, two] = [await newCompany(), await newCompany()];
    const phone = newNumber();
    const local = `(${phone.slice(2, 5)}) ${phone.slice(5, 8)}-${phone.slice(8)}`;
    const made = await admin.post(`/companies/${one.id}/tracking-numbers`, { phone_number: local, label: 'Web' });
    expect([made.status, made.body.data.phone_number]).toEqual([201, phone]);
    for (const { id } of [one, two]) {
      const again = await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone });
      expect([again.status, again.body.code]).toEqual([409, 'phone_number_taken']);
    }
    expect((await admin.get(`/companies/${one.id}/tracking-numbers`)).body.data).toMatchObject({
      total: 1,
      items: [{ phone_number: phone, label: 'Web' }],
    });
    expect((await admin.delete(`/companies/${two.id}/tracking-numbers/${phone}`)).status).toBe(404);
    expect((await admin.delete(`/companies/${one.id}/tracking-numbers/${encodeURIComponent(phone)}`)).status).toBe(204);
    expect((await admin.delete(`/companies/${one.id}/tracking-numbers/${phone}`)).status).toBe(404);
    expect((await admin.post(`/companies/${two.id}/tracking-numbers`, { phone_number: phone })).status).toBe(201);
  });

  it('must be numbers, of companies that are', async () => {
    const { id } = await newCompany();
    const wrong = await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: 'anonymous' });
    expect([wrong.status, wrong.body.errors[0].path]).toEqual([422, 'phone_number']);
    expect((await admin.post('/companies/unknown/tracking-numbers', { phone_number: newNumber() })).status).toBe(404);
    expect((await admin.get('/companies/unknown/tracking-numbers')).status).toBe(404);
  });

  it('let waiting webhooks through', async () => {
    const { id } = await newCompany();
    const phone = newNumber();
    const body = JSON.stringify({ call_id: `CAL-${phone}`, tracking_number: phone, caller_number: '+15550001111' });
    const answer = await api.request('/api/v1/callrail/call.incoming', { method: 'POST', body });
    const { status, event_id } = (await answer.json()) as { status: string; event_id: string };
    expect(status).toBe('unrouted');
    const before = api.state.reroutes;
    await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone });
    // The answer does not wait for them: the relay takes them up.
    expect(api.state.reroutes).toBe(before + 1);
    await routeWaitingEvents(api.db, api.config, 0);
    const [event] = await api.db.select().from(webhookEvents).where(eq(webhookEvents.id, event_id));
    expect(event).toMatchObject({ status: 'pending', companyId: id });
  });

  it('let what waits of a deleted call through without its content, and ring nobody', async () => {
    const { id } = await newCompany();
    const phone = newNumber();
    const call = `CAL-${phone}`;
    const body = JSON.stringify({ call_id: call, tracking_number: phone, caller_number: '+15550001112' });
    const answer = await api.request('/api/v1/callrail/call.incoming', { method: 'POST', body });
    const { event_id } = (await answer.json()) as { event_id: string };
    await api.db.insert(callTombstones).values({ companyId: id, providerCallId: call });
    await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone });
    await routeWaitingEvents(api.db, api.config, 0);
    const [event] = await api.db.select().from(webhookEvents).where(eq(webhookEvents.id, event_id));
    expect(event).toMatchObject({ status: 'applied', reason: 'call_deleted', companyId: id, callerNumber: null });
    expect(event?.body).toHaveLength(0);
  });
});

describe('users', () => {
  it('are unique within a company, with lower-case emails', async () => {
    const [one, two] = [await newCompany(), await newCompany()];
    const user = { id: 'u-1', role: 'csr', name: 'Dana', email: 'Dana@Acme.Example' };
    const made = await admin.post(`/companies/${one.id}/users`, user);
    expect([made.status, made.body.data]).toMatchObject([201, { id: 'u-1', email: 'dana@acme.example', role: 'csr' }]);
    expect((await admin.post(`/companies/${one.id}/users`, user)).status).toBe(409);
    expect((await admin.post(`/companies/${two.id}/users`, user)).status).toBe(201);
    expect((await admin.post(`/companies/${one.id}/users`, { ...user, id: 'u-2', role: 'boss' })).status).toBe(422);

    const changed = await admin.patch(`/companies/${one.id}/users/u-1`, { name: 'Dana R', email: null });
    expect(changed.body.data).toMatchObject({ name: 'Dana R', email: null, role: 'csr' });
    expect((await admin.patch(`/companies/${one.id}/users/u-9`, { name: 'X' })).status).toBe(404);

    const csr = await api.as('csr', one.id);
    expect((await csr.get(`/companies/${one.id}/users`)).body.data.items).toMatchObject([{ name: 'Dana R' }]);
    expect((await csr.get(`/companies/${two.id}/users`)).status).toBe(404);
    expect((await (await api.as('csr', 'ghost')).get('/companies/ghost/users')).body.data.total).toBe(0);
  });
});

describe('Idempotency-Key', () => {
  const key = () => ({ 'idempotency-key': randomUUID() });

  it('answers a repeat the same and does nothing again', async () => {
    const headers = key();
    const body = { name: 'Once' };
    const first = await admin.post('/companies', body, headers);
    const again = await admin.post('/companies', body, headers);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    const other = await admin.post('/companies', { name: 'Other' }, headers);
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_key_reused']);
  });

  it('is scoped to user and route', async () => {
    const headers = key();
    const body = { name: 'Scoped' };
    const mine = await admin.post('/companies', body, headers);
    const theirs = await (await api.as('admin', undefined, 'another')).post('/companies', body, headers);
    expect(theirs.body.data.id).not.toBe(mine.body.data.id);
    const number = { phone_number: newNumber() };
    for (const company of [mine, theirs]) {
      const answer = await admin.post(`/companies/${company.body.data.id}/tracking-numbers`, number, headers);
      expect(answer.status).toBe(company === mine ? 201 : 409);
    }
  });

  it('makes one of many that come at once', async () => {
    const headers = key();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => admin.post('/companies', { name: 'Race' }, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ body }) => body.data.id)).size).toBe(1);
  });

  it('repeats a refusal too, and forgets what was never carried out', async () => {
    const { id } = await newCompany();
    const phone = newNumber();
    await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone });
    const headers = key();
    const refuse = () => admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone }, headers);
    expect((await refuse()).status).toBe(409);
    await admin.delete(`/companies/${id}/tracking-numbers/${phone}`);
    const again = await refuse();
    expect([again.status, again.body.code]).toEqual([409, 'phone_number_taken']);
    expect(again.headers.get('content-type')).toBe('application/problem+json');

    const invalid = key();
    expect((await admin.post('/companies', {}, invalid)).status).toBe(422);
    expect((await admin.post('/companies', { name: 'Mended' }, invalid)).status).toBe(201);
    expect((await admin.post('/companies', { name: 'X' }, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(422);
  });
});
