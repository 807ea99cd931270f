/** Text that Postgres and Temporal can store: no NUL, no half of a surrogate pair. JSON can carry both. */
export function storableText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what this removes
  return text.replace(/\u0000/g, '').replace(/\p{Surrogate}/gu, '\ufffd');
}
