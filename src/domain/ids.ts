import { createHash, randomBytes } from 'node:crypto';

/**
 * The id of a call: derived, so that the workflow can carry it as a search attribute before the row exists.
 * @returns a UUID (version 8: custom) of company and provider id
 */
export function callIdOf(companyId: string, providerCallId: string): string {
  const hash = createHash('sha256').update(`${companyId}\n${providerCallId}`).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** A random integer in [2^40, 2^53): the id Shunya knows one generation of one call or visit by. */
export function randomShunyaCallId(): number {
  const value = Number(randomBytes(8).readBigUInt64BE() >> 11n);
  return value >= 2 ** 40 ? value : randomShunyaCallId();
}
