import { expect, it } from 'vitest';
import { createLargeLists } from './paging.ts';

it('a large list is counted again after half a minute, and each list by itself', () => {
  // What is added at a clock's 0 has no age for the cache.
  let now = 1;
  const large = createLargeLists(() => now);
  expect(large.has('a')).toBe(false);
  large.add('a');
  now += 29_999;
  expect([large.has('a'), large.has('b')]).toEqual([true, false]);
  now += 2;
  expect(large.has('a')).toBe(false);
});

it('so many lists are remembered and no more', () => {
  const large = createLargeLists(() => 1);
  const lists = Array.from({ length: 1001 }, (_, index) => String(index));
  for (const list of lists) large.add(list);
  expect(lists.filter((list) => large.has(list))).toEqual(lists.slice(1));
});
