import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServerType, serve } from '@hono/node-server';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, followEvents, type LiveEvent } from '../../src/client/index.ts';
import { leads } from '../../src/db/schema/index.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let server: ServerType;
let company: CompanyRows;
let baseUrl: string;

beforeAll(async () => {
  api = await startApiApp();
  company = await makeCompany(api.db);
  await new Promise<void>((resolve) => {
    server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve());
  });
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  if ('closeAllConnections' in server) server.closeAllConnections();
  server.close();
  await api.stop();
});

const tokenOf = async (role: 'manager' | 'csr') =>
  (await api.as(role, company.companyId)).headers().authorization.replace('Bearer ', '');

describe('the typed client', () => {
  it('reads and writes with the types of the document', async () => {
    let asked = 0;
    const token = async () => {
      asked += 1;
      return tokenOf('manager');
    };
    const client = createClient({ baseUrl, token });
    const { leadId } = await company.lead({}, { status: 'hot' });
    const { data } = await client.GET('/api/v1/leads', { params: { query: { status: 'hot', limit: 5 } } });
    expect(data?.data.items[0]?.id).toBe(leadId);

    const made = await client.POST('/api/v1/appointments', {
      params: { header: { 'Idempotency-Key': 'k1' } },
      body: { lead_id: leadId, scheduled_start: '2030-01-01T10:00:00Z' },
    });
    expect([made.response.status, made.data?.data.duration_minutes]).toEqual([201, 60]);

    const patched = await client.PATCH('/api/v1/leads/{id}', {
      params: { path: { id: leadId }, header: { 'If-Match': '"stale"' } },
      body: { notes: 'x' },
    });
    expect(patched.error?.code).toBe('stale');
    expect(asked).toBe(3);
  });

  it('follows what changes, and comes back where it was', async () => {
    const client = createClient({ baseUrl, token: await tokenOf('manager') });
    const { leadId } = await company.lead({}, { status: 'new' });
    const stop = new AbortController();
    const seen: LiveEvent[] = [];
    const following = (async () => {
      for await (const event of followEvents(client, stop.signal)) seen.push(event);
    })();
    const setStatus = (status: 'hot' | 'cold') =>
      api.db.update(leads).set({ status, updatedAt: new Date() }).where(eq(leads.id, leadId));
    const statuses = () =>
      seen.map((event) => (event.kind === 'lead' && event.id === leadId ? event.data?.status : ''));

    await expect.poll(() => seen[0], { timeout: 20_000 }).toEqual({ kind: 'ready' });
    await setStatus('hot');
    await expect.poll(statuses, { timeout: 20_000 }).toContain('hot');

    // The connection breaks, and something happens meanwhile.
    if ('closeAllConnections' in server) server.closeAllConnections();
    await setStatus('cold');
    await expect.poll(statuses, { timeout: 20_000 }).toContain('cold');
    expect(seen.some(({ kind }) => kind === 'reset')).toBe(false);
    stop.abort();
    await Promise.race([following, delay(5000).then(() => expect.fail('it does not end'))]);
  });

  it('goes on after a token that was refused once: the next one is asked for', async () => {
    const tokens = ['expired', await tokenOf('manager')];
    const client = createClient({ baseUrl, token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) ?? '' });
    const stop = new AbortController();
    for await (const event of followEvents(client, stop.signal)) {
      expect(event).toEqual({ kind: 'ready' });
      stop.abort();
    }
    expect(tokens).toHaveLength(1);
  });

  it('gives up where the API refuses', async () => {
    const client = createClient({ baseUrl, token: 'not a token' });
    const follow = async () => {
      for await (const _ of followEvents(client)) expect.fail('an event without a token');
    };
    await expect(follow()).rejects.toThrow('401');
  });
});
