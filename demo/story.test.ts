import { expect, it, vi } from 'vitest';
import { check, checkedCount, endStep, SHOWN } from './story.ts';

/** What is printed meanwhile. */
function printed(run: () => void): string[] {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  run();
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
  write.mockRestore();
  return text.trimEnd().split('\n');
}

it('ends a step with one sentence, and counts what was compared', () => {
  const before = checkedCount();
  const lines = printed(() => {
    check({ stage: 'done', id: 'a', summary: 'x' }, { stage: 'done', id: 'a', summary: SHOWN });
    endStep('one call');
  });
  expect(lines).toEqual(['   ✓ one call']);
  expect(checkedCount() - before).toBe(2);
});

it('fails by name, with all that is not as expected', () => {
  const isWrong = () => check({ stage: 'failed', total: 2 }, { stage: 'done', total: 1 });
  expect(isWrong).toThrow('stage is failed, expected done; total is 2, expected 1');
});
