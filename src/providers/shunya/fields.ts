/** Reading values out of JSON that somebody else wrote: each reader answers null for what is not of its type. */

import { storableText } from '../../domain/text.ts';

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text that is not blank, trimmed. */
export function readText(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = storableText(value).trim();
  return text === '' ? null : text;
}

/** A finite number, or a string that holds one. */
export function readNumber(value: unknown): number | null {
  const number =
    typeof value === 'string' && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

export function readBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  return text === 'true' ? true : text === 'false' ? false : null;
}

/** An id given as an integer or as text. Integers JSON cannot carry exactly are no ids: they could match another row. */
export function readId(value: unknown): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  const text = readText(value);
  return text !== null && text.length <= 255 ? text : null;
}

/** One of a closed list, whatever its case. */
export function readOneOf<const T extends string>(values: readonly T[]): (value: unknown) => T | null {
  return (value) => {
    const text = readText(value)?.toLowerCase();
    return values.find((candidate) => candidate === text) ?? null;
  };
}

const MAX_DEPTH = 100;

/** The same JSON with every string and key storable; what lies deeper than any real answer becomes null. */
export function cleanJson(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return storableText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((item) => cleanJson(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storableText(key), cleanJson(item, depth + 1)]),
  );
}
