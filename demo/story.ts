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
const DOTS_MAX = 8;

let isVerbose = false;
/** Prints every request and every fact instead of the most telling ones. */
export function printAll(): void {
  isVerbose = true;
}

const hasColour = process.stdout.isTTY === true && !process.env.NO_COLOR;
const colour = (code: number) => (text: string) => (hasColour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = colour(1);
export const dim = colour(2);
const green = colour(32);
const red = colour(31);

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

let isWaiting = false;
/** What the servers say for themselves; in the middle of a wait it has a line of its own. */
export function printAside(line: string): void {
  print(isWaiting ? `\n   ${line}` : line);
  if (isWaiting) process.stdout.write('   ');
}

const UUID = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Webhooks that were sent and are not told yet. */
let sent: string[] = [];

/** One exchange over HTTP, as a line; ids are cut short in it. Only told when everything is. */
export function printExchange(request: string, status: number, note: string): void {
  if (isVerbose) print(`   ${request.replaceAll(UUID, '$1…').padEnd(52)} ${dim(String(status))}  ${dim(note)}`);
}

/** A webhook that was sent; several in a row are told on one line. */
export function tellSent(event: string, status: number, note: string): void {
  printExchange(`POST  /callrail/call.${event}`, status, note);
  sent.push(event);
}

/** The webhooks since the last line, as the beginning of the next. */
function takeSent(): string {
  const told = sent.length > 0 && !isVerbose ? `${sent.join(', ')} → ` : '';
  sent = [];
  return told;
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
    if (!holds) wrong.push(`${path} is ${shorten(format(actual))}, expected ${shorten(format(value))}`);
    if (!isVerbose) continue;
    const mark = value === SHOWN ? ' ' : holds ? green('✓') : red('✗');
    print(`     ${mark} ${path.padEnd(LABEL_WIDTH)} ${shorten(format(actual))}`);
  }
  checked += Object.values(expected).filter((value) => value !== SHOWN).length;
  if (wrong.length > 0) throw new StepFailed(wrong.join('; '));
}

/** Fields of answers that were compared since the start. */
let checked = 0;
export const checkedCount = (): number => checked;

/** Ends a step: what it has shown, in one sentence. */
export function endStep(sentence: string): void {
  print(`   ${green('✓')} ${sentence.replaceAll(UUID, '$1…')}`);
  sent = [];
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
  process.stdout.write(dim(`   ${takeSent()}${what} `));
  isWaiting = true;
  for (;;) {
    const answer = await ask();
    const waitedMs = Date.now() - startedAt;
    if (isThere(answer)) {
      isWaiting = false;
      print(dim(` ${(waitedMs / 1000).toFixed(1)} s`));
      return answer;
    }
    if (waitedMs > seconds * 1000) {
      isWaiting = false;
      print();
      throw new StepFailed(`${what} did not come within ${seconds} s`);
    }
    if (waitedMs > dots * DOT_MS && dots < DOTS_MAX) {
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
