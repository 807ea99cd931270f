import { describe, expect, it } from 'vitest';
import { CSV_PAGE_ROWS, csvCell, csvLines, csvResponse } from './csv.ts';

describe('cells', () => {
  it('are never formulas', () => {
    for (const text of [
      '=1+1',
      '+1 555 BUY',
      '-2+3',
      '@SUM(A1)',
      '\t=1',
      '\r=1',
      '\n=1',
      '＝1',
      '-',
      '+',
      '-1e5',
      '+1'.repeat(9),
    ])
      expect(csvCell(text)).toBe(`'${text}`);
  });

  it('keep numbers, phone numbers and other text as they are', () => {
    for (const text of ['-12', '-0.5', '3', '+15551234567', 'a=b', "'quoted'", ' =1', '', 'Müller'])
      expect(csvCell(text)).toBe(text);
    expect([csvCell(null), csvCell(true), csvCell(-1.5)]).toEqual(['', 'true', '-1.5']);
  });
});

describe('lines', () => {
  it('follow RFC 4180', () => {
    const rows = [['a,b', 'say "hi"', 'one\r\ntwo', 'one\ntwo', 'one\rtwo', 'plain', '', ' padded ']];
    expect(csvLines(rows)).toBe('"a,b","say ""hi""","one\r\ntwo","one\ntwo","one\rtwo",plain,, padded \r\n');
  });
});

describe('files', () => {
  const columns = [['n', (n: number) => n]] as const;
  const view = (n: number) => n;
  const read = (total: number, reads: (number | undefined)[]) => async (after: number | undefined) => {
    reads.push(after);
    const first = after === undefined ? 0 : after + 1;
    return Array.from({ length: Math.min(CSV_PAGE_ROWS, total - first) }, (_, i) => first + i);
  };
  const noError = (error: unknown) => expect.fail(String(error));

  it('have every row once, and a header also without rows', async () => {
    for (const total of [0, 1, CSV_PAGE_ROWS - 1, CSV_PAGE_ROWS, CSV_PAGE_ROWS + 1, 3 * CSV_PAGE_ROWS]) {
      const answer = await csvResponse({
        file: { timeZone: 'UTC', bom: false, base: '' },
        name: 'n',
        columns,
        view,
        readPage: read(total, []),
        onError: noError,
      });
      const lines = (await answer.text()).split('\r\n');
      expect(lines).toEqual(['n', ...Array.from({ length: total }, (_, i) => String(i)), '']);
    }
  });

  it('are read no faster than they are taken', async () => {
    const reads: (number | undefined)[] = [];
    const answer = await csvResponse({
      file: { timeZone: 'UTC', bom: false, base: '' },
      name: 'n',
      columns,
      view,
      readPage: read(1_000_000, reads),
      onError: noError,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reads.length).toBeLessThan(5);
    await reader?.cancel();
  });

  it('are cut off where a page cannot be read, and said so', async () => {
    const failing = async (after: number | undefined) => {
      if (after !== undefined) throw new Error('the database is away');
      return Array.from({ length: CSV_PAGE_ROWS }, (_, i) => i);
    };
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const answer = await csvResponse({
      file: { timeZone: 'UTC', bom: false, base: '' },
      name: 'n',
      columns,
      view,
      readPage: failing,
      onError,
    });
    await expect(answer.text()).rejects.toThrow('the database is away');
    expect(errors).toHaveLength(1);
  });
});
