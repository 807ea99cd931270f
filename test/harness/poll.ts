import { setTimeout as delay } from 'node:timers/promises';

const FIRST_MS = 50;
/** Many tests wait at once: asking more often would take the time from what they wait for. */
const EVERY_MS = 800;

/**
 * Tries until it does not throw, and answers what it answered.
 * @throws what the last try threw, when the time is over
 */
export async function eventually<T>(attempt: () => T | Promise<T>, seconds = 60): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (let waitMs = FIRST_MS; ; waitMs = Math.min(EVERY_MS, waitMs * 1.5)) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(waitMs);
  }
}

/** Runs the work for every item, at most so many at a time, and answers in their order. */
export async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = [...items.entries()];
  const take = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, take));
  return results;
}
