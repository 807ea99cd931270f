import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CallRailError, createCallRailClient, isApiRecordingLink } from './client.ts';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const input = {
  accountId: 'ACC1',
  apiKey: 'secret-key',
  companyId: 'COM1',
  startDate: new Date('2026-03-01T10:00:30Z'),
  endDate: new Date('2026-03-02T10:00:30Z'),
};

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

/** The error of a request, checked to be ours and to give nothing away. */
async function failureOf(promise: Promise<unknown>): Promise<CallRailError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CallRailError);
  const { message, cause } = error as CallRailError;
  expect(message).not.toMatch(/secret|http:|private/);
  expect(cause).toBeUndefined();
  return error as CallRailError;
}

describe('listCalls', () => {
  it('asks with the key, the dates outwards to the minute, and our fields', async () => {
    const requests: { url: URL; authorization: string | undefined }[] = [];
    const baseUrl = await serve((request, response) => {
      requests.push({ url: new URL(request.url ?? '', 'http://x'), authorization: request.headers.authorization });
      response.end('{"calls":[{"id":"CAL1"}],"has_next_page":false,"next_page":null}');
    });
    expect(await collect(createCallRailClient({ baseUrl }).listCalls(input))).toEqual([[{ id: 'CAL1' }]]);
    expect(requests).toHaveLength(1);
    const { url, authorization } = requests[0] as (typeof requests)[number];
    expect(authorization).toBe('Token token="secret-key"');
    expect(url.pathname).toBe('/v3/a/ACC1/calls.json');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      relative_pagination: 'true',
      per_page: '250',
      start_date: '2026-03-01T10:00',
      end_date: '2026-03-02T10:01',
      time_zone: 'Etc/UTC',
      company_id: 'COM1',
    });
    expect(url.searchParams.get('fields')?.split(',')).toEqual(
      expect.arrayContaining(['answered', 'duration', 'recording', 'call_type', 'agent_email', 'company_id']),
    );
  });

  it('follows next_page, keeps what the link lost, and asks for a page only when it is wanted', async () => {
    const urls: URL[] = [];
    const baseUrl = await serve((request, response) => {
      urls.push(new URL(request.url ?? '', 'http://x'));
      const page = urls.length;
      const next = page < 3 ? `/v3/a/ACC1/calls.json?offset=${page}&per_page=10` : null;
      response.end(JSON.stringify({ calls: [{ id: page }], has_next_page: next !== null, next_page: next }));
    });
    const pages = createCallRailClient({ baseUrl }).listCalls(input);
    await pages.next();
    expect(urls).toHaveLength(1);
    expect(await collect(pages)).toEqual([[{ id: 2 }], [{ id: 3 }]]);
    expect(Object.fromEntries(urls[2]?.searchParams ?? [])).toMatchObject({
      offset: '2',
      per_page: '10',
      company_id: 'COM1',
      start_date: '2026-03-01T10:00',
    });
  });

  it('does not carry the key to another origin', async () => {
    let asked = 0;
    const other = await serve((_, response) => {
      asked += 1;
      response.end('{"calls":[]}');
    });
    const baseUrl = await serve((_, response) => {
      response.end(JSON.stringify({ calls: [], has_next_page: true, next_page: `${other}/v3/a/ACC1/calls.json` }));
    });
    const failure = await failureOf(collect(createCallRailClient({ baseUrl }).listCalls(input)));
    expect(failure).toMatchObject({ code: 'foreign_link', transient: false });
    expect(asked).toBe(0);
  });

  it('does not go round in circles', async () => {
    const baseUrl = await serve((_, response) => {
      response.end('{"calls":[],"has_next_page":true,"next_page":"/v3/a/ACC1/calls.json?offset=1"}');
    });
    const failure = await failureOf(collect(createCallRailClient({ baseUrl }).listCalls(input)));
    expect(failure).toMatchObject({ code: 'unreadable_answer', transient: true });
  });
});

describe('failures', () => {
  it.each([
    [400, 'bad_request', false],
    [401, 'unauthorized', true],
    [403, 'unauthorized', true],
    [404, 'not_found', true],
    [408, 'unavailable', true],
    [422, 'bad_request', false],
    [429, 'rate_limited', true],
    [500, 'unavailable', true],
    [503, 'unavailable', true],
  ])('HTTP %i is %s', async (status, code, transient) => {
    const baseUrl = await serve((_, response) => response.writeHead(status).end('private'));
    const failure = await failureOf(collect(createCallRailClient({ baseUrl }).listCalls(input)));
    expect(failure).toMatchObject({ code, status, transient });
  });

  it.each([
    'private',
    '[]',
    '{}',
    '{"calls":{}}',
    '{"calls":[],"has_next_page":true}',
    '{"calls":[],"has_next_page":true,"next_page":"http://"}',
  ])('cannot read %s', async (body) => {
    const baseUrl = await serve((_, response) => response.end(body));
    const failure = await failureOf(collect(createCallRailClient({ baseUrl }).listCalls(input)));
    expect(failure).toMatchObject({ code: 'unreadable_answer', transient: true });
  });

  it('does not follow a redirect', async () => {
    let asked = 0;
    const baseUrl = await serve((_, response) => {
      asked += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const failure = await failureOf(collect(createCallRailClient({ baseUrl }).listCalls(input)));
    expect(failure).toMatchObject({ code: 'unavailable', status: 302 });
    expect(asked).toBe(1);
  });

  it('gives up on an API that does not answer, or stops in the middle', async () => {
    for (const listener of [() => {}, (_: unknown, response: { write(text: string): void }) => response.write('{')]) {
      const baseUrl = await serve(listener as RequestListener);
      const failure = await failureOf(collect(createCallRailClient({ baseUrl, timeoutMs: 100 }).listCalls(input)));
      expect(failure).toMatchObject({ code: 'timeout', transient: true });
    }
  });

  it('is a network failure where nothing listens', async () => {
    const failure = await failureOf(collect(createCallRailClient({ baseUrl: 'http://127.0.0.1:1' }).listCalls(input)));
    expect(failure).toMatchObject({ code: 'network', transient: true });
  });
});

describe('resolveRecording', () => {
  it('answers the audio link', async () => {
    const baseUrl = await serve((request, response) => {
      response.end(
        JSON.stringify({ url: request.headers.authorization === 'Token token="k"' ? 'https://x.test/a.mp3' : null }),
      );
    });
    const url = `${baseUrl}/v3/a/ACC1/calls/CAL1/recording.json`;
    expect(await createCallRailClient({ baseUrl }).resolveRecording({ apiKey: 'k', url })).toEqual({
      url: 'https://x.test/a.mp3',
    });
    const failure = await failureOf(createCallRailClient({ baseUrl }).resolveRecording({ apiKey: 'secret', url }));
    expect(failure).toMatchObject({ code: 'unreadable_answer', transient: true });
  });

  it('sends no key to a link that is not of the API', async () => {
    const client = createCallRailClient({ baseUrl: 'https://api.callrail.com' });
    const url = 'https://evil.test/v3/a/1/calls/2/recording.json';
    expect(await failureOf(client.resolveRecording({ apiKey: 'secret', url }))).toMatchObject({ code: 'foreign_link' });
  });
});

it.each([
  ['https://api.callrail.com/v3/a/1/calls/CAL2/recording.json', true],
  ['https://api.callrail.com/v3/a/1/calls/CAL2/recording', true],
  ['https://api.callrail.com/v3/a/1/calls/CAL2/recording.json?x=1', true],
  ['https://api.callrail.com/v3/a/1/calls/CAL2.json', false],
  ['https://api.callrail.com/v3/a/1/../../evil/recording.json', false],
  ['http://api.callrail.com/v3/a/1/calls/CAL2/recording.json', false],
  ['https://user@api.callrail.com/v3/a/1/calls/CAL2/recording.json', false],
  ['https://app.callrail.com/calls/2/recording?access_key=3', false],
  ['https://s3.amazonaws.com/recordings/1.mp3', false],
  ['none', false],
])('%s is a recording link of the API: %s', (url, expected) => {
  expect(isApiRecordingLink(url, 'https://api.callrail.com')).toBe(expected);
});
