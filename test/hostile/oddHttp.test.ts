/** Odd HTTP: what is honest is taken, what is not is refused, and nothing is answered with 5xx. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiApp, serveApp, startApiApp } from '../harness/apiApp.ts';
import { exchangeRaw, openRaw, rawRequest, statusesOf } from '../harness/rawHttp.ts';

const PATH = '/api/v1/callrail/call.completed';
const event = () => JSON.stringify({ call_id: `CAL${randomUUID()}`, tracking_number: '+12125550170' });

let api: ApiApp;
let http: Awaited<ReturnType<typeof serveApp>>;
beforeAll(async () => {
  api = await startApiApp();
  http = await serveApp(api);
});
afterAll(async () => {
  await http?.stop();
  await api?.stop();
});

const statusOf = async (text: string | Buffer) => statusesOf(await exchangeRaw(http.port, text))[0];
const post = (target: string, headers: Record<string, string | number> = {}) =>
  statusOf(rawRequest(`POST ${target}`, { headers: { Connection: 'close', ...headers }, body: event() }));

describe('a webhook is taken', () => {
  it('with slashes too many in its path, and no other path becomes another', async () => {
    for (const path of [`${PATH}/`, `${PATH}//`, `/${PATH}`, '/api//v1///callrail/call.missed/', `${PATH}/?x=1`])
      expect([path, await post(path)]).toEqual([path, 200]);
    // Unsigned, so it is refused, by the right route.
    for (const path of ['/api/v1/shunya/webhook/', '//api/v1/shunya//webhook'])
      expect([path, await post(path)]).toEqual([path, 401]);
    for (const path of ['/api/v1/callrail/', '/api/v1/callrail/call.unknown/', '/api/v1/leads/x/y/'])
      expect([path, await post(path)]).toEqual([path, 404]);
    expect(await statusOf(rawRequest(`GET ${PATH}/`, { headers: { Connection: 'close' } }))).toBe(405);
  });

  it('with a query string of 64 KiB, and refused beyond what a URL can be', async () => {
    const query = (bytes: number) => `?landing=${'gclid=%C3%A9&'.repeat(bytes).slice(0, bytes - 9)}`;
    for (const bytes of [100, 17_000, 64 * 1024])
      expect([bytes, await post(PATH + query(bytes))]).toEqual([bytes, 200]);
    expect(await post(PATH + query(200_000))).toBe(431);
  });

  it('with 1,990 headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 1990 }, (_, index) => [`X-${index}`, index]));
    expect(await post(PATH, headers)).toBe(200);
  });

  it('in every form that HTTP allows', async () => {
    const body = event();
    const length = Buffer.byteLength(body);
    const head = (lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
    const chunked = head([`POST ${PATH} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked', 'Connection: close']);
    const taken: Record<string, string> = {
      'in chunks': `${chunked}${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      'with trailers and chunk extensions': `${chunked}${length.toString(16)};a=b\r\n${body}\r\n0\r\nX-After: 1\r\n\r\n`,
      'expecting 100-continue': rawRequest(`POST ${PATH}`, {
        headers: { Expect: '100-continue', Connection: 'close' },
        body,
      }),
      'HTTP/1.0': `${head([`POST ${PATH} HTTP/1.0`, 'Host: a', `Content-Length: ${length}`])}${body}`,
      'a whole URL': rawRequest(`POST http://elsewhere.test${PATH}`, { headers: { Connection: 'close' }, body }),
      'a whole URL with a user': rawRequest(`POST http://a@b${PATH}`, { headers: { Connection: 'close' }, body }),
      'no content type': rawRequest(`POST ${PATH}`, { headers: { Connection: 'close' }, body }),
    };
    for (const [name, text] of Object.entries(taken)) {
      const statuses = statusesOf(await exchangeRaw(http.port, text));
      expect([name, statuses.at(-1)]).toEqual([name, 200]);
    }
    for (const host of ['api.test', 'API.TEST:3000', '127.0.0.1', '[::1]:3000', 'xn--bcher-kva.test', 'a_b.test'])
      expect([host, await post(PATH, { Host: host })]).toEqual([host, 200]);
  });

  it('after another on the same connection, which was refused', async () => {
    const connection = await openRaw(http.port);
    connection.send(rawRequest(`POST ${PATH}`, { body: '{"half":' }));
    connection.send(rawRequest(`POST ${PATH}`, { headers: { Connection: 'close' }, body: event() }));
    expect(statusesOf(await connection.closed)).toEqual([400, 200]);
  });
});

describe('what two readers could take for two things is refused', () => {
  const body = event();
  const length = Buffer.byteLength(body);
  const withHeaders = (...lines: string[]) =>
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n`;
  const inChunks = `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const refused: Record<string, string> = {
    'a length and chunks': withHeaders(`Content-Length: ${length}`, 'Transfer-Encoding: chunked') + inChunks,
    'two lengths': withHeaders(`Content-Length: ${length}`, 'Content-Length: 1') + body,
    'lengths in a list': withHeaders(`Content-Length: ${length}, 1`) + body,
    'a negative length': withHeaders('Content-Length: -1') + body,
    'a length in hexadecimal': withHeaders('Content-Length: 0x10') + body,
    'chunked, said twice': withHeaders('Transfer-Encoding: chunked, chunked') + inChunks,
    'chunked, misspelt': withHeaders('Transfer-Encoding: xchunked') + inChunks,
    'a space before the colon': withHeaders(`Content-Length : ${length}`) + body,
    'a chunk size that is none': `${withHeaders('Transfer-Encoding: chunked')}zz\r\n${body}\r\n0\r\n\r\n`,
    'lines that end in LF alone': `POST ${PATH} HTTP/1.1\nHost: a\nContent-Length: ${length}\n\n${body}`,
    'a header that goes on in the next line':
      withHeaders('X-A: 1', ' Transfer-Encoding: chunked', `Content-Length: ${length}`) + body,
    'NUL in a header': withHeaders('X-A: \0', `Content-Length: ${length}`) + body,
    'no host': `POST ${PATH} HTTP/1.1\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
    'a host with a path': withHeaders('Host: a/b').replace('Host: a\r\n', '') + body,
    'HTTP/3': `GET / HTTP/3.0\r\nHost: a\r\n\r\n`,
    'another protocol': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  };
  it.each(Object.entries(refused))('%s', async (_name, text) => {
    const statuses = statusesOf(await exchangeRaw(http.port, Buffer.from(text, 'latin1')));
    expect(statuses.length).toBeLessThanOrEqual(1);
    for (const status of statuses) expect(status).toBeGreaterThanOrEqual(400);
    for (const status of statuses) expect(status).toBeLessThan(500);
  });
});

describe('odd paths and methods', () => {
  it('are answered without a failure, whatever they are made of', async () => {
    const targets = [
      '/../../etc/passwd',
      '/docs/../../package.json',
      '/docs/..%2f..%2fpackage.json',
      '/docs/%2e%2e/package.json',
      '/%00',
      '/api/v1/%ff%fe',
      '/api/v1/leads/%0d%0aX-Injected:%201',
      'http://a@b/healthz',
      'http://a:b@c/api/v1/leads',
      '*',
      'nothing',
      '/\\..\\..',
    ];
    for (const target of targets) {
      const received = await exchangeRaw(http.port, rawRequest(`GET ${target}`, { headers: { Connection: 'close' } }));
      const [status = 0] = statusesOf(received);
      expect([target, status, status > 0 && status < 500]).toEqual([target, status, true]);
      expect(received).not.toMatch(/^x-injected/im);
      expect(received).not.toContain('"dependencies"');
    }
    for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'PUT', 'BREW']) {
      const status = await statusOf(rawRequest(`${method} /api/v1/leads`, { headers: { Connection: 'close' } }));
      expect([method, status === undefined || (status >= 400 && status < 500)]).toEqual([method, true]);
    }
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
  });
});
