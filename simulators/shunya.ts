import { randomInt, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { serveAudio } from './shunya/audio.ts';
import { CallbackSender, type SimulatorLogger } from './shunya/callbacks.ts';
import { CALLBACK_FAULTS, type Fault, FaultBook, faultsSchema } from './shunya/faults.ts';
import { type Job, type JobKind, JobStore } from './shunya/jobs.ts';
import { analysisResult, transcriptResult } from './shunya/scenarios.ts';
import { RequestStats } from './shunya/stats.ts';

export interface ShunyaSimulatorOptions {
  /** 0 takes a free one. */
  port: number;
  host?: string;
  apiKey: string;
  /** Where callbacks go; several get each of them. Without one, none are sent and the service has to ask. */
  webhookUrl?: string | string[];
  webhookSecret: string;
  delaysMs?: { transcription?: number; analysis?: number };
  /** Jobs and accepted keys are kept here across restarts. */
  dataDir?: string;
  logger?: SimulatorLogger;
}

export interface ShunyaSimulator {
  url: string;
  port: number;
  stop(): Promise<void>;
}

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** An answer that ends the handling of a request early. */
class Refusal extends Error {
  readonly answer: Answer;
  constructor(status: number, code: string, message: string, retryable?: boolean) {
    super(code);
    this.answer = { status, body: failureBody(code, message, retryable ?? null) };
  }
}

const MAX_BODY_BYTES = 1024 * 1024;
const DEFAULT_DELAYS_MS = { transcription: 800, analysis: 800 };

const callIdSchema = z.int().min(0);
const transcribeSchema = z.object({
  call_id: callIdSchema,
  audio_url: z.url(),
  call_type: z.enum(['csr_call', 'sales_call']),
});
const targetSchema = z.union([z.url(), z.array(z.url()), z.null()]);
const configSchema = z.strictObject({
  webhook_url: targetSchema.optional(),
  webhook_secret: z.string().min(1).optional(),
  delays_ms: z
    .strictObject({ transcription: z.int().min(0).optional(), analysis: z.int().min(0).optional() })
    .optional(),
  integer_task_ids: z.boolean().optional(),
});
const overridesSchema = z.strictObject({
  match: z.string().min(1),
  transcription: z.unknown().optional(),
  analysis: z.unknown().optional(),
});
const finishSchema = z.strictObject({
  outcome: z.enum(['completed', 'failed']).default('completed'),
  error_code: z.string().default('SIMULATED_FAILURE'),
  retryable: z.boolean().nullable().default(null),
});

/**
 * Shunya over HTTP, as docs/contract.md describes it, with signed callbacks. What a recording says is chosen
 * by its link (`scenarios.ts`); what goes wrong, by `POST /_control/faults` (`faults.ts`). Links below `/recordings/`
 * have audio that sounds like it.
 */
export async function startShunyaSimulator(options: ShunyaSimulatorOptions): Promise<ShunyaSimulator> {
  const host = options.host ?? '127.0.0.1';
  const delaysMs = { ...DEFAULT_DELAYS_MS, ...options.delaysMs };
  let integerTaskIds = false;
  let overrides: z.infer<typeof overridesSchema>[] = [];
  const faults = new FaultBook();
  const stats = new RequestStats();
  const callbacks = new CallbackSender([options.webhookUrl ?? []].flat(), options.webhookSecret, options.logger);
  const jobs = new JobStore({ dataDir: options.dataDir, onDone: (job) => callBack(job) });

  // ---- Results and callbacks

  function resultOf(job: Job): unknown {
    const override = overrides.findLast(({ match, [job.kind]: result }) => {
      return result !== undefined && job.audioUrl.includes(match);
    });
    if (override) return withCallId(override[job.kind], job.callId);
    const recording = { ...job, receivedAtMs: job.acceptedAtMs };
    return job.kind === 'transcription' ? transcriptResult(recording) : analysisResult(recording);
  }

  function callbackBody(job: Job): Record<string, unknown> {
    const head = { job_id: job.taskId, job_type: job.kind, call_id: job.callId, company_id: job.companyId };
    if (job.plan.fails) return { event: 'job.failed', ...head, error: jobError(job) };
    return { event: 'job.completed', ...head, result: resultOf(job) };
  }

  /** Sends a job's callback, bent by whatever callback faults are armed for it. */
  async function callBack(job: Job): Promise<void> {
    const context = { audioUrl: job.audioUrl, companyId: job.companyId, kind: job.kind, attempt: job.attempt };
    const bent = new Map<string, Fault>();
    for (const type of CALLBACK_FAULTS) {
      const fault = faults.take([type], context);
      if (!fault) continue;
      bent.set(type, fault);
      stats.sawFault(type);
    }
    if (bent.has('callback_lost')) return;
    const delayed = bent.get('callback_delayed');
    if (delayed && !(await jobs.pause(delayed.delay_ms ?? 3000))) return;

    const correct = callbackBody(job);
    // The right result in the callback would keep the wrong one from ever being fetched.
    const hideResult = faults.has(['other_result'], { ...context, on: 'result' });
    if (bent.has('callback_without_result') || hideResult) delete correct.result;
    const body = bend(correct, job, bent);
    const message = { body, badSignature: bent.has('callback_bad_signature') };

    const reordered = bent.get('callback_reordered');
    const copies = bent.get('callback_duplicate')?.count ?? 1;
    if (reordered) await callbacks.sendReversed(message, reordered.count, reordered.delay_ms ?? 2000);
    else await Promise.all(Array.from({ length: copies }, () => callbacks.send(message)));
    if ([...bent.values()].some((fault) => fault.then_correct)) await callbacks.send({ body: correct });
  }

  // ---- The API

  async function serveApi(request: IncomingMessage, response: ServerResponse, url: URL, text: string): Promise<void> {
    const route = findRoute(request.method ?? '', url.pathname);
    stats.sawRequest(route ? route.template : 'unknown');
    if (!route) return answer(response, { status: 404, body: failureBody('NO_SUCH_ROUTE', 'No such route', null) });
    if (route.on === 'submit') stats.sawSubmit(Date.now());

    let context = {};
    try {
      const companyId = authorize(request);
      const { kind, on, callId } = route;
      const submitted = route.template.endsWith('/transcribe') ? readTranscribe(text) : undefined;
      const id = submitted?.call_id ?? callId ?? -1;
      const audioUrl = submitted?.audio_url ?? jobs.latest(companyId, id, 'transcription')?.audioUrl;
      context = { audioUrl, companyId, kind, on };

      const before = faults.take(['error', 'hang', 'disconnect', 'garbage', 'delay'], { ...context, when: 'before' });
      if (before && (await applyFault(response, before))) return;

      const result =
        on === 'submit'
          ? await submit(request, url, text, companyId, kind, id, submitted)
          : read(on, companyId, kind, id);

      const after = faults.take(['error', 'hang', 'disconnect', 'garbage', 'delay'], { ...context, when: 'after' });
      if (after && (await applyFault(response, after))) return;
      answer(response, result);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(response, error.answer);
    }
  }

  function authorize(request: IncomingMessage): string {
    const given = Buffer.from(request.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${options.apiKey}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new Refusal(401, 'UNAUTHORIZED', 'The API key is missing or wrong');
    }
    const companyId = request.headers['x-company-id'];
    if (typeof companyId !== 'string' || companyId === '') {
      throw new Refusal(400, 'COMPANY_REQUIRED', 'X-Company-ID is missing');
    }
    return companyId;
  }

  function readTranscribe(text: string): z.infer<typeof transcribeSchema> {
    const parsed = transcribeSchema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new Refusal(422, 'INVALID_REQUEST', z.prettifyError(parsed.error), false);
  }

  async function submit(
    request: IncomingMessage,
    url: URL,
    text: string,
    companyId: string,
    kind: JobKind,
    callId: number,
    submitted: z.infer<typeof transcribeSchema> | undefined,
  ): Promise<Answer> {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || key === '') {
      throw new Refusal(400, 'IDEMPOTENCY_KEY_REQUIRED', 'Idempotency-Key is missing');
    }
    const fingerprint = `${url.pathname}\n${text}`;
    const earlier = jobs.acceptedUnder(companyId, key);
    if (earlier) {
      if (earlier.fingerprint !== fingerprint) {
        stats.conflicts += 1;
        throw new Refusal(409, 'IDEMPOTENCY_KEY_REUSED', 'This key was used for another request');
      }
      stats.sawRepeat(companyId, callId, kind);
      return { status: 200, body: earlier.answer };
    }

    const transcription = jobs.latest(companyId, callId, 'transcription');
    if (kind === 'analysis') {
      if (!transcription) throw new Refusal(404, 'CALL_NOT_FOUND', `No call ${callId}`);
      if (jobs.stateOf(transcription) !== 'completed') {
        throw new Refusal(409, 'TRANSCRIPT_NOT_READY', `Call ${callId} has no transcript yet`, true);
      }
    }
    const audioUrl = submitted?.audio_url ?? transcription?.audioUrl ?? '';
    const attempt = jobs.countOf(companyId, callId, kind) + 1;
    const context = { audioUrl, companyId, kind, attempt };
    const fails = faults.take(['job_fails'], context);
    const inline =
      kind === 'transcription' &&
      (/inline/i.test(audioUrl) || faults.take(['inline_transcript'], context) !== undefined);
    const early = faults.take(['callback_early'], context);
    const now = Date.now();
    const taskId = integerTaskIds ? randomInt(1, 2 ** 47) : `${kind}-${randomUUID()}`;
    const job: Job = {
      taskId,
      kind,
      companyId,
      callId,
      attempt,
      audioUrl,
      callType: submitted?.call_type ?? transcription?.callType ?? 'csr_call',
      acceptedAtMs: now,
      dueAtMs: inline || early ? now : now + delaysMs[kind],
      plan: {
        ...(fails ? { fails: { code: fails.error_code, retryable: fails.retryable } } : {}),
        ...(faults.take(['job_never_answers'], context) ? { never: true } : {}),
        ...(inline ? { silent: true } : {}),
      },
    };
    const body: Record<string, unknown> = { success: true, task_id: taskId };
    if (kind === 'transcription') body.transcript_id = `transcript-${callId}`;
    if (inline) Object.assign(body, resultOf(job));
    const finished = jobs.accept({ key, fingerprint, answer: body, job });
    // The callback overtakes the answer, unless nobody takes it.
    if (early) await Promise.race([finished, jobs.pause(5000)]);
    return { status: 200, body };
  }

  function read(on: 'status' | 'result', companyId: string, kind: JobKind, callId: number): Answer {
    const job = jobs.latest(companyId, callId, kind);
    if (!job) throw new Refusal(404, 'CALL_NOT_FOUND', `No call ${callId}`);
    const state = jobs.stateOf(job);
    if (on === 'status') {
      const error = state === 'failed' ? { error: jobError(job) } : {};
      return { status: 200, body: { call_id: callId, task_id: job.taskId, status: state, ...error } };
    }
    if (state === 'failed') throw new Refusal(409, 'JOB_FAILED', 'The job has failed');
    if (state !== 'completed') throw new Refusal(409, 'NOT_READY', 'The job is not done', true);
    const context = { audioUrl: job.audioUrl, companyId, kind, on };
    const swapped = faults.take(['other_result'], context);
    return { status: 200, body: swapped ? withCallId(resultOf(job), callId + 1) : resultOf(job) };
  }

  /** True when the fault has answered, or never will. */
  async function applyFault(response: ServerResponse, fault: Fault): Promise<boolean> {
    stats.sawFault(fault.type);
    switch (fault.type) {
      case 'delay':
        await jobs.pause(fault.delay_ms ?? 1000);
        return false;
      case 'hang':
        await jobs.pause(fault.delay_ms ?? 60_000);
        response.destroy();
        return true;
      case 'disconnect':
        response.destroy();
        return true;
      case 'garbage':
        response.writeHead(fault.status ?? 200, { 'content-type': 'application/json' });
        response.end(fault.body);
        return true;
      default:
        answer(response, faultAnswer(fault));
        return true;
    }
  }

  // ---- Control

  function control(method: string, path: string, url: URL, text: string): Answer {
    const parts = path.split('/').filter(Boolean).slice(1);
    switch (`${method} ${parts[0] ?? ''}`) {
      case 'POST faults':
        return { status: 201, body: { faults: faults.add(parseControl(faultsSchema, text)) } };
      case 'GET faults':
        return { status: 200, body: { faults: faults.list() } };
      case 'DELETE faults':
        if (parts[1] === undefined) faults.clear();
        else if (!faults.remove(parts[1])) throw new Refusal(404, 'NO_SUCH_FAULT', 'No such fault');
        return { status: 200, body: { faults: faults.list() } };
      case 'GET stats':
        return { status: 200, body: statsBody(url.searchParams.get('call_id')) };
      case 'POST reset':
        jobs.reset();
        callbacks.cancel();
        callbacks.resetCounts();
        faults.clear();
        stats.reset();
        overrides = [];
        return { status: 200, body: { reset: true } };
      case 'POST config':
        configure(parseControl(configSchema, text));
        return { status: 200, body: configBody() };
      case 'GET config':
        return { status: 200, body: configBody() };
      case 'POST results':
        overrides.push(parseControl(overridesSchema, text));
        return { status: 201, body: { results: overrides.length } };
      case 'DELETE results':
        overrides = [];
        return { status: 200, body: { results: 0 } };
      case 'GET jobs':
        return { status: 200, body: { jobs: jobs.all(url.searchParams.get('call_id')).map(jobBody) } };
      case 'POST jobs':
        return controlJob(parts[1] ?? '', parts[2] ?? '', text);
      default:
        throw new Refusal(404, 'NO_SUCH_ROUTE', 'No such control');
    }
  }

  function controlJob(taskId: string, action: string, text: string): Answer {
    const job = jobs.byTaskId(taskId);
    if (!job) throw new Refusal(404, 'NO_SUCH_JOB', 'No such job');
    if (action === 'callback') {
      void callBack(job);
      return { status: 202, body: jobBody(job) };
    }
    if (action !== 'finish') throw new Refusal(404, 'NO_SUCH_ROUTE', 'No such control');
    const { outcome, error_code: code, retryable } = parseControl(finishSchema, text === '' ? '{}' : text);
    void jobs.finish(job, outcome === 'failed' ? { fails: { code, retryable } } : {});
    return { status: 202, body: jobBody(job) };
  }

  function configure(config: z.infer<typeof configSchema>): void {
    if (config.webhook_url !== undefined) callbacks.targets = [config.webhook_url ?? []].flat();
    if (config.webhook_secret !== undefined) callbacks.secret = config.webhook_secret;
    Object.assign(delaysMs, config.delays_ms);
    integerTaskIds = config.integer_task_ids ?? integerTaskIds;
  }

  const configBody = (): object => ({
    webhook_url: callbacks.targets,
    delays_ms: delaysMs,
    integer_task_ids: integerTaskIds,
  });

  const jobBody = (job: Job): object => ({
    task_id: job.taskId,
    kind: job.kind,
    company_id: job.companyId,
    call_id: job.callId,
    attempt: job.attempt,
    audio_url: job.audioUrl,
    status: jobs.stateOf(job),
    called_back: jobs.wasCalledBack(job),
    never_answers: job.plan.never === true,
  });

  function statsBody(callId: string | null): object {
    const { submits, ...accepted } = jobs.stats(callId);
    return {
      submits: submits.map((row) => ({ ...row, repeats: stats.repeatsOf(row.company_id, row.call_id, row.kind) })),
      ...accepted,
      ...stats.body(),
      callbacks: callbacks.counts,
    };
  }

  // ---- The server

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const text = await readBody(request);
    if (text === null) {
      return answer(response, { status: 413, body: failureBody('TOO_LARGE', 'The body is too large', null) });
    }
    if (url.pathname.startsWith('/recordings/')) return serveAudio(request, response, url.pathname);
    if (url.pathname === '/healthz') return answer(response, { status: 200, body: { status: 'ok' } });
    if (!url.pathname.startsWith('/_control/')) return serveApi(request, response, url, text);
    try {
      answer(response, control(request.method ?? '', url.pathname, url, text));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(response, error.answer);
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      options.logger?.warn({ err: error }, 'shunya simulator: request failed');
      if (response.headersSent) response.destroy();
      else answer(response, { status: 500, body: failureBody('SIMULATOR_BUG', 'See the log of the simulator', null) });
    });
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, host, resolve);
  }).catch((error: unknown) => {
    jobs.close();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  jobs.resume();
  const simulator = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  options.logger?.info({ url: simulator }, 'shunya simulator: listening');

  return {
    url: simulator,
    port,
    async stop() {
      jobs.close();
      callbacks.cancel();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Route {
  template: string;
  kind: JobKind;
  on: 'submit' | 'status' | 'result';
  callId?: number;
}

const ROUTES: [pattern: RegExp, route: Omit<Route, 'callId'>][] = [
  [/^POST \/api\/v1\/transcription\/transcribe$/, route('POST', 'transcription', 'submit', 'transcribe')],
  [/^GET \/api\/v1\/transcription\/status\/(\d+)$/, route('GET', 'transcription', 'status', 'status/{call_id}')],
  [
    /^GET \/api\/v1\/transcription\/transcript\/(\d+)$/,
    route('GET', 'transcription', 'result', 'transcript/{call_id}'),
  ],
  [/^POST \/api\/v1\/analysis\/start\/(\d+)$/, route('POST', 'analysis', 'submit', 'start/{call_id}')],
  [/^GET \/api\/v1\/analysis\/status\/(\d+)$/, route('GET', 'analysis', 'status', 'status/{call_id}')],
  [/^GET \/api\/v1\/analysis\/complete\/(\d+)$/, route('GET', 'analysis', 'result', 'complete/{call_id}')],
];

function route(method: string, kind: JobKind, on: Route['on'], rest: string): Omit<Route, 'callId'> {
  return { template: `${method} /api/v1/${kind}/${rest}`, kind, on };
}

function findRoute(method: string, path: string): Route | undefined {
  for (const [pattern, found] of ROUTES) {
    const match = pattern.exec(`${method} ${path}`);
    if (!match) continue;
    const callId = match[1] === undefined ? undefined : Number(match[1]);
    if (callId === undefined || Number.isSafeInteger(callId)) return { ...found, callId };
  }
  return undefined;
}

/** The message names the audio link, as real ones do: nothing of it may reach Temporal. */
function jobError(job: Job): object {
  const { code, retryable } = job.plan.fails ?? { code: 'UNKNOWN', retryable: null };
  return failure(code, `The ${job.kind} of ${job.audioUrl} has failed`, retryable);
}

function failure(code: string, message: string, retryable: boolean | null, details: object = {}): object {
  return { error_code: code, message, ...(retryable === null ? {} : { retryable }), details };
}

function failureBody(code: string, message: string, retryable: boolean | null, details?: object): object {
  return { success: false, error: failure(code, message, retryable, details) };
}

function faultAnswer(fault: Fault): Answer {
  const seconds = fault.retry_after_seconds;
  const headers: Record<string, string> = {};
  let details = {};
  if (seconds !== undefined) {
    if (fault.retry_after_in === 'details') details = { retry_after: seconds };
    else if (fault.retry_after_in === 'header') headers['retry-after'] = String(Math.ceil(seconds));
    else headers['retry-after'] = new Date(Date.now() + seconds * 1000).toUTCString();
  }
  const body = failureBody(fault.error_code, 'A fault set through the control endpoint', fault.retryable, details);
  return { status: fault.status ?? 500, headers, body };
}

/** What the armed faults make of a callback. */
function bend(correct: Record<string, unknown>, job: Job, bent: Map<string, Fault>): Record<string, unknown> {
  let body = { ...correct };
  if (bent.has('callback_wrong_company')) body.company_id = `not-${job.companyId}`;
  if (bent.has('callback_contradicting_id')) body.call_id = job.callId + 1;
  if (bent.has('callback_unknown_job')) body.job_id = `unknown-${randomUUID()}`;
  if (bent.has('callback_without_job_id')) delete body.job_id;
  if (bent.has('callback_other_result') && body.result) body.result = withCallId(body.result, job.callId + 1);
  if (bent.has('callback_event_type_form')) {
    const { job_id, call_id, company_id, result, error } = body;
    const end = job.plan.fails ? 'failed' : 'complete';
    const data = { call_id: String(call_id), ...(error ? { error } : { result }) };
    body = { event_type: `call.${job.kind}.${end}`, status: end, shunya_job_id: job_id, company_id, data };
  }
  return body;
}

function withCallId(result: unknown, callId: number): unknown {
  return typeof result === 'object' && result !== null && !Array.isArray(result)
    ? { ...result, call_id: callId }
    : result;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'INVALID_JSON', 'The body is not JSON');
  }
}

function parseControl<T>(schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Refusal(422, 'INVALID_CONTROL', z.prettifyError(parsed.error));
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? null : Buffer.concat(chunks).toString('utf8');
}

function answer(response: ServerResponse, { status, body, headers }: Answer): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
