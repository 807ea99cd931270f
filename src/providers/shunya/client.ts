import type { JobKind } from '../../domain/pipeline.ts';
import { isObject, type JsonObject, readBoolean } from '../json.ts';
import { parseRetryAfter } from '../retryAfter.ts';
import { isAudioMissing, readProviderError, ShunyaError, type ShunyaJobFailure, transient } from './errors.ts';
import { type Exchanged, exchange } from './exchange.ts';
import { readId, readText } from './fields.ts';
import {
  type JobState,
  layersOf,
  looksLikeAnalysis,
  normalizeTranscript,
  readJobState,
  type Transcript,
} from './payload.ts';

export { ShunyaError } from './errors.ts';

export interface ShunyaClientOptions {
  baseUrl: string;
  apiKey: string;
  timeoutSeconds?: number;
}

export interface CallRef {
  shunyaCallId: number;
  companyId: string;
}

export type ShunyaClient = ReturnType<typeof createShunyaClient>;

/** Answers of a submit that will be the same for this input for ever. */
const PERMANENT_STATUSES = [400, 413, 415, 422];

/** Shunya's REST API. Every failure is a `ShunyaError` that says whether trying again makes sense. */
export function createShunyaClient(options: ShunyaClientOptions) {
  const base = `${options.baseUrl.replace(/\/+$/, '')}/api/v1`;
  const timeoutMs = (options.timeoutSeconds ?? 30) * 1000;
  const send = createSend(base, options.apiKey, timeoutMs);

  const client = {
    /** Submits a recording. With a transcript in the answer there is no job to wait for. */
    async startTranscription(
      input: CallRef & { audioUrl: string; callType: 'csr_call' | 'sales_call'; idempotencyKey: string },
    ): Promise<{ taskId: string | null; transcript: Transcript | null }> {
      const { shunyaCallId, audioUrl, callType, idempotencyKey } = input;
      const answer = await send(input, '/transcription/transcribe', {
        idempotencyKey,
        body: { call_id: shunyaCallId, audio_url: audioUrl, call_type: callType },
      });
      const taskId = readTaskId(answer);
      const transcript = normalizeTranscript(answer);
      if (taskId === null && transcript === null) throw transient('unreadable_answer');
      // An empty text beside a job may only mean "not there yet": the job will say.
      return { taskId, transcript: taskId !== null && transcript?.text === '' ? null : transcript };
    },

    /** Starts the analysis of a call that has its transcript. A result in place of a job is taken as it is. */
    async startAnalysis(
      input: CallRef & { idempotencyKey: string },
    ): Promise<{ taskId: string | null; result?: unknown }> {
      const { shunyaCallId, idempotencyKey } = input;
      const answer = await send(input, `/analysis/start/${shunyaCallId}`, { idempotencyKey, body: {} });
      const taskId = readTaskId(answer);
      if (taskId !== null) return { taskId };
      if (looksLikeAnalysis(answer)) return { taskId, result: answer };
      throw transient('unreadable_answer');
    },

    /** Where the call's latest job stands. A word we do not know counts as processing: the job's own deadline ends that. */
    async getStatus(kind: JobKind, call: CallRef): Promise<{ status: JobState; error?: ShunyaJobFailure }> {
      const answer = await send(call, `/${kind}/status/${call.shunyaCallId}`);
      const word = statusWord(answer);
      if (word === null) throw transient('unreadable_answer');
      const status = readJobState(word) ?? 'processing';
      if (status !== 'failed') return { status };
      const { code, retryable } = readProviderError(answer);
      return { status, error: { code: code ?? 'unknown', ...(retryable === null ? {} : { retryable }) } };
    },

    /** The transcript as Shunya gives it; `normalizeTranscript` can read it. */
    async getTranscript(call: CallRef): Promise<unknown> {
      const answer = await send(call, `/transcription/transcript/${call.shunyaCallId}`);
      if (normalizeTranscript(answer) !== null) return answer;
      throw transient(isUnfinished(answer) ? 'not_ready' : 'unreadable_answer');
    },

    /** The analysis as Shunya gives it; all its parts are optional. */
    async getAnalysis(call: CallRef): Promise<unknown> {
      const answer = await send(call, `/analysis/complete/${call.shunyaCallId}`);
      if (!looksLikeAnalysis(answer) && isUnfinished(answer)) throw transient('not_ready');
      return answer;
    },
  };

  return {
    ...client,

    /** Sends a job of either kind; one with audio is a transcription. A result that comes at once is as `getResult` gives it. */
    async submit(
      job: CallRef & { callType: 'csr_call' | 'sales_call'; idempotencyKey: string },
      audioUrl: string | null,
    ): Promise<{ taskId: string | null; result?: unknown }> {
      if (audioUrl === null) return client.startAnalysis(job);
      const { taskId, transcript } = await client.startTranscription({ ...job, audioUrl });
      return transcript ? { taskId, result: rawTranscript(transcript) } : { taskId };
    },

    /** The result of a finished job, as Shunya gives it. */
    getResult: (kind: JobKind, call: CallRef): Promise<unknown> =>
      kind === 'transcription' ? client.getTranscript(call) : client.getAnalysis(call),
  };
}

interface Submit {
  idempotencyKey: string;
  body: JsonObject;
}

/** Sends one request about a call. @returns what asks, or submits where something is to be sent */
function createSend(base: string, apiKey: string, timeoutMs: number) {
  return async (call: CallRef, path: string, submit?: Submit): Promise<JsonObject> => {
    const answer = await exchange(`${base}${path}`, {
      method: submit ? 'POST' : 'GET',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${apiKey}`,
        'x-company-id': call.companyId,
        ...(submit && { 'content-type': 'application/json', 'idempotency-key': submit.idempotencyKey }),
      },
      body: submit ? JSON.stringify(submit.body) : undefined,
      // A redirect would turn a POST into a GET, or take the key elsewhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { ok, status, body } = answer;
    if (!ok || (saysFailure(body) && !(path.includes('/status/') && isFailedJob(body))))
      throw refusalOf(answer, submit !== undefined);
    if (!isObject(body)) throw transient('unreadable_answer', status);
    for (const layer of layersOf(body)) {
      const callId = readId(layer.call_id);
      if (callId !== null && callId !== String(call.shunyaCallId)) throw transient('result_of_another_call', status);
    }
    return body;
  };
}

/** What a refusal means: the same answer for ever, or a wait. */
function refusalOf({ hint, ok, status, retryAfter, body }: Exchanged, isSubmit: boolean): ShunyaError {
  const now = Date.now();
  const error = readProviderError(body, now);
  const waits = [parseRetryAfter(retryAfter, now), error.retryAfterSeconds].filter((wait) => wait !== null);
  // The audio of a call may be there only some minutes after it: the same submit works then.
  const isFinal = isSubmit && PERMANENT_STATUSES.includes(status) && !isAudioMissing(error.code ?? '');
  return new ShunyaError({
    code: error.code ?? (ok ? 'unknown' : `http_${status}`),
    status,
    permanent: error.retryable === false || isFinal,
    retryAfterSeconds: waits.length > 0 ? Math.max(...waits) : undefined,
    hint,
  });
}

/** A transcript in the form in which Shunya gives it. */
const rawTranscript = ({ text, turns, language, confidence }: Transcript) => ({
  transcript_text: text,
  speaker_labels: turns.map((turn) => ({
    speaker: turn.speaker,
    text: turn.text,
    start_time: turn.startSeconds,
    end_time: turn.endSeconds,
  })),
  language,
  confidence_score: confidence,
});

/** A 200 can be a refusal: `success: false`, or an error and nothing that says how far a job is. */
function saysFailure(body: unknown): boolean {
  if (!isObject(body)) return false;
  const success = readBoolean(body.success);
  if (success !== null) return !success;
  return statusWord(body) === null && (isObject(body.error) || readText(body.error) !== null);
}

/** The status of a failed job is an answer, whatever `success` says: the error in it is the job's. */
function isFailedJob(body: unknown): boolean {
  return isObject(body) && statusWord(body)?.toLowerCase() === 'failed';
}

function statusWord(body: JsonObject): string | null {
  return readText(body.status) ?? (isObject(body.data) ? readText(body.data.status) : null);
}

function isUnfinished(body: JsonObject): boolean {
  const word = statusWord(body);
  return word !== null && readJobState(word) !== 'completed';
}

function readTaskId(body: JsonObject): string | null {
  const data = isObject(body.data) ? body.data : {};
  return readId(body.task_id) ?? readId(data.task_id) ?? readId(body.job_id) ?? readId(data.job_id);
}
