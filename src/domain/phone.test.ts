import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePhone } from './phone.ts';

describe('parsePhone', () => {
  it.each([
    ['(212) 555-0147', '+12125550147'],
    ['+12125550147', '+12125550147'],
    ['12125550147', '+12125550147'],
    ['2125550147', '+12125550147'],
    ['212-555-0147', '+12125550147'],
    [' 212.555.0147 ', '+12125550147'],
    ['+1 (212) 555-0147 ext. 5', '+12125550147'],
    ['+15551234567', '+15551234567'],
    ['555-123-4567', '+15551234567'],
    ['+44 20 7946 0958', '+442079460958'],
    ['+919876543210', '+919876543210'],
    [12125550147, '+12125550147'],
  ])('%j is %j', (raw, expected) => {
    expect(parsePhone(raw)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'anonymous',
    'Restricted',
    'Unavailable',
    'Unknown',
    '+',
    '++1',
    '0',
    '911',
    '123',
    '+1',
    'call +12125550147',
    '+266696687',
    '442079460958',
    '12345678901234567890',
    '\0',
    '+1212555\u00000147',
    null,
    undefined,
    true,
    {},
    [],
    Number.NaN,
    -1,
    1.5,
  ])('%j is none', (raw) => {
    expect(parsePhone(raw)).toBeUndefined();
  });

  it('never throws, and reads its own answer', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ unit: fc.constantFrom(...'+0123456789-() x.') })), (raw) => {
        const phone = parsePhone(raw);
        if (phone === undefined) return;
        expect(phone).toMatch(/^\+\d{2,17}$/);
        expect(parsePhone(phone)).toBe(phone);
      }),
      { numRuns: 500 },
    );
  });
});
