/** A process of the product under test: started, killed and started again as an operator would. */
import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { endProcess, isAlive, type ProcessRecord, startTimeOf } from '../../dev/local/processes.ts';

const RUNNER = fileURLToPath(new URL('../../dev/run.mjs', import.meta.url));
const END_WITH_PARENT = new URL('../../dev/local/endWithParent.mjs', import.meta.url).href;

export interface TestProcess {
  start(): void;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill9(): Promise<void>;
  isAlive(): boolean;
  /** Everything it has written since the first start. */
  logs(): string;
  readonly pid: number | undefined;
}

/**
 * A child that dies with this process.
 * @param file `server.js` or `worker.js` of the built service, or the path of a source
 */
export function createTestProcess(file: string, options: { env: Record<string, string>; cwd: string }): TestProcess {
  let child: ChildProcess | undefined;
  let record: ProcessRecord | undefined;
  const chunks: Buffer[] = [];
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', 'ipc'];
  const launch = () =>
    file.endsWith('.ts')
      ? fork(RUNNER, [file], { ...options, execArgv: [], stdio })
      : fork(path.join(inject('built'), 'dist', file), [], {
          ...options,
          execArgv: ['--import', END_WITH_PARENT],
          stdio,
        });
  return {
    start() {
      if (record && isAlive(record)) throw new Error(`${file} runs already`);
      child = launch();
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
      const pid = child.pid as number;
      record = { pid, startTime: startTimeOf(pid) ?? '' };
    },
    async stop() {
      if (record) await endProcess(record, 'SIGTERM', 30);
    },
    async kill9() {
      if (record) await endProcess(record, 'SIGKILL', 5);
    },
    isAlive: () => record !== undefined && isAlive(record),
    logs: () => Buffer.concat(chunks).toString('utf8'),
    get pid() {
      return child?.pid;
    },
  };
}

/** Ids of live processes whose environment holds the text; Linux only, elsewhere none. */
export function processesWith(environmentText: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) => pid !== process.pid && startTimeOf(pid) !== undefined && environmentOf(pid).includes(environmentText),
    );
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
