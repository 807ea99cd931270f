import { createHmac, timingSafeEqual } from 'node:crypto';

const TOLERANCE_MS = 300_000;

/**
 * Checks a callback's signature: lower-case hex HMAC-SHA256(secret, `<timestamp>.<raw body>`), the timestamp in epoch
 * milliseconds and at most 300 s away. Any of the secrets verifies. Never throws.
 */
export function verifyShunyaSignature(input: {
  rawBody: string | Uint8Array;
  timestamp: string | null | undefined;
  signature: string | null | undefined;
  secrets: readonly string[];
  nowMs: number;
}): 'ok' | 'missing' | 'stale' | 'mismatch' {
  const { rawBody, timestamp, signature, secrets, nowMs } = input;
  if (!timestamp || !signature) return 'missing';
  if (!/^\d{1,15}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp)) > TOLERANCE_MS) return 'stale';

  const given = Buffer.from(signature);
  let matches = false;
  for (const secret of secrets) {
    // An unset secret must not verify what anybody can sign.
    if (secret === '') continue;
    const expected = Buffer.from(createHmac('sha256', secret).update(`${timestamp}.`).update(rawBody).digest('hex'));
    // No early exit: how long it takes says nothing about which secret matched.
    if (given.length === expected.length && timingSafeEqual(given, expected)) matches = true;
  }
  return matches ? 'ok' : 'mismatch';
}
