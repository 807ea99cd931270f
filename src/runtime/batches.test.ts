import { describe, expect, it } from 'vitest';
import { inBatches } from './batches.ts';

/** A batch function whose batches end when the test says so. */
function startBatches(options: { maxItems?: number; maxWeight?: number; slowMs?: number; maxAtOnce?: number } = {}) {
  const batches: { items: string[]; end: () => void; fail: (error: unknown) => void }[] = [];
  const add = inBatches<string, string>(
    (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: () => resolve(items.map((item) => item.toUpperCase())), fail: reject });
      }),
    {
      maxItems: 10,
      maxWeight: 100,
      slowMs: 60_000,
      maxAtOnce: 2,
      ...options,
      weigh: (item) => item.length,
      isWorthSplitting: (error) => error !== 'away',
    },
  );
  const turn = async () => {
    for (let ticks = 0; ticks < 5; ticks += 1) await new Promise(setImmediate);
  };
  const itemsOf = () => batches.map(({ items }) => items);
  return { add, batches, itemsOf, turn };
}

describe('inBatches', () => {
  it('does together what comes together, and what comes meanwhile next', async () => {
    const { add, batches, itemsOf, turn } = startBatches();
    const first = [add('a'), add('b')];
    await turn();
    const second = [add('c'), add('d')];
    await turn();
    expect(itemsOf()).toEqual([['a', 'b']]);
    batches[0]?.end();
    expect(await Promise.all(first)).toEqual(['A', 'B']);
    await turn();
    expect(itemsOf()[1]).toEqual(['c', 'd']);
    batches[1]?.end();
    expect(await Promise.all(second)).toEqual(['C', 'D']);
  });

  it('bounds a batch by items and by weight; what is too heavy goes alone', async () => {
    const { add, batches, itemsOf, turn } = startBatches({ maxItems: 3, maxWeight: 5 });
    const all = ['heavyweight', 'abc', 'de', 'f', 'g', 'h', 'i'].map((item) => add(item));
    for (let at = 0; at < 4; at += 1) {
      await turn();
      batches[at]?.end();
    }
    expect(await Promise.all(all)).toHaveLength(7);
    expect(itemsOf()).toEqual([['heavyweight'], ['abc', 'de'], ['f', 'g', 'h'], ['i']]);
  });

  it('lets one bad item fail alone', async () => {
    const add = inBatches<string, string>(
      async (items) => {
        if (items.includes('bad')) throw new Error('poison');
        return items;
      },
      { maxItems: 10, maxWeight: 100, slowMs: 60_000, maxAtOnce: 1, weigh: () => 1, isWorthSplitting: () => true },
    );
    const results = await Promise.allSettled(['a', 'bad', 'b'].map((item) => add(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await add('later')).toBe('later');
  });

  it('fails all of a batch at once where repeating is pointless', async () => {
    const { add, batches, turn } = startBatches();
    const both = Promise.allSettled([add('a'), add('b')]);
    await turn();
    batches[0]?.fail('away');
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(batches).toHaveLength(1);
  });

  it('goes on beside a slow batch, up to a bound', async () => {
    const { add, batches, itemsOf } = startBatches({ slowMs: 1, maxAtOnce: 2 });
    const first = add('a');
    await expect.poll(itemsOf).toEqual([['a']]);
    const second = add('b');
    await expect.poll(itemsOf).toEqual([['a'], ['b']]);
    const third = add('c');
    batches[1]?.end();
    expect(await second).toBe('B');
    await expect.poll(itemsOf).toEqual([['a'], ['b'], ['c']]);
    batches[0]?.end();
    batches[2]?.end();
    expect(await Promise.all([first, third])).toEqual(['A', 'C']);
    const last = add('d');
    await expect.poll(itemsOf).toHaveLength(4);
    batches[3]?.end();
    expect(await last).toBe('D');
  });
});
