import { expect, it, vi } from 'vitest';
import { check, endStep, tell, tellSent } from './story.ts';

/** What is printed meanwhile. */
function printed(run: () => void): string[] {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  run();
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
  write.mockRestore();
  return text.trimEnd().split('\n');
}

it('tells a step on two lines of 80 columns, whatever it has seen', () => {
  const answer = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`field_number_${at}`, 'x'.repeat(at)]));
  const lines = printed(() => {
    check(answer, answer);
    check({ items: [], total: 0, answered: false }, { items: [], total: 0, answered: false });
    endStep();
  });
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[0]).toMatch(/^ {3}✓ field number 1 x · /);
  expect(lines[1]).toMatch(/ · \d+ more · 4 empty or zero$/);
});

it('folds zeros, ids and webhooks, and fails by name', () => {
  const lines = printed(() => {
    tellSent('incoming', 200, 'accepted');
    tellSent('completed', 200, 'accepted');
    check({ total: 1, id: 'a', missed_calls: 0 }, { total: 1, id: 'a', missed_calls: 0 });
    tell('one call');
    endStep();
  });
  expect(lines).toEqual(['   ✓ incoming, completed sent · one call · 1 empty or zero']);
  expect(() => check({ stage: 'failed' }, { stage: 'done' })).toThrow('stage is failed, expected done');
});
