/**
 * CallRail's REST API v3, as far as we use it: the list of calls, to catch up with webhooks that never came, and the
 * audio link behind a recording. 1,000 requests an hour and 10,000 a day per account; a 429 does not say for how long.
 */
import { isObject } from '../json.ts';
import { hintOfFailure, hintOfStatus } from '../networkHint.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** What the API allows at most. */
const CALLS_PER_PAGE = 250;

/** What `readCallRailEvent` reads; several come only when asked for by name. */
const CALL_FIELDS = [
  'id',
  'company_id',
  'answered',
  'voicemail',
  'call_type',
  'direction',
  'duration',
  'recording',
  'start_time',
  'created_at',
  'customer_phone_number',
  'customer_name',
  'tracking_phone_number',
  'agent_email',
  'source',
  'source_name',
  'formatted_tracking_source',
] as const;

export type CallRailErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'not_found'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'network'
  | 'unreadable_answer'
  | 'foreign_link';

/**
 * A failed request to CallRail. The message names the code, status and host only: no link, key or payload, since it is
 * stored in Temporal's history. `transient` is false where the same request can never work.
 */
export class CallRailError extends Error {
  override readonly name = 'CallRailError';
  readonly code: CallRailErrorCode;
  readonly status: number | undefined;
  readonly transient: boolean;
  /** Where and how, for who reads it. */
  readonly hint: string | undefined;

  constructor(code: CallRailErrorCode, options: { status?: number; transient: boolean; hint?: string }) {
    super(options.hint === undefined ? `CallRail: ${code}` : `CallRail: ${code} (${options.hint})`);
    this.code = code;
    this.status = options.status;
    this.transient = options.transient;
    this.hint = options.hint;
  }
}

export interface ListCallsInput {
  accountId: string;
  apiKey: string;
  /** CallRail's id of one company; all companies of the account without it. */
  companyId?: string;
  startDate: Date;
  endDate: Date;
  /** Called before each request; the list ends with what it throws. */
  beforeRequest?(): Promise<void>;
}

/** A call as the API writes it; read it with `readCallRailEvent('modified', row)`. */
export type CallRailCallRow = Record<string, unknown>;

export interface CallRailClient {
  /** The calls that started between the two dates, a page at a time; asks for a page only when it is wanted. */
  listCalls(input: ListCallsInput): AsyncGenerator<CallRailCallRow[], void, undefined>;
  /** The audio link, short-lived, behind a recording link of the API. */
  resolveRecording(input: { apiKey: string; url: string }): Promise<{ url: string }>;
}

export interface CallRailClientOptions {
  baseUrl: string;
  timeoutMs?: number;
}

/** A client of the CallRail API at `baseUrl`; it holds no key, since every company has its own. */
export function createCallRailClient({
  baseUrl,
  timeoutMs = REQUEST_TIMEOUT_MS,
}: CallRailClientOptions): CallRailClient {
  return {
    async *listCalls(input) {
      const firstUrl = callsUrl(baseUrl, input);
      const seen = new Set<string>();
      let url: URL | undefined = firstUrl;
      while (url) {
        seen.add(url.href);
        await input.beforeRequest?.();
        const page = readCallsPage(await getJson(url, input.apiKey, timeoutMs));
        yield page.calls;
        url = page.nextPage === undefined ? undefined : nextPageUrl(page.nextPage, firstUrl);
        if (url && seen.has(url.href)) throw unreadable();
      }
    },

    async resolveRecording({ apiKey, url }) {
      if (!isApiRecordingLink(url, baseUrl)) throw new CallRailError('foreign_link', { transient: false });
      const answer = await getJson(new URL(url), apiKey, timeoutMs);
      if (!isObject(answer) || typeof answer.url !== 'string' || !URL.canParse(answer.url)) throw unreadable();
      return { url: answer.url };
    },
  };
}

/**
 * Whether a recording link is one of the API: it needs the company's key, and answers with the audio link rather than
 * with audio. All other links are fetched as they are.
 */
export function isApiRecordingLink(url: string, baseUrl: string): boolean {
  if (!URL.canParse(url)) return false;
  const link = new URL(url);
  return (
    link.origin === new URL(baseUrl).origin &&
    link.username === '' &&
    link.password === '' &&
    /\/v3\/a\/[^/]+\/calls\/[^/]+\/recording(\.json)?$/.test(link.pathname)
  );
}

function callsUrl(baseUrl: string, { accountId, companyId, startDate, endDate }: ListCallsInput): URL {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/v3/a/${encodeURIComponent(accountId)}/calls.json`);
  const { searchParams } = url;
  searchParams.set('relative_pagination', 'true');
  searchParams.set('per_page', String(CALLS_PER_PAGE));
  // Without dates the API answers with the last seven days only.
  searchParams.set('start_date', toMinute(startDate, Math.floor));
  searchParams.set('end_date', toMinute(endDate, Math.ceil));
  searchParams.set('time_zone', 'Etc/UTC');
  if (companyId !== undefined) searchParams.set('company_id', companyId);
  searchParams.set('fields', CALL_FIELDS.join(','));
  return url;
}

/** The API takes times to the minute: outwards, or calls at the edges would be lost. */
function toMinute(time: Date, round: (minutes: number) => number): string {
  return new Date(round(time.getTime() / 60_000) * 60_000).toISOString().slice(0, 16);
}

function nextPageUrl(nextPage: string, firstUrl: URL): URL {
  if (!URL.canParse(nextPage, firstUrl.href)) throw unreadable();
  const url = new URL(nextPage, firstUrl);
  // The key follows this link, so it must not lead anywhere else.
  if (url.origin !== firstUrl.origin || url.username !== '' || url.password !== '') {
    throw new CallRailError('foreign_link', { transient: false });
  }
  // A link that lost our parameters would go on with other dates, another company or without our fields.
  for (const [name, value] of firstUrl.searchParams) {
    if (!url.searchParams.has(name)) url.searchParams.set(name, value);
  }
  return url;
}

function readCallsPage(answer: unknown): { calls: CallRailCallRow[]; nextPage: string | undefined } {
  if (!isObject(answer) || !Array.isArray(answer.calls)) throw unreadable();
  const hasNext = answer.has_next_page === true;
  // Stopping quietly here would look like the end of the list.
  if (hasNext && typeof answer.next_page !== 'string') throw unreadable();
  return { calls: answer.calls.filter(isObject), nextPage: hasNext ? (answer.next_page as string) : undefined };
}

async function getJson(url: URL, apiKey: string, timeoutMs: number): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', authorization: `Token token="${apiKey}"` },
      // The API does not redirect; following one could carry the key along.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    throw new CallRailError(timedOut ? 'timeout' : 'network', { transient: true, hint: hintOfFailure(error, url) });
  }
  if (status !== 200) throw errorOfStatus(status, hintOfStatus(status, url));
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable();
  }
}

/** Only what is wrong with the request itself is permanent: a key, a right or a missing call can be mended. */
function errorOfStatus(status: number, hint: string): CallRailError {
  if (status === 401 || status === 403) return new CallRailError('unauthorized', { status, hint, transient: true });
  if (status === 404) return new CallRailError('not_found', { status, hint, transient: true });
  if (status === 429) return new CallRailError('rate_limited', { status, hint, transient: true });
  if ([400, 410, 413, 415, 422].includes(status))
    return new CallRailError('bad_request', { status, hint, transient: false });
  return new CallRailError('unavailable', { status, hint, transient: true });
}

function unreadable(): CallRailError {
  return new CallRailError('unreadable_answer', { transient: true });
}
