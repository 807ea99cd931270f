/** What the demo prints, and what makes one of its steps fail. */
import { setTimeout as delay } from 'node:timers/promises';

/** A step did not hold; the message says what was seen and what was expected. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

/** Printed, not compared. */
export const SHOWN = Symbol('shown');

const POLL_MS = 300;
const DOT_MS = 1500;
const LABEL_WIDTH = 38;
const TEXT_MAX = 76;

const hasColour = process.stdout.isTTY === true && !process.env.NO_COLOR;
const colour = (code: number) => (text: string) => (hasColour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = colour(1);
const dim = colour(2);
const green = colour(32);
const red = colour(31);

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

const UUID = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** One exchange over HTTP, as a line; ids are cut short in it. */
export function printExchange(request: string, status: number, note: string): void {
  print(`   ${request.replaceAll(UUID, '$1…').padEnd(52)} ${dim(String(status))}  ${dim(note)}`);
}

/**
 * Prints fields of an answer and compares them. A key is a path in dots; `total` of a list is `total`.
 * @throws {StepFailed} naming every field that is not as expected
 */
export function check(answer: unknown, expected: Record<string, unknown>): void {
  const wrong: string[] = [];
  for (const [path, value] of Object.entries(expected)) {
    const actual = valueAt(answer, path);
    const holds = value === SHOWN || isSame(actual, value);
    const mark = value === SHOWN ? ' ' : holds ? green('✓') : red('✗');
    print(`     ${mark} ${path.padEnd(LABEL_WIDTH)} ${shorten(format(actual))}`);
    if (!holds) wrong.push(`${path} is ${shorten(format(actual))}, expected ${shorten(format(value))}`);
  }
  if (wrong.length > 0) throw new StepFailed(wrong.join('; '));
}

/** Asks until the answer is as wanted; a dot now and then shows that it still waits. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T>,
  isThere: (answer: T) => boolean,
  seconds = 60,
): Promise<T> {
  const startedAt = Date.now();
  let dots = 0;
  process.stdout.write(dim(`   waiting for ${what} `));
  for (;;) {
    const answer = await ask();
    const waitedMs = Date.now() - startedAt;
    if (isThere(answer)) {
      print(dim(` ${(waitedMs / 1000).toFixed(1)} s`));
      return answer;
    }
    if (waitedMs > seconds * 1000) {
      print();
      throw new StepFailed(`${what} did not come within ${seconds} s`);
    }
    if (waitedMs > dots * DOT_MS) {
      dots += 1;
      process.stdout.write(dim('.'));
    }
    await delay(POLL_MS);
  }
}

function valueAt(answer: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], answer);
}

/** Sums of decimal fractions differ in their last digits. */
function isSame(actual: unknown, expected: unknown): boolean {
  if (typeof actual === 'number' && typeof expected === 'number') return Math.abs(actual - expected) < 1e-9;
  return JSON.stringify(actual) === JSON.stringify(expected);
}

function format(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(4).replace(/0+$/, '');
  return typeof value === 'string' ? value.replaceAll('\n', ' ') : (JSON.stringify(value) ?? 'absent');
}

const shorten = (text: string): string => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text);
