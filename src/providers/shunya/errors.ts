import { isObject, type JsonObject, readBoolean } from '../json.ts';
import { parseRetryAfter } from '../retryAfter.ts';
import { readText } from './fields.ts';

/** What a failed job says about itself; `retryable` is absent when Shunya did not say. */
export interface ShunyaJobFailure {
  code: string;
  retryable?: boolean;
}

/**
 * Any failure of a call to Shunya. It holds a code, numbers and the host, and neither a cause nor provider text:
 * Temporal keeps messages in clear.
 */
export class ShunyaError extends Error {
  override readonly name = 'ShunyaError';
  readonly code: string;
  readonly status: number | undefined;
  /** This input will never work. Everything else is worth another try. */
  readonly permanent: boolean;
  readonly retryAfterSeconds: number | undefined;
  /** Where and how, for who reads it. */
  readonly hint: string | undefined;

  constructor(fields: {
    code: string;
    permanent: boolean;
    status?: number;
    retryAfterSeconds?: number;
    hint?: string;
  }) {
    const code = sanitizeCode(fields.code);
    const how = fields.hint ?? (fields.status === undefined ? '' : `HTTP ${fields.status}`);
    super(how === '' ? `Shunya: ${code}` : `Shunya: ${code} (${how})`);
    this.code = code;
    this.status = fields.status;
    this.permanent = fields.permanent;
    this.retryAfterSeconds = fields.retryAfterSeconds;
    this.hint = fields.hint;
  }

  /** Shunya could not get at the recording: the link may be an old one, or the audio not there yet. */
  get isAboutAudio(): boolean {
    return isAudioMissing(this.code);
  }

  /** Shunya took this Idempotency-Key before, with another body: only a new attempt, with a new key, gets anywhere. */
  get isKeyReused(): boolean {
    return this.code.toUpperCase() === 'IDEMPOTENCY_KEY_REUSED';
  }
}

/** A failure that another try may not meet. */
export const transient = (code: string, status?: number): ShunyaError =>
  new ShunyaError({ code, status, permanent: false });

/** Whether a code says that the audio is not to be had, which some minutes after a call it may be. */
export const isAudioMissing = (code: string): boolean =>
  /(audio|recording|file|media).*(not_?(yet_?)?(ready|available|found|accessible|there)|unavailable|unreachable|missing|empty)/i.test(
    code,
  ) || /(empty|missing|no)_?(audio|recording|file|media)|(download|fetch)(ing)?_?(failed|error|timeout)/i.test(code);

/** A provider's code if it looks like one; anything that could be text, or a phone number, is `unknown`. */
export function sanitizeCode(code: unknown): string {
  return typeof code === 'string' && looksLikeCode(code) ? code : 'unknown';
}

const looksLikeCode = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(text) && !/\d{7}/.test(text);

export interface ProviderError {
  /** Null when none was given. */
  code: string | null;
  retryable: boolean | null;
  retryAfterSeconds: number | null;
}

/** Finds the error in an answer or a callback: `error` as documented, or where other versions and frameworks put it. */
export function readProviderError(body: unknown, nowMs = Date.now()): ProviderError {
  const found: ProviderError = { code: null, retryable: null, retryAfterSeconds: null };
  if (!isObject(body)) return found;
  const data = isObject(body.data) ? body.data : {};
  const spots = [body.error, data.error, firstOf(body.errors), firstOf(body.detail), body, data];
  for (const spot of spots) {
    if (typeof spot === 'string') {
      if (looksLikeCode(spot)) found.code ??= spot;
      continue;
    }
    if (!isObject(spot)) continue;
    found.code ??= readCode(spot);
    found.retryable ??= readBoolean(spot.retryable);
    const details = isObject(spot.details) ? spot.details : {};
    found.retryAfterSeconds ??= parseRetryAfter(details.retry_after, nowMs) ?? parseRetryAfter(spot.retry_after, nowMs);
  }
  return found;
}

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);

function readCode(error: JsonObject): string | null {
  const code = readText(error.error_code) ?? readText(error.code);
  return code === null ? null : sanitizeCode(code);
}
