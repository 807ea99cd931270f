import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chosenPorts, readEnvironment } from '../../src/config/environment.ts';

/** A part that cannot start for a reason the user can mend. Its message is one line; nothing else is printed. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A process as DATA_DIR/run remembers it. The start time tells it from a later process with the same id. */
export interface ProcessRecord {
  pid: number;
  startTime: string;
}

const runDir = (dataDir: string) => path.join(dataDir, 'run');
const recordFile = (dataDir: string, name: string) => path.join(runDir(dataDir), `${name}.json`);

/** When a process began, in whatever unit the system tells; undefined if there is none. A zombie counts as gone. */
export function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** True while the very process of the record lives. */
export function isAlive(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

/** Remembers a process under a name, so that the next start can clear it if this one is killed. */
export function recordProcess(dataDir: string, name: string, pid: number): ProcessRecord {
  const record = { pid, startTime: startTimeOf(pid) ?? '' };
  mkdirSync(runDir(dataDir), { recursive: true });
  const file = recordFile(dataDir, name);
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(record));
  renameSync(`${file}.${process.pid}`, file);
  return record;
}

/** Forgets a process that was stopped. */
export function forgetProcess(dataDir: string, name: string): void {
  rmSync(recordFile(dataDir, name), { force: true });
}

/** The recorded process, or undefined when there is none or the file is damaged. */
export function readRecord(dataDir: string, name: string): ProcessRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordFile(dataDir, name), 'utf8')) as ProcessRecord;
    return Number.isInteger(record.pid) && record.pid > 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Ends what an earlier supervisor of this DATA_DIR left behind when it was killed. */
export async function clearLeftovers(dataDir: string): Promise<void> {
  const names = readdirSync(runDir(dataDir))
    .filter((file) => file.endsWith('.json') && file !== 'supervisor.json')
    .map((file) => file.slice(0, -'.json'.length));
  // The database goes last: the others still write to it.
  names.sort((a, b) => Number(a === 'postgres') - Number(b === 'postgres'));
  for (const name of names) {
    const record = readRecord(dataDir, name);
    if (record) await endProcess(record, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
    forgetProcess(dataDir, name);
  }
}

/** Asks a process to end, waits, and kills it when it does not. */
export async function endProcess(
  record: ProcessRecord,
  signal: NodeJS.Signals = 'SIGTERM',
  graceSeconds = 15,
): Promise<void> {
  if (!isAlive(record)) return;
  trySignal(record.pid, signal);
  if (await waitUntil(() => !isAlive(record), graceSeconds)) return;
  trySignal(record.pid, 'SIGKILL');
  await waitUntil(() => !isAlive(record), 5);
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Polls until the condition holds; false when the time is over. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() > deadline) return false;
    await delay(50);
  }
}

/**
 * Makes this process the only supervisor of DATA_DIR; the answer gives that up again.
 * One that is just stopping is waited for.
 * @throws {StartError} when another one runs
 */
export async function takeSupervisorLock(dataDir: string): Promise<() => void> {
  const file = recordFile(dataDir, 'supervisor');
  await usableDataDir(dataDir);
  const ports = chosenPorts(readEnvironment());
  const mine = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid), ports });
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readRecord(dataDir, 'supervisor');
    const isOther = () =>
      holder !== undefined && isAlive(holder) && readRecord(dataDir, 'supervisor')?.pid === holder.pid;
    // A holder whose npm was just killed needs a moment to notice; one told to stop says so.
    const isStopping = () => readRecord(dataDir, 'stopping')?.pid === holder?.pid;
    if (await waitUntil(() => !isOther(), 1.5)) {
      if (!readRecord(dataDir, 'supervisor') || (holder && !isAlive(holder))) rmSync(file, { force: true });
      continue;
    }
    if (isStopping() && (await waitUntil(() => !isOther(), 60))) continue;
    throw new StartError(`callwright already runs on DATA_DIR ${dataDir} (pid ${holder?.pid}); stop it first`);
  }
}

/** Whether `npm start`, `start:infra` or a demo runs on this DATA_DIR. */
export function isSupervised(dataDir: string): boolean {
  const holder = readRecord(dataDir, 'supervisor');
  return holder !== undefined && isAlive(holder);
}

async function usableDataDir(dataDir: string): Promise<void> {
  try {
    mkdirSync(runDir(dataDir), { recursive: true });
    const probe = path.join(runDir(dataDir), `probe.${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new StartError(`DATA_DIR ${dataDir} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** @throws {StartError} naming the variable when somebody else listens there */
export async function requireFreePort(port: number, variable: string, host = '127.0.0.1'): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  if (code === 'EADDRINUSE') throw new StartError(`port ${port} is in use; set ${variable} to another one`);
  if (code) throw new StartError(`port ${port} cannot be used (${code}); set ${variable} to another one`);
}

/**
 * A port nobody listens on now; for tests. Below the range from which outgoing connections take theirs, so that it is still
 * free when a server that was killed starts again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    if (!(await isListening(port))) return port;
  }
}

/** True when something takes connections there. */
export async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 1000 });
    const answer = (value: boolean) => () => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });
}
