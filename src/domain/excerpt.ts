/** The piece of a text in which a search was found. */

/** Characters shown on each side of the first hit. */
const CONTEXT = 80;

const escapeHtml = (text: string): string =>
  text.replace(/[&<>]/g, (each) => ({ '&': '&amp;', '<': '&lt;' })[each] ?? '&gt;');
const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/**
 * The text around the first hit, with every hit in <mark>, all else escaped for HTML; undefined where there is none.
 * @param pattern global; what counts as a hit
 */
export function excerptOf(text: string, pattern: RegExp): string | undefined {
  const first = new RegExp(pattern.source, pattern.flags.replace('g', '')).exec(text);
  if (!first) return undefined;
  const start = wordStart(text, Math.max(0, first.index - CONTEXT));
  const end = wordEnd(text, Math.min(text.length, first.index + first[0].length + CONTEXT));
  const shown = text.slice(start, end);
  let marked = '';
  let from = 0;
  for (const hit of shown.matchAll(pattern)) {
    marked += `${escapeHtml(shown.slice(from, hit.index))}<mark>${escapeHtml(hit[0])}</mark>`;
    from = hit.index + hit[0].length;
  }
  return `${start > 0 ? '…' : ''}${marked}${escapeHtml(shown.slice(from))}${end < text.length ? '…' : ''}`;
}

/** Not in the middle of a word, where one begins nearby. */
const wordStart = (text: string, at: number): number =>
  at === 0 ? 0 : at + Math.max(0, text.slice(at, at + 20).search(/\s\S/) + 1);
const wordEnd = (text: string, at: number): number => {
  if (at === text.length) return at;
  const gap = text.slice(Math.max(0, at - 20), at).search(/\s\S*$/);
  return gap === -1 ? at : Math.max(0, at - 20) + gap;
};

/** Hits of a search within a text: beginnings of words. */
export function wordsPattern(search: string): RegExp | undefined {
  const words = search.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  return words.length === 0
    ? undefined
    : new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.map(escapeRegExp).join('|')})`, 'giu');
}

/** Hits of a search within a name: any part of it. */
export function partsPattern(search: string): RegExp | undefined {
  const parts = search.split(/\s+/).filter((part) => part !== '');
  return parts.length === 0 ? undefined : new RegExp(parts.map(escapeRegExp).join('|'), 'giu');
}

/** Hits of a search within a phone number: its digits. */
export function digitsPattern(search: string): RegExp | undefined {
  const digits = search.replace(/\D/g, '');
  return digits === '' ? undefined : new RegExp(digits, 'g');
}
