/** Short-lived tokens of our own: they say something, and that we said it. For links that cannot carry a bearer. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 32;

export interface SignedTokens<T> {
  sign(content: T, expiresAt: Date): string;
  /** What a token says; undefined where it is forged, garbled or expired. */
  verify(token: string): T | undefined;
}

/**
 * @param secrets secrets of this installation that all API processes share; the first signs, any verifies, as they
 * rotate. A key is derived from each, so that a token tells nothing about it and cannot be used in its place.
 * @param purpose a token of one purpose is none for another
 */
export function createSignedTokens<T>(
  secrets: readonly string[],
  purpose: string,
  now: () => number = Date.now,
): SignedTokens<T> {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES)));
  const [signingKey] = keys;
  if (!signingKey) throw new Error(`a ${purpose} needs a secret`);
  const mac = (key: Buffer, payload: string) => createHmac('sha256', key).update(payload).digest();

  return {
    sign(content, expiresAt) {
      const payload = Buffer.from(JSON.stringify([content, expiresAt.getTime()])).toString('base64url');
      return `${payload}.${mac(signingKey, payload).toString('base64url')}`;
    },

    verify(token) {
      const [payload = '', signature = '', ...rest] = token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const matches = keys.some((key) => {
        const expected = mac(key, payload);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      if (!matches || rest.length > 0) return undefined;
      const [content, expiresAtMs] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [T, number];
      return now() < expiresAtMs ? content : undefined;
    },
  };
}
