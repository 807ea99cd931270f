import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from './retryAfter.ts';

describe('parseRetryAfter', () => {
  const now = Date.parse('2030-01-01T00:00:00Z');
  it.each([
    ['5', 5],
    [0.2, 1],
    ['Tue, 01 Jan 2030 00:01:00 GMT', 60],
    ['Mon, 31 Dec 2029 00:01:00 GMT', 0],
    ['99999999', 86_400],
    ['-5', null],
    ['soon', null],
    ['', null],
    [null, null],
  ])('reads %j as %j', (value, seconds) => expect(parseRetryAfter(value, now)).toBe(seconds));
});
