/** Text that Postgres and Temporal can store: no NUL, no half of a surrogate pair. JSON can carry both. */
export function storableText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nearly no text has any of these, and then nothing is to be done
  if (!/[\u0000\ud800-\udfff]/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what this removes
  return text.replace(/\u0000/g, '').replace(/\p{Surrogate}/gu, '\ufffd');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON that bytes hold, with or without a byte order mark. One reader for what a sender posts and for what is stored of
 * it: bytes that one takes and the other refuses would be answered and then stand in the way for ever.
 * @returns undefined where they are no JSON, or no UTF-8
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

/**
 * What the body of a webhook says, JSON or a form. CallRail once sent forms; their fields are read like those of JSON, and
 * so are names within `call[…]`. Bytes alone decide, so that what was taken once is read the same from the database.
 * @returns undefined where it is neither
 */
export function parseBodyBytes(bytes: Uint8Array): unknown {
  const json = parseJsonBytes(bytes);
  return json === undefined ? parseFormBytes(bytes) : json;
}

function parseFormBytes(bytes: Uint8Array): Record<string, string> | undefined {
  try {
    const text = utf8.decode(bytes);
    // A form has no spaces or quotes, they are encoded; so broken JSON, XML or prose is none.
    if (!/^[^\s"'<>{}=]+=[^\s"'<>{}]*$/.test(text)) return undefined;
    const fields = [...new URLSearchParams(text)].map(([name, value]) => [
      name.replace(/^call\[([^\]]+)\]$/, '$1'),
      value,
    ]);
    return Object.fromEntries(fields);
  } catch {
    return undefined;
  }
}
