import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * The id of a call: derived, so that the workflow can carry it as a search attribute before the row exists.
 * Plain JavaScript, since ids are made inside of workflows too, where Node's crypto is not available.
 * @returns a UUID (version 8: custom) of company and provider id
 */
export function callIdOf(companyId: string, providerCallId: string): string {
  const hash = sha256(utf8ToBytes(`${companyId}\n${providerCallId}`));
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytesToHex(hash);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
