/** A process of the product as a bench runs it: started, killed, frozen and started again. */
import { type ChildProcess, type ForkOptions, fork, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunningPart } from '../dev/local/parts.ts';
import { endProcess, freePort, isAlive, type ProcessRecord, startTimeOf, waitUntil } from '../dev/local/processes.ts';

const RUNNER = fileURLToPath(new URL('../dev/run.mjs', import.meta.url));
const END_WITH_PARENT = new URL('../dev/local/endWithParent.mjs', import.meta.url).href;
const RESTART_MS = 500;
const STOP_GRACE_SECONDS = 30;

export interface Part {
  readonly name: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** kill -9, and waits until it is gone. @returns whether it was there to be killed */
  kill9(): Promise<boolean>;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  /** How often it ended though nobody killed it, and how. */
  readonly deaths: readonly string[];
}

/**
 * A composition root as a child; one that ends by itself is started again, as a supervisor would, and that is noted.
 * @param file a source, or a file of a built service
 */
export function createProductProcess(
  name: string,
  file: string,
  options: { env: Record<string, string>; cwd: string; logFile: string; execArgv?: string[] },
): Part {
  const deaths: string[] = [];
  let child: ChildProcess | undefined;
  let record: ProcessRecord | undefined;
  let wanted = false;

  const start = async () => {
    wanted = true;
    const log = openSync(options.logFile, 'a', 0o600);
    const { env, cwd, execArgv = [] } = options;
    // Detached from the terminal's Ctrl-C; its IPC channel closes when this process dies, which then ends it.
    const forkOptions: ForkOptions = { env, cwd, detached: true, stdio: ['ignore', log, log, 'ipc'] };
    const started = file.endsWith('.ts')
      ? fork(RUNNER, [file], { ...forkOptions, execArgv })
      : fork(file, [], { ...forkOptions, execArgv: [...execArgv, '--import', END_WITH_PARENT] });
    closeSync(log);
    child = started;
    const pid = started.pid as number;
    record = { pid, startTime: startTimeOf(pid) ?? '' };
    started.once('exit', async (code, signal) => {
      if (!wanted || child !== started) return;
      deaths.push(`${name}: ${signal ?? `exit code ${code}`}`);
      await delay(RESTART_MS);
      if (wanted && child === started) await start();
    });
  };
  const end = async (signal: NodeJS.Signals, seconds: number) => {
    wanted = false;
    const wasAlive = record !== undefined && isAlive(record);
    if (record) await endProcess(record, signal, seconds);
    return wasAlive;
  };

  return {
    name,
    deaths,
    get pid() {
      return record && isAlive(record) ? record.pid : undefined;
    },
    start,
    kill9: () => end('SIGKILL', 5),
    freeze: () => signalTo(record, 'SIGSTOP'),
    thaw: () => signalTo(record, 'SIGCONT'),
    async stop() {
      signalTo(record, 'SIGCONT');
      await end('SIGTERM', STOP_GRACE_SECONDS);
    },
  };
}

/** A server of the local infrastructure; `run` starts it on its data, as often as it was killed. */
export function createServerPart(name: string, run: () => Promise<RunningPart>): Part {
  const deaths: string[] = [];
  let part: RunningPart | undefined;
  let killed = false;
  const recordOf = (): ProcessRecord | undefined => {
    const startTime = part ? startTimeOf(part.pid) : undefined;
    return part && startTime ? { pid: part.pid, startTime } : undefined;
  };
  return {
    name,
    deaths,
    get pid() {
      return recordOf()?.pid;
    },
    async start() {
      killed = false;
      part = await run();
      void part.died.then((why) => !killed && deaths.push(why));
    },
    async kill9() {
      const record = recordOf();
      if (!record) return false;
      killed = true;
      await endProcess(record, 'SIGKILL', 5);
      return true;
    },
    freeze: () => signalTo(recordOf(), 'SIGSTOP'),
    thaw: () => signalTo(recordOf(), 'SIGCONT'),
    async stop() {
      signalTo(recordOf(), 'SIGCONT');
      await part?.stop();
    },
  };
}

/** Starts a bare server, which something of ours is compared with. @param env without the port */
export async function startFloor(file: URL, env: Record<string, string>) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(file)], {
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: 'inherit',
  });
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  await waitUntil(answers, 30);
  return { url, pid: child.pid, stop: () => child.kill() };
}

function signalTo(record: ProcessRecord | undefined, signal: NodeJS.Signals): void {
  if (record && isAlive(record)) process.kill(record.pid, signal);
}

/** Resident memory in MiB; undefined where the system does not tell. */
export function residentMemory(pid: number | undefined): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return line ? Number(line[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}

type Running = readonly { pid: number | undefined }[];

/** Resident memory of all APIs and of all workers, in MiB. */
export function memoryOf({ apis, workers }: { apis: Running; workers: Running }): { api: number; worker: number } {
  const sum = (parts: Running) => parts.reduce((total, { pid }) => total + (residentMemory(pid) ?? 0), 0);
  return { api: sum(apis), worker: sum(workers) };
}

/** Ids of the processes that work in a folder or below it; Linux only, elsewhere none. */
export function processesIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && startTimeOf(pid) !== undefined && isWithin(folder, workingFolderOf(pid)));
}

/** The same, once those that are just ending have ended. */
export async function processesLeftIn(folder: string): Promise<number[]> {
  await waitUntil(() => processesIn(folder).length === 0, 5);
  return processesIn(folder);
}

const isWithin = (folder: string, place: string): boolean => place === folder || place.startsWith(`${folder}/`);

function workingFolderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}
