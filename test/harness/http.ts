/** A client of the REST API that fails the test when an answer has another status than expected. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { expect } from 'vitest';
import type { Role } from '../../src/domain/user.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON, or the text. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  body: any;
}

/** What is expected of an answer, and what goes with the request. */
export interface RequestOptions {
  /** Any 2xx unless said. */
  status?: number;
  headers?: Record<string, string>;
}

/** One person's way into the API: each answers `body.data`, or the whole body of a problem. */
export interface Caller {
  // biome-ignore-start lint/suspicious/noExplicitAny: a test says what it expects.
  get(url: string, options?: RequestOptions): Promise<any>;
  post(url: string, body?: unknown, options?: RequestOptions): Promise<any>;
  patch(url: string, body: unknown, options?: RequestOptions): Promise<any>;
  delete(url: string, options?: RequestOptions): Promise<any>;
  // biome-ignore-end lint/suspicious/noExplicitAny: a test says what it expects.
}

/** Tests ask ten thousand times; `fetch` takes four times the processor time. */
const agent = new Agent({ keepAlive: true });

export interface Exchange {
  method?: string;
  headers?: Record<string, string>;
  body?: string | undefined;
  signal?: AbortSignal;
}

/** One request and its answer, whatever that is. */
export async function exchange(url: string, options: Exchange): Promise<Answer> {
  const { method = 'GET', headers: given, body, signal = AbortSignal.timeout(30_000) } = options;
  const sent = request(url, { agent, method, ...(given && { headers: given }), signal });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const headers = new Headers(response.headers as Record<string, string>);
  const text = await textOf(response);
  const isJson = headers.get('content-type')?.includes('json') && text !== '';
  return { status: response.statusCode ?? 0, headers, body: isJson ? JSON.parse(text) : text };
}

export function createCaller(baseUrl: string, token: Promise<string>): Caller {
  const send = async (method: string, url: string, body: unknown, options: RequestOptions = {}) => {
    const headers = {
      authorization: `Bearer ${await token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const answer = await exchange(`${baseUrl}/api/v1${url}`, init);
    const isExpected = options.status ? answer.status === options.status : answer.status >= 200 && answer.status < 300;
    if (!isExpected)
      expect.fail(
        `${method} ${url}: expected ${options.status ?? '2xx'}, got ${answer.status} ${describe(answer.body)}`,
      );
    return answer.body?.data ?? answer.body;
  };
  return {
    get: (url, options) => send('GET', url, undefined, options),
    post: (url, body, options) => send('POST', url, body, options),
    patch: (url, body, options) => send('PATCH', url, body, options),
    delete: (url, options) => send('DELETE', url, undefined, options),
  };
}

const describe = (body: unknown) => JSON.stringify(body)?.slice(0, 500);

export async function signToken(
  secret: string,
  claims: { role: Role; companyId?: string; userId: string },
): Promise<string> {
  const { role, companyId, userId } = claims;
  return new SignJWT({ role, ...(companyId === undefined ? {} : { company_id: companyId }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(secret));
}
