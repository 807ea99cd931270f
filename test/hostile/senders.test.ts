/** Senders that are slow, break off, send too much or too many at once: each costs itself only. */
import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signCallRail } from '../../simulators/callrail.ts';
import { type ApiApp, serveApp, startApiApp } from '../harness/apiApp.ts';
import { eventually } from '../harness/poll.ts';
import { exchangeRaw, openRaw, rawRequest, statusesOf } from '../harness/rawHttp.ts';
import { makeCompany } from '../harness/rows.ts';

const TARGET = 'POST /api/v1/callrail/call.completed';
const SIGNING_KEY = 'a signing key of the tests';
const NUMBER = '+12125550190';
/** More than the handlers that may hang before webhooks are refused. */
const SLOW_SENDERS = 520;

let api: ApiApp;
let http: Awaited<ReturnType<typeof serveApp>>;

beforeAll(async () => {
  api = await startApiApp();
  http = await serveApp(api);
  const company = await makeCompany(api.db);
  const admin = await api.as('admin', undefined);
  expect((await admin.patch(`/companies/${company.companyId}`, { callrail_signing_keys: [SIGNING_KEY] })).status).toBe(
    200,
  );
  const added = await admin.post(`/companies/${company.companyId}/tracking-numbers`, { phone_number: NUMBER });
  expect(added.status).toBe(201);
});
afterAll(async () => {
  await http?.stop();
  await api?.stop();
});

/** A signed event of a call of its own. */
function genuine() {
  const body = JSON.stringify({
    call_id: `CAL${randomUUID()}`,
    caller_number: '+12125550191',
    tracking_number: NUMBER,
  });
  return { body, headers: { signature: signCallRail(body, SIGNING_KEY), 'content-type': 'application/json' } };
}

async function sendGenuine(path = '/api/v1/callrail/call.completed'): Promise<number> {
  const answer = await fetch(`${http.url}${path}`, { method: 'POST', ...genuine() });
  await answer.text();
  return answer.status;
}

const openMany = (count: number) => Promise.all(Array.from({ length: count }, () => openRaw(http.port)));

describe('slow senders', () => {
  it('are closed in time, and a genuine webhook is taken while they are there and afterwards', async () => {
    const declared = await openMany(SLOW_SENDERS);
    for (const each of declared) each.send(rawRequest(TARGET, { headers: { 'Content-Length': 1000 } }));
    const chunked = await openMany(SLOW_SENDERS);
    for (const each of chunked) each.send(rawRequest(TARGET, { headers: { 'Transfer-Encoding': 'chunked' } }));
    const callbacks = await openMany(60);
    for (const each of callbacks)
      each.send(rawRequest('POST /api/v1/shunya/webhook', { headers: { 'Content-Length': 1000 } }));
    const heads = await openMany(200);
    for (const each of heads) each.send(`${TARGET} HTTP/1.1\r\nHost: api.test\r\nX-Slow: `);
    const silent = await openMany(200);

    const slow = [...declared, ...chunked, ...callbacks, ...heads];
    const trickle = setInterval(() => {
      for (const each of [...declared, ...callbacks]) each.send('{');
      for (const each of chunked) each.send('1\r\n{\r\n');
      for (const each of heads) each.send('x');
    }, 1000);
    const statuses: number[] = [];
    const sending = setInterval(() => void sendGenuine().then((status) => statuses.push(status)), 200);
    try {
      const received = await Promise.all(slow.map((each) => each.closed));
      await Promise.all(silent.map((each) => each.closed));
      const answers = received.flatMap((text) => statusesOf(text)[0] ?? 'none');
      expect(new Set(answers)).toEqual(new Set([408]));
    } finally {
      clearInterval(trickle);
      clearInterval(sending);
    }
    for (let turn = 0; turn < 20; turn += 1) statuses.push(await sendGenuine());
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(statuses.length).toBeGreaterThan(30);
    expect(await (await fetch(`${http.url}/healthz`)).json()).toMatchObject({ status: 'ok' });
  });

  it('that do not read their answer are let go', async () => {
    const own = await serveApp(api, { stalledMs: 500 });
    const reader = await openRaw(own.port);
    reader.socket.pause();
    // As many answers as no buffer in between holds.
    for (let turn = 0; turn < 500; turn += 1) reader.send(rawRequest('GET /openapi.json'));
    expect(await own.connections()).toBe(1);
    await eventually(async () => expect(await own.connections()).toBe(0), 20);
    reader.socket.destroy();
    await own.stop();
  });
});

describe('senders that break off', () => {
  it('are logged as what they are, and are no failure of the service', async () => {
    api.logs.length = 0;
    const connections = await openMany(20);
    for (const each of connections) each.send(rawRequest(TARGET, { headers: { 'Content-Length': 1000 }, body: '{' }));
    await eventually(async () => {
      for (const each of connections) each.socket.destroy();
      expect(api.logs.filter((line) => line.includes('closed the connection')).length).toBe(20);
    });
    expect(api.logs.filter((line) => line.includes('"level":50'))).toEqual([]);
    expect(await api.deps.metricsRegistry.metrics()).not.toMatch(/status="50\d"/);
    expect(await sendGenuine()).toBe(200);
  });
});

describe('senders of too much', () => {
  it('are refused as soon as it shows, with or without a length', async () => {
    const declared = await exchangeRaw(http.port, rawRequest(TARGET, { headers: { 'Content-Length': 2 ** 40 } }));
    expect(statusesOf(declared)).toEqual([413]);
    const chunked = await openRaw(http.port);
    chunked.send(rawRequest(TARGET, { headers: { 'Transfer-Encoding': 'chunked' } }));
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 20; sent += 1) chunked.send(chunk);
    expect(statusesOf(await chunked.closed)[0]).toBe(413);
    expect(await sendGenuine()).toBe(200);
  });

  it('that send one byte less and wait hold a bounded memory', async () => {
    const held = await openMany(100);
    const head = rawRequest(TARGET, { headers: { 'Content-Length': 1024 * 1024 } });
    for (const each of held) each.send(head + ' '.repeat(300 * 1024));
    const refused = () => held.filter((each) => statusesOf(each.received())[0] === 503).length;
    await eventually(() => expect(refused()).toBeGreaterThanOrEqual(36));
    expect(await sendGenuine()).toBe(200);
    for (const each of held) each.socket.destroy();
  });
});

describe('many requests on few connections', () => {
  it('are answered in order when they are pipelined', async () => {
    const requests = Array.from({ length: 50 }, (_, index) =>
      rawRequest('GET /healthz', {
        headers: { 'X-Request-Id': `pipelined-${index}`, ...(index === 49 && { Connection: 'close' }) },
      }),
    );
    const received = await exchangeRaw(http.port, requests.join(''));
    expect(statusesOf(received)).toEqual(Array.from({ length: 50 }, () => 200));
    const ids = [...received.matchAll(/^x-request-id: (.+)\r$/gim)].map((match) => match[1]);
    expect(ids).toEqual(Array.from({ length: 50 }, (_, index) => `pipelined-${index}`));
  });

  it('more connections than there is room for: those idle longest are closed, no newcomer', async () => {
    const own = await serveApp(api, { connectionsMax: 50 });
    const connections = await Promise.all(Array.from({ length: 50 }, () => openRaw(own.port)));
    const newcomers = await Promise.all(Array.from({ length: 10 }, () => openRaw(own.port)));
    await eventually(() => expect(connections.filter(({ socket }) => socket.closed).length).toBe(10));
    for (const each of newcomers) each.send(rawRequest('GET /healthz'));
    await eventually(() =>
      expect(newcomers.map((each) => statusesOf(each.received()))).toEqual(newcomers.map(() => [200])),
    );
    await own.stop();
  });

  it('keeps a connection longer than any balancer in front does', async () => {
    const agent = new Agent({ keepAlive: true });
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      httpRequest(`${http.url}/healthz`, { agent }, (response) => {
        response.resume();
        resolve(response.headers);
      })
        .on('error', reject)
        .end();
    });
    agent.destroy();
    expect(headers['keep-alive']).toBe('timeout=620');
  });
});
