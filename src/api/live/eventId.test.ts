import { expect, it } from 'vitest';
import { encodeEventId, parseEventId } from './eventId.ts';

const NOW = Date.UTC(2026, 0, 2);
const HOUR = 3_600_000;

it('reads back the place it wrote, also above 2^53', () => {
  const place = { xid: 9_007_199_254_740_993n, id: 7n };
  expect(parseEventId(encodeEventId(place, NOW), NOW)).toEqual(place);
});

it('knows an id from too long ago', () => {
  const id = encodeEventId({ xid: 1n, id: 1n }, NOW);
  expect(parseEventId(id, NOW + 59 * HOUR)).toBeDefined();
  expect(parseEventId(id, NOW + 61 * HOUR)).toBeUndefined();
});

it.each(['', '1-2', '1-2-', 'a-b-c', '1-2-3-4', "1-2-3' or 1=1", '-1-2-3', '99999999999999999999-1-1'])(
  'refuses %j',
  (text) => expect(parseEventId(text, 3000)).toBeUndefined(),
);
