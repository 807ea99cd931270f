import { describe, expect, it } from 'vitest';
import { createSpareTime } from './spareTime.ts';

describe('spare time', () => {
  it('is there at once while the loop is idle, and one after the other once it was busy', async () => {
    let share = 0.1;
    const spare = createSpareTime(() => share);
    await spare.wait();
    share = 0.9;
    const done: number[] = [];
    const waiting = [1, 2, 3].map((turn) => spare.wait().then(() => done.push(turn)));
    await new Promise(setImmediate);
    expect(done).toEqual([]);
    share = 0.1;
    await waiting[0];
    expect(done).toEqual([1]);
    await Promise.all(waiting);
    expect(done).toEqual([1, 2, 3]);
  });

  it('comes in the end, however busy the loop is', async () => {
    const spare = createSpareTime(() => 1);
    const startedAt = performance.now();
    await spare.wait();
    expect(performance.now() - startedAt).toBeGreaterThan(1500);
  });
});
