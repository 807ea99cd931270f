import { describe, expect, it } from 'vitest';
import { isCarrierLabel } from './callerName.ts';

describe('isCarrierLabel', () => {
  it.each([
    'WIRELESS CALLER',
    'Wireless Caller',
    'UNAVAILABLE',
    'UNKNOWN',
    'Unknown Name',
    'NAME UNAVAILABLE',
    'NOT AVAILABLE',
    'TOLL FREE CALL',
    'TOLL FREE CALLER',
    'TOLL-FREE NUMBER',
    'Cell Phone NY',
    'CELL PHONE   TX',
    'CELLULAR CALL',
    'MOBILE CALLER',
    'PRIVATE CALLER',
    'Anonymous',
    'RESTRICTED',
    'BLOCKED',
    'NO CALLER ID',
    'NO NAME',
    'OUT OF AREA CALL',
    'INCOMING CALL',
    'SPAM LIKELY',
    'Scam Likely',
    'Potential Spam',
    'SPAM?',
    'null',
    '+12125550147',
    '12125550147',
    '212-555-0147',
    '(212) 555-0147',
    'V10261234567890123',
    '---',
    'DALLAS TX',
    'DALLAS, TX',
    'NEW YORK NY',
    'ST. LOUIS MO',
    'VANCOUVER BC',
  ])('%j is one', (name) => {
    expect(isCarrierLabel(name)).toBe(true);
  });

  it.each([
    'Pat Reyes',
    'REYES PAT',
    'Ada Brook',
    "O'Brien, Sean",
    'José Müller',
    '王芳',
    'ACME WIRELESS LLC',
    'Caller Heating and Air',
    'Free Wheel Bikes',
    'Mobile Mechanics of Dallas',
    'Private Bank Trust',
    'Tex Oh-Brien',
    'CO',
    'Caller A',
    'Caller One',
    'Ford Motor Co',
    'Denver Co',
    'Ada Brook MD',
    'Noah Area',
    '7 Eleven',
    'Jean-Paul Call III',
  ])('%j is none', (name) => {
    expect(isCarrierLabel(name)).toBe(false);
  });

  it.each([
    ['Denver Co', { city: 'Denver', state: 'CO' }, true],
    ['SAN FRANCISC CA', { city: 'San Francisco', state: 'CA' }, true],
    ['ST LOUIS MO', { city: 'St. Louis', state: 'mo' }, true],
    ['DALLAS TX', { state: 'TX' }, true],
    ['Sandra Oh', { city: 'New York', state: 'NY' }, false],
    ['Ford Motor Co', { city: 'Denver', state: 'CO' }, false],
    ['Pat Wa', { city: 'Seattle', state: 'WA' }, false],
    ['Miller Co', { state: 'CO' }, false],
  ])('%j is a town by where its number is from, %j: %j', (name, place, expected) => {
    expect(isCarrierLabel(name, place)).toBe(expected);
  });
});
