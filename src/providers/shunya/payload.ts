import {
  APPOINTMENT_OUTCOMES,
  BOOKING_STATUSES,
  CALL_OUTCOME_CATEGORIES,
  type CallAnalysis,
  type ConversationAnalysis,
  deriveCategory,
  type Objection,
  QUALIFICATIONS,
  type VisitAnalysis,
} from '../../domain/analysis.ts';
import type { JobKind } from '../../domain/pipeline.ts';
import { storableText } from '../../domain/text.ts';
import { isObject, type JsonObject, readBoolean, readNumber } from '../json.ts';
import { readProviderError, type ShunyaJobFailure } from './errors.ts';
import { cleanJson, readId, readOneOf, readText } from './fields.ts';

export interface TranscriptTurn {
  speaker: string | null;
  text: string;
  startSeconds: number | null;
  endSeconds: number | null;
}

export interface Transcript {
  /** Empty: nobody spoke. */
  text: string;
  turns: TranscriptTurn[];
  language: string | null;
  /** 0..1 */
  confidence: number | null;
}

const WRAPPERS = ['data', 'result', 'transcript', 'analysis'] as const;

/** The object itself and what is wrapped in it, outermost first: answers differ in how deep the result lies. */
export function layersOf(raw: unknown, depth = 0): JsonObject[] {
  if (!isObject(raw) || depth > 3) return [];
  return [raw, ...WRAPPERS.flatMap((name) => layersOf(raw[name], depth + 1))];
}

/** A transcript in our names; null when there is no `transcript_text` at all. */
export function normalizeTranscript(raw: unknown): Transcript | null {
  const source = layersOf(raw).find((layer) => typeof layer.transcript_text === 'string');
  if (!source) return null;
  const text = storableText(source.transcript_text as string);
  return {
    text: text.trim() === '' ? '' : text,
    turns: Array.isArray(source.speaker_labels) ? source.speaker_labels.flatMap(readTurn) : [],
    language: readText(source.language),
    confidence: readShare(source.confidence_score),
  };
}

function readTurn(raw: unknown): TranscriptTurn[] {
  if (!isObject(raw)) return [];
  const text = readText(raw.text);
  if (text === null) return [];
  return [
    {
      speaker: readId(raw.speaker),
      text,
      startSeconds: readSeconds(raw.start_time),
      endSeconds: readSeconds(raw.end_time),
    },
  ];
}

/** What a call's analysis says, from nested or flat names; unknown and ill-typed values are absent. */
export function normalizeCallAnalysis(raw: unknown): CallAnalysis {
  const field = fieldReader(raw);
  const qualification = field('qualification', ['qualification_status', 'qualification'], readOneOf(QUALIFICATIONS));
  const bookingStatus = field('qualification', ['booking_status'], readOneOf(BOOKING_STATUSES));
  return {
    qualification,
    bookingStatus,
    callOutcomeCategory:
      field('qualification', ['call_outcome_category'], readOneOf(CALL_OUTCOME_CATEGORIES)) ??
      deriveCategory({ qualification, bookingStatus }),
    appointmentDate: field('qualification', ['appointment_date'], readText),
    appointmentLocation: field('qualification', ['appointment_location'], readText),
    serviceRequested: field('qualification', ['service_requested'], readText),
    assignedRepId: field('qualification', ['assigned_rep_id'], readId),
    ...readConversation(field),
  };
}

/** What a visit's analysis says, from nested or flat names; unknown and ill-typed values are absent. */
export function normalizeVisitAnalysis(raw: unknown): VisitAnalysis {
  const field = fieldReader(raw);
  return { outcome: field('outcome', ['outcome'], readOneOf(APPOINTMENT_OUTCOMES)), ...readConversation(field) };
}

type FieldReader = <T>(section: string, names: string[], read: (value: unknown) => T | null) => T | null;

/** Looks for a field in its section first and beside it second, layer by layer; the first valid value wins. */
function fieldReader(raw: unknown): FieldReader {
  const layers = layersOf(raw);
  return (section, names, read) => {
    for (const layer of layers) {
      for (const place of [layer[section], layer]) {
        if (!isObject(place)) continue;
        for (const name of names) {
          const value = read(place[name]);
          if (value !== null) return value;
        }
      }
    }
    return null;
  };
}

function readConversation(field: FieldReader): ConversationAnalysis {
  return {
    objections: field('objections', ['objections'], readObjections) ?? [],
    sopCompliance: {
      score: field('compliance', ['compliance_score'], readShare),
      stagesFollowed: field('compliance', ['stages_followed'], readTexts) ?? [],
      stagesMissed: field('compliance', ['stages_missed'], readTexts) ?? [],
    },
    sentimentScore: field('summary', ['sentiment_score'], readShare),
    summary: field('summary', ['summary'], readText),
  };
}

function readObjections(value: unknown): Objection[] | null {
  return Array.isArray(value) ? value.flatMap(readObjection) : null;
}

function readObjection(raw: unknown): Objection[] {
  if (typeof raw === 'string') return readObjection({ objection_text: raw });
  if (!isObject(raw)) return [];
  const category = readText(raw.category_text) ?? readText(raw.category);
  const text = readText(raw.objection_text) ?? readText(raw.text);
  if (category === null && text === null) return [];
  return [{ category, text, overcome: readBoolean(raw.overcome), severity: readText(raw.severity) }];
}

function readTexts(value: unknown): string[] | null {
  return Array.isArray(value) ? value.map(readText).filter((text) => text !== null) : null;
}

function readShare(value: unknown): number | null {
  const number = readNumber(value);
  return number !== null && number >= 0 && number <= 1 ? number : null;
}

function readSeconds(value: unknown): number | null {
  const number = readNumber(value);
  return number !== null && number >= 0 ? number : null;
}

const ANALYSIS_FIELDS = [
  ...['qualification', 'objections', 'compliance'],
  ...['qualification_status', 'booking_status', 'call_outcome_category', 'appointment_confirmed', 'appointment_date'],
  ...['appointment_type', 'appointment_location', 'service_requested', 'compliance_score', 'sentiment_score'],
];

/** Whether there is an analysis in it, valid or not. `summary` and `outcome` alone could be anybody's words. */
export function looksLikeAnalysis(raw: unknown): boolean {
  return layersOf(raw).some((layer) => ANALYSIS_FIELDS.some((name) => layer[name] !== undefined));
}

export type JobState = 'queued' | 'processing' | 'completed' | 'failed';

const SPELLINGS: Record<JobState, string[]> = {
  queued: ['queued', 'pending', 'accepted', 'created', 'submitted', 'scheduled', 'waiting'],
  processing: ['processing', 'in_progress', 'inprogress', 'running', 'started', 'active', 'retrying'],
  completed: ['completed', 'complete', 'success', 'succeeded', 'successful', 'done', 'finished', 'ready'],
  failed: ['failed', 'failure', 'fail', 'error', 'errored', 'cancelled', 'canceled', 'aborted', 'timed_out', 'expired'],
};

/** A job's state however it is spelled; null when the word is unknown. */
export function readJobState(value: unknown): JobState | null {
  const word = readText(value)
    ?.toLowerCase()
    .replace(/[\s-]+/g, '_');
  if (word === undefined) return null;
  const states = Object.keys(SPELLINGS) as JobState[];
  return states.find((state) => SPELLINGS[state].includes(word)) ?? null;
}

export interface ShunyaCallback {
  jobId?: string;
  shunyaCallId?: number;
  jobType?: JobKind;
  /** `unknown` also when the parts of the callback contradict each other: the API is asked then. */
  outcome: 'completed' | 'failed' | 'unknown';
  companyId?: string;
  /** A non-empty object; absent: fetch it. */
  result?: JsonObject;
  error?: ShunyaJobFailure;
  /** Why nothing can be done with it; no job can be matched then. */
  invalidReason?: string;
}

/** Reads a verified callback in any of the forms that docs/contract.md names. */
export function readShunyaCallback(payload: unknown): ShunyaCallback {
  if (!isObject(payload)) return { outcome: 'unknown', invalidReason: 'not a JSON object' };
  const envelope = cleanJson(payload) as JsonObject;
  const data = isObject(envelope.data) ? envelope.data : {};
  const places = [envelope, data];
  const find = <T>(names: string[], read: (value: unknown) => T | null): T | undefined => {
    for (const place of places) {
      for (const name of names) {
        const value = read(place[name]);
        if (value !== null) return value;
      }
    }
    return undefined;
  };

  const event = find(['event', 'event_type', 'type'], readText) ?? '';
  const said = readOutcome(event, find(['status'], readText));
  const callback: ShunyaCallback = {
    jobId: find(['job_id', 'shunya_job_id', 'task_id'], readId),
    shunyaCallId: find(['call_id'], readCallId),
    jobType: find(['job_type'], readJobKind) ?? readJobKind(event) ?? undefined,
    outcome: said ?? 'unknown',
    companyId: find(['company_id'], readId),
  };

  const result = readResult(envelope, data);
  const resultCallId = result ? readCallId(result.call_id) : null;
  callback.shunyaCallId ??= resultCallId ?? undefined;
  // A result that names another call is not used: what the API answers is.
  if (result && (resultCallId === null || resultCallId === callback.shunyaCallId)) callback.result = result;
  if (said === undefined && callback.result) callback.outcome = 'completed';

  if (callback.outcome === 'failed') {
    const { code, retryable } = readProviderError(envelope);
    callback.error = { code: code ?? 'unknown', ...(retryable === null ? {} : { retryable }) };
  }
  if (callback.jobId === undefined) {
    if (callback.shunyaCallId === undefined) callback.invalidReason = 'neither a job id nor a call id';
    else if (callback.jobType === undefined) callback.invalidReason = 'a call id without a job type';
  }
  return callback;
}

/** Ours are integers below 2^53; any other value cannot be one of them. */
function readCallId(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

function readJobKind(value: unknown): JobKind | null {
  const word = readText(value)?.toLowerCase() ?? '';
  if (word.includes('transcri')) return 'transcription';
  return word.includes('analy') ? 'analysis' : null;
}

/** @returns undefined where neither says anything of an outcome */
function readOutcome(event: string, status: string | undefined): ShunyaCallback['outcome'] | undefined {
  const said = [event.split(/[.:_]/).at(-1), status].map(readJobState).filter((state) => state !== null);
  if (said.length === 0) return undefined;
  const outcomes = new Set(said.map((state) => (state === 'completed' || state === 'failed' ? state : 'unknown')));
  return outcomes.size === 1 ? ([...outcomes][0] ?? 'unknown') : 'unknown';
}

/** The result where it is named so, else `data` or the callback itself where they hold one. */
function readResult(envelope: JsonObject, data: JsonObject): JsonObject | undefined {
  const named = [envelope.result, data.result].find((value) => isObject(value) && Object.keys(value).length > 0);
  if (named) return named as JsonObject;
  const { data: _, ...rest } = envelope;
  return [data, rest].find((value) => normalizeTranscript(value) !== null || looksLikeAnalysis(value));
}
