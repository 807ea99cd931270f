import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { every } from './every.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const onError = (error: unknown) => {
  throw error;
};

describe('every', () => {
  it('does the work at each interval, and at once where that is asked for', async () => {
    let runs = 0;
    const work = async () => {
      runs += 1;
    };
    const stop = every(100, work, { onError });
    await vi.advanceTimersByTimeAsync(99);
    expect(runs).toBe(0);
    await vi.advanceTimersByTimeAsync(201);
    expect(runs).toBe(3);
    await stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(runs).toBe(3);
    const stopOther = every(100, work, { onError, atOnce: true });
    expect(runs).toBe(4);
    await stopOther();
  });

  it('leaves out runs while one takes longer, and waits for that when it is ended', async () => {
    let runs = 0;
    let finish = () => {};
    let seen: AbortSignal | undefined;
    const stop = every(
      100,
      (stopping) => {
        runs += 1;
        seen = stopping;
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      { onError },
    );
    await vi.advanceTimersByTimeAsync(350);
    expect(runs).toBe(1);
    finish();
    await vi.advanceTimersByTimeAsync(100);
    expect(runs).toBe(2);
    let isEnded = false;
    const ended = stop().then(() => {
      isEnded = true;
    });
    await vi.advanceTimersByTimeAsync(100);
    expect([isEnded, seen?.aborted]).toEqual([false, true]);
    finish();
    await ended;
    expect(runs).toBe(2);
  });

  it('tells of what fails and goes on', async () => {
    const errors: unknown[] = [];
    const stop = every(100, () => Promise.reject(new Error('away')), { onError: (error) => errors.push(error) });
    await vi.advanceTimersByTimeAsync(250);
    expect(errors).toHaveLength(2);
    await stop();
  });
});
