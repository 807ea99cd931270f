import { describe, expect, it } from 'vitest';
import { kept } from './kept.ts';

describe('kept', () => {
  it('asks once for all who want to know at the same time, and again later', async () => {
    let asked = 0;
    const ask = kept(0, async () => {
      asked += 1;
      return asked;
    });
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    expect(await ask()).toBe(2);
    const long = kept(60_000, async () => {
      asked += 1;
      return asked;
    });
    expect([await long(), await long()]).toEqual([3, 3]);
  });

  it('keeps no failure', async () => {
    let fails = true;
    const ask = kept(60_000, async () => {
      if (fails) throw new Error('away');
      return 'there';
    });
    await expect(ask()).rejects.toThrow('away');
    fails = false;
    expect(await ask()).toBe('there');
  });
});
