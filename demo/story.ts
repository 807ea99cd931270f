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
/** Terminals of 80 columns show a line whole. */
const LINE_MAX = 78;
/** Facts of one step that are shown; `--verbose` shows all. */
const FACTS_MAX = 7;

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

const UUID = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

let lastRequest = '';

/** One exchange over HTTP, as a line; ids are cut short in it. Reads and repeats are told only when everything is. */
export function printExchange(request: string, status: number, note: string): void {
  const isRepeat = request === lastRequest;
  lastRequest = request;
  if (!isVerbose && (isRepeat || request.startsWith('GET'))) return;
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
    if (!holds) wrong.push(`${path} is ${shorten(format(actual))}, expected ${shorten(format(value))}`);
    if (!isVerbose) continue;
    const mark = value === SHOWN ? ' ' : holds ? green('✓') : red('✗');
    print(`     ${mark} ${path.padEnd(LABEL_WIDTH)} ${shorten(format(actual))}`);
  }
  if (!isVerbose && wrong.length === 0) keepFacts(answer, Object.keys(expected));
  if (wrong.length > 0) throw new StepFailed(wrong.join('; '));
}

/** What a step has shown so far: its telling facts, and how many were zero or empty. */
let facts: string[] = [];
let empty = 0;

/** Keeps the facts that say something for the end of the step. */
function keepFacts(answer: unknown, paths: string[]): void {
  for (const path of paths) {
    const value = valueAt(answer, path);
    const isEmpty = value === 0 || value === false || value === null || (Array.isArray(value) && value.length === 0);
    if (isEmpty) empty += 1;
    else facts.push(`${path.replace(/^items\.0\./, '')} ${short(format(value))}`);
  }
}

/** Prints what the step has shown, on as few lines as it takes. */
export function endStep(): void {
  if (isVerbose) return;
  const shown = facts.filter((fact) => fact !== 'total 1').slice(0, FACTS_MAX);
  const more = facts.length - shown.length;
  if (more > 0) shown.push(`${more} more`);
  if (empty > 0) shown.push(`${empty} empty or zero`);
  let line = `   ${green('✓')}`;
  let width = 4;
  for (const [index, fact] of shown.entries()) {
    const text = index === shown.length - 1 ? ` ${fact}` : ` ${fact} ·`;
    if (width + text.length > LINE_MAX) {
      print(line);
      line = '    ';
      width = 4;
    }
    line += text;
    width += text.length;
  }
  print(line);
  facts = [];
  empty = 0;
}

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text).replaceAll(UUID, '$1…');

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
