/** How long somebody who is busy asks us to wait: the header Retry-After, and what providers write in its form. */
import { readNumber } from './json.ts';

const LONGEST_SECONDS = 86_400;

/** Seconds or an HTTP date, as whole seconds from now; at most a day, so that a slip cannot park anything for ever. */
export function parseRetryAfter(value: unknown, nowMs = Date.now()): number | null {
  const text = typeof value === 'string' ? value.trim() : value;
  let seconds = readNumber(text);
  if (seconds === null && typeof text === 'string' && /[a-z:]/i.test(text)) {
    seconds = (Date.parse(text) - nowMs) / 1000;
    if (Number.isNaN(seconds)) return null;
    seconds = Math.max(0, seconds);
  }
  if (seconds === null || seconds < 0) return null;
  return Math.min(Math.ceil(seconds), LONGEST_SECONDS);
}
