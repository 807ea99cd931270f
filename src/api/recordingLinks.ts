/** Short-lived links to recordings: they need no bearer, so that `<audio>` can play them, and name only a call. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Long enough to listen, too short to pass around. */
const LINK_SECONDS = 300;
const KEY_BYTES = 32;

export interface RecordingLinks {
  /** A token for one recording. */
  sign(recording: { companyId: string; callId: string }): { token: string; expiresAt: Date };
  /** What a token stands for; undefined where it is forged, garbled or expired. */
  verify(token: string): { companyId: string; callId: string } | undefined;
}

/**
 * @param secrets secrets of this installation that all API processes share; the first signs, any verifies, as they
 * rotate. A key is derived from each, so that a link tells nothing about it and cannot be used in its place.
 */
export function createRecordingLinks(secrets: readonly string[], now: () => number = Date.now): RecordingLinks {
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'callwright recording link', KEY_BYTES)),
  );
  const [signingKey] = keys;
  if (!signingKey) throw new Error('recording links need a secret');
  const mac = (key: Buffer, payload: string) => createHmac('sha256', key).update(payload).digest();

  return {
    sign({ companyId, callId }) {
      const expiresAt = new Date(Math.floor(now() / 1000 + LINK_SECONDS) * 1000);
      const payload = Buffer.from(JSON.stringify([companyId, callId, expiresAt.getTime()])).toString('base64url');
      return { token: `${payload}.${mac(signingKey, payload).toString('base64url')}`, expiresAt };
    },

    verify(token) {
      const [payload = '', signature = '', ...rest] = token.split('.');
      const given = Buffer.from(signature, 'base64url');
      const matches = keys.some((key) => {
        const expected = mac(key, payload);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      if (!matches || rest.length > 0) return undefined;
      const [companyId, callId, expiresAtMs] = JSON.parse(Buffer.from(payload, 'base64url').toString());
      return now() < expiresAtMs ? { companyId, callId } : undefined;
    },
  };
}
