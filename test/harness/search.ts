/** Finds text in files of any format: as it is, or inside of base64 at any of its three alignments. */
import { readFileSync } from 'node:fs';

/** What to look for to find the text in raw bytes. */
export function formsOf(text: string): string[] {
  const encoded = [0, 1, 2].map((shift) => {
    const base64 = Buffer.from('\0'.repeat(shift) + text).toString('base64');
    // Characters at the ends also hold bits of what stands beside the text.
    const start = shift === 0 ? 0 : shift + 1;
    const end = (shift + Buffer.byteLength(text)) % 3 === 0 ? base64.length : base64.replace(/=+$/, '').length - 1;
    return base64.slice(start, end);
  });
  return [text, ...encoded];
}

export interface Hit {
  text: string;
  file: string;
  around: string;
}

/** Every text that is in any of the files. */
export function search(files: readonly string[], texts: readonly string[]): Hit[] {
  const hits: Hit[] = [];
  for (const file of files) hits.push(...searchBytes(readFileSync(file), file, texts));
  return hits;
}

export function searchBytes(bytes: Buffer, file: string, texts: readonly string[]): Hit[] {
  return texts.flatMap((text) => {
    const at = formsOf(text)
      .map((form) => bytes.indexOf(form))
      .find((index) => index >= 0);
    if (at === undefined) return [];
    return [{ text, file, around: bytes.subarray(Math.max(0, at - 80), at + 120).toString('latin1') }];
  });
}
