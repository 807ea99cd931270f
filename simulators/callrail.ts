/**
 * CallRail, as far as the service sees it: a sender of signed webhooks and a small REST API v3. Both speak only HTTP.
 * Payloads have the fields, the types and the oddities of real ones: durations as strings, '' for what is not known.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const CALLRAIL_EVENTS = ['incoming', 'answered', 'completed', 'missed', 'modified'] as const;
export type CallRailEventName = (typeof CALLRAIL_EVENTS)[number];

export type CallRailPayload = Record<string, unknown>;

/** One phone call, from which every payload about it is built. */
export interface SimulatedCall {
  id: string;
  /** The number called, and the company's id at CallRail. */
  trackingNumber: string;
  companyResourceId: string;
  companyName: string;
  customerNumber: string;
  customerName: string;
  customerCity: string;
  customerState: string;
  direction: 'inbound' | 'outbound';
  startedAt: Date;
  durationSeconds: number;
  answered: boolean;
  voicemail: boolean;
  /** '' where there is no recording, or none yet. */
  recording: string;
  agentEmail: string;
  source: string;
  sourceName: string;
  /** Still going on: only its row in the list of calls says so. */
  inProgress?: boolean;
}

/** A call with sensible values and an id of its own; give what matters. */
export function simulateCall(given: Partial<SimulatedCall> & Pick<SimulatedCall, 'trackingNumber'>): SimulatedCall {
  return {
    id: newResourceId('CAL'),
    companyResourceId: newResourceId('COM'),
    companyName: 'Sample Home Services',
    customerNumber: '+12125550147',
    customerName: 'Dana Whitfield',
    customerCity: 'New York',
    customerState: 'NY',
    direction: 'inbound',
    startedAt: new Date(),
    durationSeconds: 184,
    answered: true,
    voicemail: false,
    recording: '',
    agentEmail: '',
    source: 'Google Ads',
    sourceName: 'Website Pool',
    ...given,
  };
}

/** An id as CallRail makes them: three letters for the kind of thing, then 32 hex digits. */
export function newResourceId(prefix: 'CAL' | 'COM' | 'TRK' | 'PER' | 'ACC'): string {
  return prefix + randomBytes(16).toString('hex');
}

/** Pre-call: sent while it rings, so it knows little and calls every call missed. */
export function incomingPayload(call: SimulatedCall): CallRailPayload {
  return {
    ...commonFields(call),
    answered: false,
    call_type: 'missed',
    formatted_call_type: 'Missed Call',
    duration: '0',
    formatted_duration: '0s',
    voicemail: false,
  };
}

/** Call routing complete: somebody has picked up; the call goes on. */
export function answeredPayload(call: SimulatedCall): CallRailPayload {
  return {
    ...commonFields(call),
    answered: true,
    business_phone_number: '+12125550111',
    formatted_business_phone_number: '212-555-0111',
    call_type: 'in_progress',
    formatted_call_type: 'In Progress',
    duration: '0',
    formatted_duration: '0s',
    voicemail: false,
  };
}

/** Post-call: all that is known at the end. */
export function completedPayload(call: SimulatedCall): CallRailPayload {
  return { ...commonFields(call), ...endFields(call) };
}

/** Post-call of a call that nobody answered. */
export function missedPayload(call: SimulatedCall): CallRailPayload {
  return completedPayload({ ...call, answered: false });
}

/** Call modified: the whole call again, with the names of what changed: a late recording, a tag, a note. */
export function modifiedPayload(call: SimulatedCall, changes: string[] = ['recording']): CallRailPayload {
  return { ...completedPayload(call), changes };
}

/** The payload of an event, by its name. */
export function callRailPayload(event: CallRailEventName, call: SimulatedCall): CallRailPayload {
  const builders = {
    incoming: incomingPayload,
    answered: answeredPayload,
    completed: completedPayload,
    missed: missedPayload,
    modified: modifiedPayload,
  };
  return builders[event](call);
}

function commonFields(call: SimulatedCall): CallRailPayload {
  const startTime = easternTime(call.startedAt);
  return {
    company_id: 422269185,
    company_name: call.companyName,
    company_resource_id: call.companyResourceId,
    company_time_zone: 'America/New_York',
    created_at: easternTime(new Date(call.startedAt.getTime() + 1_000)),
    customer_city: call.customerCity,
    customer_country: 'US',
    customer_name: call.customerName,
    customer_phone_number: call.customerNumber,
    customer_state: call.customerState,
    callercity: call.customerCity,
    callername: call.customerName,
    callernum: call.customerNumber,
    datetime: call.startedAt.toISOString().slice(0, 19).replace('T', ' '),
    device_type: '',
    direction: call.direction,
    first_call: true,
    formatted_tracking_source: call.source,
    prior_calls: 0,
    resource_id: call.id,
    source: call.source,
    source_name: call.sourceName,
    start_time: startTime,
    timestamp: startTime,
    total_calls: 1,
    tracking_phone_number: call.trackingNumber,
    trackingnum: call.trackingNumber,
  };
}

function endFields(call: SimulatedCall): CallRailPayload {
  const callType = endCallType(call);
  return {
    agent_email: call.agentEmail,
    answered: call.answered,
    business_phone_number: '+12125550111',
    call_highlights: [],
    call_type: callType,
    duration: String(call.durationSeconds),
    formatted_duration: `${call.durationSeconds}s`,
    keywords: '',
    landing_page_url: '',
    lead_status: '',
    milestones: {},
    note: '',
    recording: call.recording,
    recording_duration: call.recording ? String(call.durationSeconds) : '',
    recording_player: '',
    spam: false,
    tags: [],
    transcription: '',
    value: '',
    voicemail: call.voicemail,
  };
}

function endCallType(call: SimulatedCall): string {
  if (call.direction === 'outbound') return 'outbound';
  if (call.answered) return 'answered';
  return call.voicemail ? 'voicemail' : 'missed';
}

/** CallRail writes times in the company's zone; a fixed offset is enough for that. */
function easternTime(time: Date): string {
  return `${new Date(time.getTime() - 5 * 3_600_000).toISOString().slice(0, -1)}-05:00`;
}

/** What CallRail puts into `Signature`: base64 HMAC-SHA1 of the raw body. */
export function signCallRail(rawBody: string | Uint8Array, signingKey: string): string {
  return createHmac('sha1', signingKey).update(rawBody).digest('base64');
}

export interface SenderAnswer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. */
  body: unknown;
}

export interface SendOptions {
  /** Instead of the right one; null sends none. */
  signature?: string | null;
  /** Added to the URL; real deliveries carry some of the fields there as well. */
  query?: string;
  headers?: Record<string, string>;
}

export interface CallRailSender {
  /** Posts a payload, or exactly these bytes, to the URL of the event. */
  send(event: CallRailEventName, payload: CallRailPayload | string, options?: SendOptions): Promise<SenderAnswer>;
  incoming(payload: CallRailPayload): Promise<SenderAnswer>;
  answered(payload: CallRailPayload): Promise<SenderAnswer>;
  completed(payload: CallRailPayload): Promise<SenderAnswer>;
  missed(payload: CallRailPayload): Promise<SenderAnswer>;
  modified(payload: CallRailPayload): Promise<SenderAnswer>;
}

/** Sends webhooks as CallRail does: once, signed, without looking at the answer. */
export function createCallRailSender({
  baseUrl,
  signingKey,
}: {
  baseUrl: string;
  signingKey?: string;
}): CallRailSender {
  const send: CallRailSender['send'] = async (event, payload, options = {}) => {
    const rawBody = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const headers = new Headers({ 'content-type': 'application/json', ...options.headers });
    const signature =
      options.signature === undefined && signingKey !== undefined
        ? signCallRail(rawBody, signingKey)
        : options.signature;
    if (signature) headers.set('signature', signature);

    const response = await fetch(
      `${baseUrl}/api/v1/callrail/call.${event}${options.query ? `?${options.query}` : ''}`,
      {
        method: 'POST',
        headers,
        body: rawBody,
        signal: AbortSignal.timeout(30_000),
      },
    );
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parseJson(text) ?? text };
  };
  return {
    send,
    incoming: (payload) => send('incoming', payload),
    answered: (payload) => send('answered', payload),
    completed: (payload) => send('completed', payload),
    missed: (payload) => send('missed', payload),
    modified: (payload) => send('modified', payload),
  };
}

export interface CallRailApiOptions {
  port?: number;
  host?: string;
  apiKey: string;
  accountId: string;
}

export interface CallRailApi {
  baseUrl: string;
  /** Path and query of every request, in order. */
  readonly requests: string[];
  /** Adds or replaces a call; an `audioUrl` is what its recording link answers. */
  addCall(call: SimulatedCall, options?: { audioUrl?: string }): void;
  /** The recording link that payloads and rows of this call carry. */
  recordingLink(callId: string): string;
  /** Answers the next requests with this status. */
  failNext(status: number, times?: number): void;
  /** Takes effect at once: the origin that `next_page` links are written with. */
  setNextPageOrigin(origin: string | undefined): void;
  stop(): Promise<void>;
}

const DEFAULT_ROW_FIELDS = [
  'id',
  'answered',
  'business_phone_number',
  'customer_city',
  'customer_country',
  'customer_name',
  'customer_phone_number',
  'customer_state',
  'direction',
  'duration',
  'recording',
  'recording_duration',
  'recording_player',
  'start_time',
  'tracking_phone_number',
  'voicemail',
];

/** A small CallRail REST API v3 in memory: the list of calls, with relative pagination, and recording links. */
export async function startCallRailApi({
  port = 0,
  host = '127.0.0.1',
  apiKey,
  accountId,
}: CallRailApiOptions): Promise<CallRailApi> {
  const calls = new Map<string, { call: SimulatedCall; audioUrl: string | undefined }>();
  const requests: string[] = [];
  const failures: number[] = [];
  let nextPageOrigin: string | undefined;

  const server = createServer((request, response) => {
    requests.push(request.url ?? '/');
    const { status, body } = answer(request);
    sendJson(response, status, body);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const baseUrl = `http://${host}:${(server.address() as AddressInfo).port}`;
  const accountPath = `/v3/a/${accountId}`;

  function answer(request: IncomingMessage): { status: number; body: unknown } {
    const failure = failures.shift();
    if (failure !== undefined) return { status: failure, body: { error: 'Simulated failure' } };
    if (request.headers.authorization !== `Token token="${apiKey}"`) {
      return { status: 401, body: { error: 'HTTP Token: Access denied.' } };
    }
    const url = new URL(request.url ?? '/', baseUrl);
    if (request.method === 'GET' && url.pathname === `${accountPath}/calls.json`) return listCalls(url);
    const recording = /\/calls\/([^/]+)\/recording\.json$/.exec(url.pathname);
    const audioUrl = calls.get(recording?.[1] ?? '')?.audioUrl;
    if (url.pathname.startsWith(`${accountPath}/`) && audioUrl) return { status: 200, body: { url: audioUrl } };
    return { status: 404, body: { error: 'Not found' } };
  }

  function listCalls(url: URL): { status: number; body: unknown } {
    const query = url.searchParams;
    const perPage = Math.min(Number(query.get('per_page') ?? 100), 250);
    const page = Number(query.get('offset') ?? 0);
    const from = readDate(query.get('start_date')) ?? Date.now() - 7 * 86_400_000;
    const to = readDate(query.get('end_date')) ?? Date.now();
    const companyId = query.get('company_id');
    const fields = new Set([...DEFAULT_ROW_FIELDS, ...(query.get('fields')?.split(',') ?? [])]);

    const matching = [...calls.values()]
      .map(({ call }) => call)
      .filter((call) => call.startedAt.getTime() >= from && call.startedAt.getTime() <= to)
      .filter((call) => companyId === null || call.companyResourceId === companyId)
      .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
    const hasNext = matching.length > (page + 1) * perPage;
    const next = new URL(url.pathname + url.search, nextPageOrigin ?? baseUrl);
    next.searchParams.set('offset', String(page + 1));
    return {
      status: 200,
      body: {
        calls: matching.slice(page * perPage, (page + 1) * perPage).map((call) => callRow(call, fields)),
        per_page: perPage,
        has_next_page: hasNext,
        next_page: hasNext ? next.href : null,
      },
    };
  }

  return {
    baseUrl,
    requests,
    addCall: (call, { audioUrl } = {}) => void calls.set(call.id, { call, audioUrl }),
    recordingLink: (callId) => `${baseUrl}${accountPath}/calls/${callId}/recording.json`,
    failNext: (status, times = 1) => void failures.push(...Array.from({ length: times }, () => status)),
    setNextPageOrigin: (origin) => {
      nextPageOrigin = origin;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A row differs from a webhook: `id` instead of `resource_id`, company ids in CallRail's new form, numbers as numbers. */
function callRow(call: SimulatedCall, fields: ReadonlySet<string>): CallRailPayload {
  const row: CallRailPayload = {
    ...completedPayload(call),
    id: call.id,
    company_id: call.companyResourceId,
    duration: call.durationSeconds,
    recording: call.recording || null,
    agent_email: call.agentEmail || null,
    ...(call.inProgress && { call_type: 'in_progress', answered: null, duration: null, recording: null }),
  };
  return Object.fromEntries(Object.entries(row).filter(([name]) => fields.has(name)));
}

/** Times come to the minute and, with `time_zone=Etc/UTC`, without a zone. */
function readDate(text: string | null): number | undefined {
  if (text === null) return undefined;
  const time = Date.parse(text.includes('T') ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
