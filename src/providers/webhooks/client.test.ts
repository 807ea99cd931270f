import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { createWebhookClient } from './client.ts';
import { newWebhookSecret } from './signature.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?who=me`;
}

const message = (url: string) => ({
  id: 'm1',
  url,
  secrets: [newWebhookSecret()],
  body: '{"type":"lead.updated","é":1}',
});
const local = createWebhookClient({ allowPrivate: true, timeoutMs: 300 });

describe('send', () => {
  it('posts the very bytes it signed', async () => {
    const seen: { url?: string; headers: IncomingMessage['headers']; body: string }[] = [];
    const url = await receiver(async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      seen.push({ url: request.url, headers: request.headers, body });
      response.writeHead(204).end();
    });
    const sent = message(url);
    expect(await local.send(sent)).toEqual({ ok: true, status: 204 });
    const [got] = seen;
    expect(got?.url).toBe('/hook?who=me');
    expect(got?.body).toBe(sent.body);
    // As a receiver does it.
    const received = new Webhook(sent.secrets[0] ?? '');
    const headers = got?.headers as Record<string, string>;
    expect(received.verify(got?.body ?? '', headers)).toEqual(JSON.parse(sent.body));
    expect(() => received.verify(`${got?.body} `, headers)).toThrow('No matching signature');
  });

  it('tells the status of a refusal and how long it asks to wait', async () => {
    const url = await receiver((_, response) => response.writeHead(429, { 'retry-after': '7' }).end());
    expect(await local.send(message(url))).toEqual({ ok: false, status: 429, error: 'http_429', retryAfterSeconds: 7 });
  });

  it('does not follow a redirect', async () => {
    const url = await receiver((_, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end());
    expect(await local.send(message(url))).toMatchObject({ ok: false, error: 'http_307' });
  });

  it('does not wait for an answer that never comes, nor for one that never ends', async () => {
    const silent = await receiver(() => {});
    expect(await local.send(message(silent))).toEqual({ ok: false, status: null, error: 'timeout' });
    const endless = await receiver((_, response) => void response.writeHead(200).write('…'));
    expect(await local.send(message(endless))).toEqual({ ok: true, status: 200 });
  });

  it('gives a code for a host that is not there', async () => {
    expect(await local.send(message('http://127.0.0.1:1/'))).toMatchObject({ error: 'econnrefused' });
    const unknown = await local.send(message('http://nowhere.invalid/'));
    expect(unknown).toMatchObject({ ok: false, error: expect.stringMatching(/^(enotfound|eai_again|timeout)$/) });
  });

  it('in production connects to no private address, whatever name leads there', async () => {
    const strict = createWebhookClient({ allowPrivate: false, timeoutMs: 2000 });
    for (const url of ['https://127.0.0.1/', 'http://example.com/', 'https://[::1]/'])
      expect(await strict.send(message(url))).toMatchObject({ error: 'address_not_allowed' });

    const asked: string[] = [];
    const rebound = createWebhookClient({
      allowPrivate: false,
      timeoutMs: 2000,
      resolve: (hostname, _, callback) => {
        asked.push(hostname);
        callback(null, [{ address: '169.254.169.254', family: 4 }]);
      },
    });
    const outcome = await rebound.send(message('https://hooks.example.com/'));
    expect(outcome).toEqual({ ok: false, status: null, error: 'address_not_allowed' });
    expect(asked).toEqual(['hooks.example.com']);
  });
});
