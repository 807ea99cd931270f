/** Work that is cheaper done for several at once: while one batch is under way, the next gathers. */

export interface BatchOptions<Item> {
  /** Items of one batch at most. */
  maxItems: number;
  /** Weight of one batch at most; a heavier item is a batch of its own. */
  maxWeight: number;
  weigh: (item: Item) => number;
  /** A batch that takes longer does not keep the others waiting: the next one starts beside it. */
  slowMs: number;
  /** Batches under way at once, at most. */
  maxAtOnce: number;
  /** Whether what failed for a batch is worth trying for each of its items alone. */
  isWorthSplitting: (error: unknown) => boolean;
}

/**
 * Groups calls into batches, one under way at a time unless one is slow: the first starts at once, those that come
 * meanwhile form the next.
 * A batch that fails is repeated item by item, so that one bad item fails alone.
 * @param run answers as many results as it gets items, in their order
 */
export function inBatches<Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  options: BatchOptions<Item>,
): (item: Item) => Promise<Result> {
  interface Entry {
    item: Item;
    resolve: (result: Result) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Entry[] = [];
  let underWay = 0;
  let slow = 0;

  const take = (): Entry[] => {
    let weight = 0;
    let count = 0;
    for (const { item } of waiting) {
      weight += options.weigh(item);
      if (count > 0 && (count >= options.maxItems || weight > options.maxWeight)) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const settle = async (batch: Entry[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error('a batch answered another number of results');
      batch.forEach(({ resolve }, index) => void resolve(results[index] as Result));
    } catch (error) {
      if (batch.length > 1 && options.isWorthSplitting(error)) for (const entry of batch) await settle([entry]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const work = async () => {
    underWay += 1;
    // Whoever is read from the network in this turn of the event loop comes along.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const batch = take();
      let isSlow = false;
      const timer = setTimeout(() => {
        isSlow = true;
        slow += 1;
        start();
      }, options.slowMs);
      await settle(batch);
      clearTimeout(timer);
      if (!isSlow) continue;
      slow -= 1;
      // Another took its place meanwhile.
      if (underWay - slow > 1) break;
    }
    underWay -= 1;
  };

  const start = () => {
    if (waiting.length > 0 && underWay === slow && underWay < options.maxAtOnce) void work();
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      start();
    });
}
