/** Text that Postgres and Temporal can store: no NUL, no half of a surrogate pair. JSON can carry both. */
export function storableText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what this removes
  return text.replace(/\u0000/g, '').replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * The JSON that bytes hold, with or without a byte order mark. One reader for what a sender posts and for what is stored of
 * it: bytes that one takes and the other refuses would be answered and then stand in the way for ever.
 * @returns undefined where they are no JSON, or no UTF-8
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
