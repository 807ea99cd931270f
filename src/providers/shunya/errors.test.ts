import { describe, expect, it } from 'vitest';
import { readProviderError, ShunyaError, sanitizeCode } from './errors.ts';

describe('ShunyaError', () => {
  it('says codes and numbers only', () => {
    const error = new ShunyaError({ code: 'call +1 555 010 0000', status: 503, permanent: false });
    expect(error.message).toBe('Shunya: unknown (HTTP 503)');
    expect(error.cause).toBeUndefined();
  });
});

describe('sanitizeCode', () => {
  it.each(['RATE_LIMITED', 'http_503', 'E123456'])('takes %s', (code) => expect(sanitizeCode(code)).toBe(code));
  it.each(['', 'two words', '5xx', 'x5550100000', 'A'.repeat(65), 'a-b', 7, null])('not %s', (code) => {
    expect(sanitizeCode(code)).toBe('unknown');
  });
});

describe('readProviderError', () => {
  it('reads the documented form', () => {
    const error = { error_code: 'BUSY', message: 'text', retryable: true, details: { retry_after: 7 } };
    expect(readProviderError({ success: false, error })).toEqual({
      code: 'BUSY',
      retryable: true,
      retryAfterSeconds: 7,
    });
  });

  it.each([
    [{ error: 'BUSY' }, 'BUSY', null],
    [{ error: 'The line 555 is busy', error_code: 'BUSY', retryable: false }, 'BUSY', false],
    [{ detail: { code: 'BUSY', retryable: 'false' } }, 'BUSY', false],
    [{ detail: [{ msg: 'field required', type: 'missing' }] }, null, null],
    [{ errors: [{ code: 'BUSY' }] }, 'BUSY', null],
    [{ data: { error: { error_code: 'not a code' } } }, 'unknown', null],
    [{ error: 503 }, null, null],
    ['BUSY', null, null],
  ])('reads %j', (body, code, retryable) => expect(readProviderError(body)).toMatchObject({ code, retryable }));
});
