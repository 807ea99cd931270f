import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyShunyaSignature } from './signature.ts';

const nowMs = 1_760_000_000_000;
const rawBody = '{"event":"job.completed"}';

function sign(secret: string, timestamp: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${rawBody}`).digest('hex');
}

function verify(changes: Partial<Parameters<typeof verifyShunyaSignature>[0]> = {}) {
  const timestamp = changes.timestamp ?? String(nowMs);
  const signature = sign('current', timestamp);
  return verifyShunyaSignature({ rawBody, timestamp, signature, secrets: ['next', 'current'], nowMs, ...changes });
}

describe('verifyShunyaSignature', () => {
  it('takes any of the secrets, over text or bytes', () => {
    expect(verify()).toBe('ok');
    expect(verify({ rawBody: Buffer.from(rawBody) })).toBe('ok');
    expect(verify({ secrets: ['other'] })).toBe('mismatch');
  });

  it('signs the very bytes', () => {
    expect(verify({ rawBody: `${rawBody} ` })).toBe('mismatch');
    expect(verify({ signature: sign('current', String(nowMs)).toUpperCase() })).toBe('mismatch');
  });

  it('takes 300 s either way and no more', () => {
    expect(verify({ timestamp: String(nowMs - 300_000) })).toBe('ok');
    expect(verify({ timestamp: String(nowMs + 300_000) })).toBe('ok');
    expect(verify({ timestamp: String(nowMs - 300_001) })).toBe('stale');
    expect(verify({ timestamp: String(nowMs + 300_001) })).toBe('stale');
    expect(verify({ timestamp: String(nowMs / 1000) })).toBe('stale');
  });

  it.each(['', '1e12', '0x10', '-1', ' 1760000000000', '1760000000000.5', 'NaN', '9'.repeat(400)])(
    'refuses the timestamp %j whatever its signature',
    (timestamp) => expect(verify({ timestamp })).not.toBe('ok'),
  );

  it.each(['ab', 'é'.repeat(64), '0'.repeat(64), 'x'.repeat(100_000)])('refuses the signature %#', (signature) => {
    expect(verify({ signature })).toBe('mismatch');
  });

  it('says when there is none, and never trusts an unset secret', () => {
    expect(verify({ signature: undefined })).toBe('missing');
    expect(verify({ timestamp: null })).toBe('missing');
    expect(verify({ secrets: [] })).toBe('mismatch');
    expect(verify({ secrets: [''], signature: sign('', String(nowMs)) })).toBe('mismatch');
  });
});
