import path from 'node:path';
import { expect, inject, it } from 'vitest';
import { describeResult, runChaos } from '../../bench/chaos/chaos.ts';
import { drawPlan } from '../../bench/chaos/plan.ts';

/** The short form of `npm run chaos`: the same plan, faults and invariants, on servers of its own that it may kill. */
const SHORT = { seed: 4, calls: 12, visits: 3, kills: 3, apis: 1, workers: 1, pace: 0.3, reconciles: false };

it('draws the same plan from the same seed, and another from another', () => {
  expect(drawPlan(SHORT)).toEqual(drawPlan(SHORT));
  expect(drawPlan({ ...SHORT, seed: 5 })).not.toEqual(drawPlan(SHORT));
});

it('loses, doubles and forgets nothing while processes are killed and Shunya misbehaves', {
  timeout: 300_000,
}, async () => {
  const result = await runChaos(SHORT, () => {}, path.join(inject('built'), 'dist'));
  expect(result.broken, describeResult(result)).toEqual([]);
  expect(result.kills).toBe(SHORT.kills);
  expect(result.sent.acknowledged).toBeGreaterThan(0);
});
