import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBodyBytes } from './text.ts';

const parse = (text: string) => parseBodyBytes(new TextEncoder().encode(text));

describe('parseBodyBytes', () => {
  it('reads JSON as JSON, also where it looks like a form', () => {
    expect(parse('{"call_id": "1"}')).toEqual({ call_id: '1' });
    expect(parse('"a=b"')).toBe('a=b');
  });

  it('reads a form', () => {
    const form = 'callernum=%2B13035550119&customer_name=Jos%C3%A9+M%C3%BCller&duration=12&note=&tags%5B%5D=a';
    expect(parse(form)).toEqual({
      callernum: '+13035550119',
      customer_name: 'José Müller',
      duration: '12',
      note: '',
      'tags[]': 'a',
    });
  });

  it('reads names within call[…] as names', () => {
    expect(parse('call[resource_id]=CAL1&call%5Banswered%5D=true&x[y]=1')).toEqual({
      resource_id: 'CAL1',
      answered: 'true',
      'x[y]': '1',
    });
  });

  it.each(['', 'no json', 'word', '{"call_id": "1"', '{"a":"b=c"', '<a b="c"/>', 'a b=c', '=', '\0', 'a=b\nc'])(
    'takes %j for neither',
    (text) => {
      expect(parse(text)).toBeUndefined();
    },
  );

  it('reads back any form that a browser writes', () => {
    const fields = fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), {
      minKeys: 1,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fields, (record) => {
        fc.pre(Object.keys(record).every((name) => !name.startsWith('call[') && name !== '__proto__'));
        expect(parse(new URLSearchParams(record).toString())).toEqual(record);
      }),
    );
  });
});
