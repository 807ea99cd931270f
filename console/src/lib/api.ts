/** The API, through its typed client; nothing here asks it in another way. */

import { createClient, type Schemas } from '../../../src/client/index.ts';
import type { Search } from './search.ts';
import { expireSession, getSession } from './session.ts';

export type { Schemas } from '../../../src/client/index.ts';
export type Call = Schemas['Call'];
export type Appointment = Schemas['Appointment'];
export type Lead = Schemas['Lead'];
export type Pipeline = Schemas['Pipeline'];
export type Visit = Schemas['RecordingSession'];
export type Me = Schemas['Me'];
export type Role = Me['role'];

const REQUEST_TIMEOUT_MS = 30_000;

/** What the API refused, or that it could not be reached (status 0). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly fields: { path: string; message: string }[];

  constructor(status: number, problem: Partial<Schemas['Problem']> = {}) {
    super(
      problem.detail ||
        problem.title ||
        (status === 0 ? 'The service cannot be reached.' : `The service answered ${status}.`),
    );
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.requestId = problem.request_id;
    this.fields = problem.errors ?? [];
  }

  /** Would likely succeed if asked again: not reached, overloaded, or broken for the moment. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export const api = createClient({
  baseUrl: location.origin,
  token: () => getSession()?.token ?? '',
  fetch: boundedFetch,
});

/** A request without an answer ends after a while, so that it is asked again. A stream has its own watch. */
async function boundedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  return fetch(
    new Request(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) }),
  );
}

api.use({
  onResponse({ request, response }) {
    if (response.status === 401) expireSession(request.headers.get('authorization')?.slice('Bearer '.length) ?? '');
  },
});

interface Answer<T> {
  data?: { data: T } | undefined;
  error?: unknown;
  response: Response;
}

/** `data` of an answer. @throws {ApiProblem} */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiProblem(0);
  });
  if (!response.ok) throw new ApiProblem(response.status, (error as Schemas['Problem'] | undefined) ?? {});
  return (data as { data: T } | undefined)?.data as T;
}

/** Asks with filters as they stand in the address: text, which the API checks, naming what is wrong. */
export function list<T>(path: '/api/v1/calls' | '/api/v1/appointments', query: Search): Promise<T> {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const ask = api.GET as unknown as (path: string) => Promise<Answer<T>>;
  return unwrap(ask(`${path}?${new URLSearchParams(given)}`));
}

/** Downloads what needs a bearer: a link alone could not carry it. */
export async function download(path: string, name: string): Promise<void> {
  const token = getSession()?.token ?? '';
  const response = await fetch(path, { headers: { authorization: `Bearer ${token}` } }).catch(() => {
    throw new ApiProblem(0);
  });
  if (!response.ok) throw new ApiProblem(response.status, await response.json().catch(() => ({})));
  const url = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
