import { describe, expect, it } from 'vitest';
import { createTimeLimit, within } from './timeLimit.ts';

const late = () => new Error('late');

describe('within a time limit', () => {
  it('gives the outcome of what ends in time', async () => {
    const limit = createTimeLimit(60_000);
    await expect(within(limit, Promise.resolve('done'), late)).resolves.toBe('done');
    await expect(within(limit, Promise.reject(new Error('of its own')), late)).rejects.toThrow('of its own');
  });

  it('ends the wait for each that takes longer, whenever it started, and not before', async () => {
    const limit = createTimeLimit(30);
    const waitForEver = async () => {
      const startedAt = performance.now();
      await expect(within(limit, new Promise(() => {}), late)).rejects.toThrow('late');
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(30);
    };
    const first = waitForEver();
    await within(limit, new Promise(setImmediate), late);
    await Promise.all([first, waitForEver(), waitForEver()]);
    await waitForEver();
  });
});
