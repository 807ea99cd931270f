import { expect, it } from 'vitest';
import { createBacklogTurns } from './backlogTurns.ts';

/** Turns with a clock that stands still but for `pass`. */
function start() {
  let at = 0;
  const turns = createBacklogTurns(() => at);
  const pass = (ms: number) => {
    at += ms;
  };
  return { ...turns, pass };
}
const NEW = { hasNew: true, hasBacklog: false };
const NOTHING_NEW = { hasNew: false, hasBacklog: false };

it('a backlog yields, and waits between two steps of what is new', () => {
  const turns = start();
  expect(turns.next()).toBe('yields');
  turns.saw(NEW);
  turns.pass(99);
  turns.saw(NOTHING_NEW);
  expect(turns.next()).toBe('waits');
  turns.pass(1);
  expect(turns.next()).toBe('yields');
});

it.each([20, 250])('where new events never end, looked for every %d ms, it goes on twice a second', (everyMs) => {
  const turns = start();
  let taken = 0;
  for (let ms = 0; ms < 10_000; ms += everyMs) {
    const hasBacklog = turns.next() === 'goes on';
    if (hasBacklog) taken += 1;
    turns.saw({ hasNew: true, hasBacklog });
    turns.pass(everyMs);
  }
  expect(taken).toBe(19);
});

it('what is new after a quiet time goes first again, however long that was', () => {
  const turns = start();
  for (let looks = 0; looks < 10; looks += 1) {
    turns.pass(250);
    turns.saw(NOTHING_NEW);
  }
  turns.pass(250);
  expect(turns.next()).toBe('yields');
});
