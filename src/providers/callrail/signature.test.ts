import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCallRailSignature, verifyCallRailSignature } from './signature.ts';

const body = Buffer.from('{"resource_id":"CAL1","customer_name":"Zoë"}');
const sign = (raw: Uint8Array, key: string) => createHmac('sha1', key).update(raw).digest('base64');

describe('verifyCallRailSignature', () => {
  it('knows the test vector of RFC 2202', () => {
    const data = Buffer.from('what do ya want for nothing?');
    expect(verifyCallRailSignature(data, ['7/zfauXrL6LSdBbV8YTfnCWafHk='], ['Jefe'])).toBe(true);
  });

  it('takes a signature of any key', () => {
    expect(verifyCallRailSignature(body, [sign(body, 'new')], ['old', 'new'])).toBe(true);
    expect(verifyCallRailSignature(body, [sign(body, 'old')], ['old', 'new'])).toBe(true);
    expect(verifyCallRailSignature(new Uint8Array(body), [sign(body, 'old')], ['old'])).toBe(true);
  });

  it('takes any of several signatures', () => {
    expect(verifyCallRailSignature(body, [sign(body, 'forged'), sign(body, 'key')], ['key'])).toBe(true);
    expect(verifyCallRailSignature(body, [sign(body, 'forged'), sign(body, 'other')], ['key'])).toBe(false);
  });

  it('refuses another key, another body, another algorithm', () => {
    expect(verifyCallRailSignature(body, [sign(body, 'other')], ['key'])).toBe(false);
    expect(verifyCallRailSignature(Buffer.concat([body, Buffer.from(' ')]), [sign(body, 'key')], ['key'])).toBe(false);
    expect(verifyCallRailSignature(body, [createHmac('sha256', 'key').update(body).digest('base64')], ['key'])).toBe(
      false,
    );
    expect(verifyCallRailSignature(body, [createHmac('sha1', 'key').update(body).digest('hex')], ['key'])).toBe(false);
  });

  it('refuses without a header, without keys, and with an empty key', () => {
    expect(verifyCallRailSignature(body, [], ['key'])).toBe(false);
    expect(verifyCallRailSignature(body, [''], ['key'])).toBe(false);
    expect(verifyCallRailSignature(body, [sign(body, 'key')], [])).toBe(false);
    expect(verifyCallRailSignature(body, [sign(body, '')], [''])).toBe(false);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (header) => {
        expect(verifyCallRailSignature(body, [header], ['key'])).toBe(false);
      }),
    );
  });
});

describe('readCallRailSignature', () => {
  it('reads one well-formed signature and nothing else', () => {
    const one = sign(body, 'key');
    expect(readCallRailSignature(` ${one} `)).toBe(one);
    for (const header of [undefined, '', 'a', `${one} ${one}`, one.slice(1), `${one}=`, one.replace('=', 'A')])
      expect(readCallRailSignature(header)).toBeUndefined();
  });
});
