/** Arrays as Postgres reads them, for statements that take many rows by a few parameters. */

/** Of texts; null stays null. */
export const arrayLiteral = (texts: readonly (string | null)[]): string =>
  `{${texts.map((text) => (text === null ? 'null' : `"${escaped(text)}"`)).join(',')}}`;

/** Of bytes, in hexadecimal. */
export const byteaArrayLiteral = (all: readonly Uint8Array[]): string =>
  `{${all.map((bytes) => `"\\\\x${hex(bytes)}"`).join(',')}}`;

const escaped = (text: string): string => (/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text);

const hex = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('hex');
