import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Records that outlive the process: one JSON document a line, written before the answer that depends on it. */
export interface Journal<T> {
  readonly earlier: T[];
  append(record: T): void;
  clear(): void;
  close(): void;
}

/** Opens the journal in a folder; without a folder nothing is kept. */
export function openJournal<T>(dataDir: string | undefined): Journal<T> {
  if (dataDir === undefined) return { earlier: [], append() {}, clear() {}, close() {} };
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'shunya-simulator.jsonl');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  // Links to recordings, and what was said in them.
  const file = openSync(path, 'a', 0o600);
  // A process that was killed may have left half a line; what comes next must not be glued to it.
  if (text !== '' && !text.endsWith('\n')) writeSync(file, '\n');
  let open = true;
  return {
    earlier: text.split('\n').flatMap((line) => parseLine<T>(line)),
    append(record) {
      if (open) writeSync(file, `${JSON.stringify(record)}\n`);
    },
    clear() {
      if (open) ftruncateSync(file);
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

function parseLine<T>(line: string): T[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as T];
  } catch {
    return [];
  }
}
