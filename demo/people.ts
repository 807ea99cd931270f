/** The demo's people: each reads and writes over the REST API with a token of their own role. */

import { apiUrl } from '../dev/local/services.ts';
import { mintToken, type TokenRequest } from '../dev/token.ts';
import type { Config } from '../src/config/config.ts';
import { printExchange, StepFailed } from './story.ts';

/** What the API answers below `data`; the story says what it expects of it. */
// biome-ignore lint/suspicious/noExplicitAny: compared field by field.
export type Data = any;

export interface Person {
  name: string;
  role: TokenRequest['role'];
  userId: string;
  token: string;
  get(path: string): Promise<Data>;
  post(path: string, body: unknown): Promise<Data>;
  patch(path: string, body: unknown): Promise<Data>;
  /** Reads without printing a line, for polling. */
  peek(path: string): Promise<Data>;
}

/** Mints a token and makes a client of it. Every answer that is not 2xx fails the step. */
export async function createPerson(config: Config, who: TokenRequest & { name: string }): Promise<Person> {
  const token = await mintToken(config, who);
  const send = async (method: string, path: string, body: unknown, isShown: boolean): Promise<Data> => {
    const response = await fetch(`${apiUrl(config)}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = (await response.json().catch(() => ({}))) as Data;
    if (isShown) printExchange(`${method.padEnd(5)} ${path}`, response.status, who.role);
    if (!response.ok) throw new StepFailed(`${method} ${path} answered ${response.status} ${answer.code ?? ''}`);
    return answer.data;
  };
  return {
    ...who,
    token,
    get: (path) => send('GET', path, undefined, true),
    post: (path, body) => send('POST', path, body, true),
    patch: (path, body) => send('PATCH', path, body, true),
    peek: (path) => send('GET', path, undefined, false),
  };
}
