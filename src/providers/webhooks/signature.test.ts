import { describe, expect, it } from 'vitest';
import { newWebhookSecret, webhookHeaders } from './signature.ts';

/** The example that the Standard Webhooks reference libraries are tested with. */
const PUBLISHED = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  sentAt: new Date(1_614_265_330_000),
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

describe('webhookHeaders', () => {
  it('signs the published example as published', () => {
    expect(webhookHeaders(PUBLISHED, [PUBLISHED.secret])).toEqual({
      'webhook-id': PUBLISHED.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': PUBLISHED.signature,
    });
  });

  it('signs with every secret, the newest first, separated by a space', () => {
    const newest = newWebhookSecret();
    const [first, second, ...rest] =
      webhookHeaders(PUBLISHED, [newest, PUBLISHED.secret])['webhook-signature']?.split(' ') ?? [];
    expect(first).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
    expect(first).not.toBe(PUBLISHED.signature);
    expect(second).toBe(PUBLISHED.signature);
    expect(rest).toEqual([]);
  });
});

describe('newWebhookSecret', () => {
  it('is 32 random bytes behind the prefix', () => {
    const secret = newWebhookSecret();
    expect(Buffer.from(secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
    expect(secret).not.toBe(newWebhookSecret());
  });
});
