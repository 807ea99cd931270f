/** How Shunya writes text, ids and words: each reader answers null for what is not of its type. */

import { storableText } from '../../domain/text.ts';

/** Text that is not blank, trimmed. */
export function readText(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = storableText(value).trim();
  return text === '' ? null : text;
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
