/** CallRailReconciliation, on a real Temporal server; which companies there are and what each came to is scripted. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failing, type Scripted, startScripted } from './scripted.ts';

let scripted: Scripted;
beforeAll(async () => {
  scripted = await startScripted();
});
afterAll(() => scripted?.stop());

const turns = (...ids: string[]) =>
  ids.map((companyId) => ({ companyId, from: '2026-11-26T09:00:00.000Z', to: '2026-11-26T10:00:00.000Z' }));

it('counts the companies of all its runs', async () => {
  const { result, played } = await scripted.reconciliation({
    listReconciliations: [
      { companies: turns('a', 'b'), next: 'b' },
      { companies: turns('c', 'd', 'e'), next: null },
    ],
    reconcileCompany: [
      { listed: 9, fed: 2, failed: null },
      { listed: 9, fed: 1, failed: 'callrail_unauthorized' },
      { listed: 9, fed: 4, failed: null },
      failing('database'),
      { listed: 9, fed: 0, failed: null },
    ],
  });
  expect(result).toEqual({ companies: 5, fed: 7, failed: 2 });
  const lists = played.filter(({ name }) => name === 'listReconciliations').map(({ input }) => input);
  expect(lists).toEqual([{ lookbackSeconds: 3600 }, { lookbackSeconds: 3600, after: 'b' }]);
});
