/** What strangers can make us keep is bounded, and costs the same whatever came before. */
import { createHmac, randomUUID } from 'node:crypto';
import { eq, inArray, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { companies, trackingNumbers, webhookEvents } from '../../src/db/schema/index.ts';
import { pruneStrays, type StrayBounds } from '../../src/services/inbox/pruneStrays.ts';
import { routeWaitingEvents } from '../../src/services/inbox/reroute.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { eventually } from '../harness/poll.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());

const sign = (body: string, key: string) => createHmac('sha1', key).update(body).digest('base64');
let numbers = 0;
const newNumber = () => {
  numbers += 1;
  return `+1212555${1000 + numbers}`;
};

async function newCompany(key = 'key') {
  const id = `co-${randomUUID().slice(0, 8)}`;
  const number = newNumber();
  await api.db.insert(companies).values({ id, name: id, callrailSigningKeys: [key] });
  await api.db.insert(trackingNumbers).values({ companyId: id, phoneNumber: number });
  return { id, number };
}

async function post(payload: object, signature?: string) {
  const body = JSON.stringify(payload);
  const headers = signature ? { signature: sign(body, signature) } : undefined;
  const answer = await api.request('/api/v1/callrail/call.completed', { method: 'POST', body, headers });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const statusOf = async (id: unknown) =>
  (
    await api.db
      .select({ status: webhookEvents.status })
      .from(webhookEvents)
      .where(eq(webhookEvents.id, String(id)))
  )[0]?.status;

const WIDE = { rows: 1_000_000, bytes: 1e12 };
const bounds = (narrow: Partial<StrayBounds>): StrayBounds => ({
  perCall: WIDE,
  perNumber: WIDE,
  perCompany: WIDE,
  inAll: WIDE,
  ...narrow,
});

describe('events that take no effect', () => {
  it('say why', async () => {
    expect((await post({ call_id: randomUUID(), tracking_number: newNumber() })).body).toMatchObject({
      status: 'unrouted',
      reason: 'unknown_number',
    });
    expect((await post({ caller_number: newNumber(), n: randomUUID() })).body).toMatchObject({
      status: 'invalid',
      reason: 'no_call_id',
    });
  });

  it('are kept twenty to a call, the newest of those that can be verified', async () => {
    const call_id = randomUUID();
    const tracking_number = newNumber();
    const genuine = await post({ call_id, tracking_number, n: 'genuine' }, 'a key of later');
    for (let n = 0; n < 60; n += 1) await post({ call_id, tracking_number, n });
    await pruneStrays(api.db, { days: 30 });
    const kept = await api.db.$count(webhookEvents, eq(webhookEvents.providerCallId, call_id));
    expect(kept).toBe(20);
    expect(await statusOf(genuine.body.event_id)).toBe('unrouted');
  });

  it('make room, large ones first, then the oldest; accepted ones are never touched', async () => {
    const { id, number } = await newCompany();
    const accepted = await post({ call_id: randomUUID(), tracking_number: number, pad: 'x'.repeat(70_000) }, 'key');
    const forged = async (pad: number) => {
      const call_id = randomUUID();
      await post({ call_id, tracking_number: number, pad: 'x'.repeat(pad) }, 'forged');
      return call_id;
    };
    const [oldest, large, ...rest] = [await forged(0), await forged(70_000), await forged(0), await forged(0)];
    const kept = async () =>
      (
        await api.db
          .select({ call: webhookEvents.providerCallId })
          .from(webhookEvents)
          .where(sql`company_id = ${id} and status = 'rejected'`)
      ).map(({ call }) => call);
    await pruneStrays(api.db, { days: 30, bounds: bounds({ perCompany: { rows: 3, bytes: 1e9 } }) });
    expect(await kept()).toEqual(expect.arrayContaining([oldest, ...rest]));
    expect(await kept()).not.toContain(large);
    await pruneStrays(api.db, { days: 30, bounds: bounds({ perCompany: { rows: 2, bytes: 1e9 } }) });
    expect((await kept()).sort()).toEqual([...rest].sort());
    expect(await statusOf(accepted.body.event_id)).toBe('pending');
  });

  it('go when they are too old', async () => {
    const { body } = await post({ call_id: randomUUID(), tracking_number: newNumber() });
    const id = String(body.event_id);
    await api.db
      .update(webhookEvents)
      .set({ receivedAt: sql`now() - interval '29 days'` })
      .where(eq(webhookEvents.id, id));
    await pruneStrays(api.db, { days: 30 });
    expect(await statusOf(id)).toBe('unrouted');
    await pruneStrays(api.db, { days: 28 });
    expect(await statusOf(id)).toBeUndefined();
  });

  it('keep 64 KB of a body that names no call, and all of one that may take effect', async () => {
    const pad = 'x'.repeat(100_000);
    const nameless = await post({ pad, n: randomUUID() });
    const unrouted = await post({ pad, call_id: randomUUID(), tracking_number: newNumber() });
    const sizeOf = async (id: unknown) =>
      (
        await api.db.execute<{ size: number }>(
          sql`select octet_length(body) as size from webhook_events where id = ${String(id)}`,
        )
      )[0]?.size;
    expect(await sizeOf(nameless.body.event_id)).toBe(64 * 1024);
    expect(await sizeOf(unrouted.body.event_id)).toBeGreaterThan(100_000);
    expect((await post({ pad: 1 })).body).toMatchObject({ status: 'invalid', duplicate: false });
  });

  it('leave room for a genuine one: after a key was changed it is kept, and goes through once the key is mended', async () => {
    const { id, number } = await newCompany('old key');
    const flood = Array.from({ length: 1200 }, (_, n) => post({ call_id: `junk-${n}`, tracking_number: number }));
    for (const answer of await Promise.all(flood)) expect(answer.status).toBe(401);
    const call_id = randomUUID();
    expect((await post({ call_id, tracking_number: number }, 'new key')).status).toBe(401);
    // The service prunes by itself meanwhile, and only one does so at a time.
    await eventually(async () => {
      await pruneStrays(api.db, { days: 30 });
      expect(await api.db.$count(webhookEvents, eq(webhookEvents.companyId, id))).toBe(1000);
    });
    await api.db
      .update(companies)
      .set({ callrailSigningKeys: ['new key'] })
      .where(eq(companies.id, id));
    const [kept] = await api.db
      .select({ id: webhookEvents.id })
      .from(webhookEvents)
      .where(eq(webhookEvents.providerCallId, call_id));
    const admin = await api.as('admin', undefined);
    const redriven = await admin.post(`/webhook-events/${kept?.id}/redrive`, {});
    expect(redriven).toMatchObject({ status: 202, body: { data: { status: 'pending' } } });
  });
});

describe('what waited for a number', () => {
  it('is taken up fifty at a time, in order, until nothing is left', async () => {
    const phone = newNumber();
    const calls = Array.from({ length: 120 }, () => randomUUID());
    await Promise.all(calls.map((call_id) => post({ call_id, tracking_number: phone }, 'key')));
    const { id } = await newCompany();
    const admin = await api.as('admin', undefined);
    expect((await admin.post(`/companies/${id}/tracking-numbers`, { phone_number: phone })).status).toBe(201);
    const rounds: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const { routed, next } = await routeWaitingEvents(api.db, api.config, after);
      rounds.push(routed);
      after = next;
    }
    expect(rounds).toEqual([50, 50, 20]);
    const rows = await api.db
      .select({ status: webhookEvents.status, companyId: webhookEvents.companyId })
      .from(webhookEvents)
      .where(inArray(webhookEvents.providerCallId, calls));
    expect(new Set(rows.map((row) => `${row.status} ${row.companyId}`))).toEqual(new Set([`pending ${id}`]));
  });
});
