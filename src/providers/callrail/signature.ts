import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Whether CallRail's `Signature` header, base64 HMAC-SHA1 of the raw body, was made with any of the keys. Constant
 * time; a missing or malformed header is just false.
 */
export function verifyCallRailSignature(
  rawBody: Uint8Array,
  header: string | undefined,
  keys: readonly string[],
): boolean {
  const given = Buffer.from(header?.trim() ?? '', 'utf8');
  let verified = false;
  for (const key of keys) {
    // An empty key is no secret: anybody can sign with it.
    if (key === '') continue;
    const expected = Buffer.from(createHmac('sha1', key).update(rawBody).digest('base64'), 'utf8');
    if (given.length === expected.length && timingSafeEqual(given, expected)) verified = true;
  }
  return verified;
}
