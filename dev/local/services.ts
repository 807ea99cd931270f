import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../src/config/config.ts';
import { ensureConsole } from '../console.ts';
import {
  endProcess,
  forgetProcess,
  type ProcessRecord,
  recordProcess,
  requireFreePort,
  waitUntil,
} from './processes.ts';

const RUNNER = fileURLToPath(new URL('../run.mjs', import.meta.url));
const RESTART_FIRST_SECONDS = 0.5;
const RESTART_MAX_SECONDS = 15;
const STABLE_AFTER_SECONDS = 30;
const STOP_GRACE_SECONDS = 30;
const READY_WITHIN_SECONDS = 120;

/** A process of the product that is started again, with back-off, when it ends unexpectedly. */
export interface Service {
  stop(): Promise<void>;
}

/** Runs a composition root (`src/server.ts`, `src/worker.ts`) as a child that ends when this process does. */
export function runService(config: Config, name: string, file: string, tell: (line: string) => void): Service {
  let child: ChildProcess;
  let record: ProcessRecord;
  let stopping: Promise<void> | undefined;
  let waitSeconds = RESTART_FIRST_SECONDS;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const startedAt = Date.now();
    // Detached from the terminal's Ctrl-C; its IPC channel closes when this process dies, and run.mjs then ends it.
    child = fork(RUNNER, [file], { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    record = recordProcess(config.dataDir, name, child.pid as number);
    child.once('exit', (code, signal) => {
      if (stopping) return;
      if (Date.now() - startedAt > STABLE_AFTER_SECONDS * 1000) waitSeconds = RESTART_FIRST_SECONDS;
      tell(`${name} ended (${signal ?? `exit code ${code}`}); starting it again in ${waitSeconds} s`);
      timer = setTimeout(start, waitSeconds * 1000);
      waitSeconds = Math.min(waitSeconds * 2, RESTART_MAX_SECONDS);
    });
  };
  const stopNow = async () => {
    clearTimeout(timer);
    await endProcess(record, 'SIGTERM', STOP_GRACE_SECONDS);
    forgetProcess(config.dataDir, name);
  };

  start();
  return {
    stop() {
      stopping ??= stopNow();
      return stopping;
    },
  };
}

export interface RunningServices {
  /** Resolves when `/readyz` answers 200; false when it did not in time. */
  ready: Promise<boolean>;
  /** Stops the API, then the worker. */
  stop(): Promise<void>;
}

/** Starts the API and the worker. */
export async function startServices(config: Config, tell: (line: string) => void): Promise<RunningServices> {
  await requireFreePort(config.port, 'PORT', config.host);
  const worker = runService(config, 'worker', 'src/worker.ts', tell);
  const api = runService(config, 'api', 'src/server.ts', tell);
  let isStopped = false;
  const isUp = waitUntil(async () => isStopped || (await isReady(config)), READY_WITHIN_SECONDS);
  return {
    // The API serves without the page, too: whoever waits for "ready" gets both.
    ready: Promise.all([isUp, ensureConsole(tell)]).then(([ok]) => ok && !isStopped),
    async stop() {
      isStopped = true;
      await api.stop();
      await worker.stop();
    },
  };
}

/** Where the API is reached from this machine. */
export function apiUrl(config: Config): string {
  const host = ['0.0.0.0', '::', ''].includes(config.host) ? '127.0.0.1' : config.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
}

/** Whether its `/readyz` answers 200, wherever that is. */
export async function isReady(config: Config): Promise<boolean> {
  const url = new URL('/readyz', apiUrl(config));
  if (config.opsPort !== undefined) url.port = String(config.opsPort);
  const headers = new Headers();
  if (config.opsToken !== undefined) headers.set('authorization', `Bearer ${config.opsToken}`);
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}
