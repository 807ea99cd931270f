import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCaller, parsePhone, phoneForms } from './phone.ts';

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
    ['+5215512345678', '+525512345678'],
    ['+525512345678', '+525512345678'],
    ['+52 1 55 1234 5678', '+525512345678'],
    ['+551181234567', '+5511981234567'],
    ['+55 (11) 98123-4567', '+5511981234567'],
    ['+551131234567', '+551131234567'],
    ['+541143210987', '+541143210987'],
    ['+54 11 15 1234-5678', '+5491112345678'],
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

describe('parseCaller', () => {
  it.each([
    // RESTRICTED, UNAVAILABLE, ANONYMOUS, PRIVATE, BLOCKED, UNKNOWN, OUTOFAREA as the keypad spells them
    ...['7378742833', '86282452253', '266696687', '7748283', '2562533', '8656696', '688632732'].flatMap((digits) => [
      digits,
      `+${digits}`,
      `1${digits}`,
      `+1${digits}`,
    ]),
    '(737) 874-2833',
    '+1 737-874-2833',
    7378742833,
    '0000000000',
    '+10000000000',
    '+00000000000',
    '000',
    '1111111111',
    '+11111111111',
    '9999999999',
    '+19999999999',
    '5555555555',
    '8888888888',
    '+440000000000',
    '+10125550147',
    '+11234567890',
    '1234567890',
    '+12120000000',
    '911',
    '12345',
    '+12345',
    '40404',
    'Restricted',
    'anonymous',
    'Private Caller',
    'UNKNOWN NAME',
    'No Caller ID',
    'sip:anonymous@anonymous.invalid',
    '+1RESTRICTED',
  ])('%j is nobody', (raw) => {
    expect(parseCaller(raw)).toBeUndefined();
  });

  it.each([
    ['+12125550147', '+12125550147'],
    ['+15551234567', '+15551234567'],
    ['+15550000000', '+15550000000'],
    ['+15551111111', '+15551111111'],
    ['+17378742834', '+17378742834'],
    ['+18005550199', '+18005550199'],
    ['+442079460958', '+442079460958'],
    ['+85222222222', '+85222222222'],
    ['+5215512345678', '+525512345678'],
  ])('%j is %j', (raw, expected) => {
    expect(parseCaller(raw)).toBe(expected);
  });
});

describe('phoneForms', () => {
  it('knows an Argentine number with and without the 9 of mobiles, the one with it first', () => {
    const forms = ['+5491112345678', '+541112345678'];
    expect(phoneForms('+541112345678')).toEqual(forms);
    expect(phoneForms('+5491112345678')).toEqual(forms);
  });

  it('knows any other number as itself', () => {
    for (const phone of ['+12125550147', '+525512345678', '+5411123']) expect(phoneForms(phone)).toEqual([phone]);
  });
});
