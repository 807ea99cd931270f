import { createHmac, timingSafeEqual } from 'node:crypto';

/** 20 bytes as base64. */
const WELL_FORMED = /^[A-Za-z0-9+/]{27}=$/;

/** CallRail's `Signature` header; undefined where it is missing or cannot be one, and so verifies with no key. */
export function readCallRailSignature(header: string | undefined): string | undefined {
  const signature = header?.trim();
  return signature && WELL_FORMED.test(signature) ? signature : undefined;
}

/**
 * Whether any of the signatures, each the base64 HMAC-SHA1 of the raw body, was made with any of the keys. Constant time
 * for well-formed ones; the body is hashed once per key.
 */
export function verifyCallRailSignature(
  rawBody: Uint8Array,
  signatures: readonly string[],
  keys: readonly string[],
): boolean {
  const given = signatures
    .filter((signature) => WELL_FORMED.test(signature))
    .map((text) => Buffer.from(text, 'latin1'));
  if (given.length === 0) return false;
  let verified = false;
  for (const key of keys) {
    // An empty key is no secret: anybody can sign with it.
    if (key === '') continue;
    const expected = Buffer.from(createHmac('sha1', key).update(rawBody).digest('base64'), 'latin1');
    for (const signature of given) if (timingSafeEqual(signature, expected)) verified = true;
  }
  return verified;
}
