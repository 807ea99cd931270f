import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { endProcess, type ProcessRecord, StartError } from './processes.ts';

/** A server that we run as a child. */
export interface RunningPart {
  pid: number;
  /** Resolves, with the reason, when the process ended without being asked to. */
  died: Promise<string>;
  stop(): Promise<void>;
}

/** Wraps a started child: tells when it dies by itself, and stops it once. */
export function supervise(
  child: ChildProcess,
  record: ProcessRecord,
  name: string,
  logFile: string,
  stopSignal: NodeJS.Signals,
  onStopped: () => void,
): RunningPart {
  let stopping: Promise<void> | undefined;
  const died = new Promise<string>((resolve) => {
    const tell = (how: string) => {
      if (!stopping) resolve(`${name} ended (${how}); see ${logFile}`);
    };
    child.once('error', (error) => tell(error.message));
    child.once('exit', (code, signal) => tell(signal ?? `exit code ${code}: ${lastLine(logFile)}`));
  });
  const stop = () => {
    stopping ??= endProcess(record, stopSignal).then(onStopped);
    return stopping;
  };
  return { pid: record.pid, died, stop };
}

/** Waits until it is ready; stops it where that fails, or where it dies meanwhile. @throws {StartError} where it died */
export async function onceReady(part: RunningPart, ready: Promise<unknown>): Promise<RunningPart> {
  try {
    await Promise.race([
      ready,
      part.died.then((why) => {
        throw new StartError(why);
      }),
    ]);
    return part;
  } catch (error) {
    await part.stop();
    throw error;
  }
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  } catch {
    return '';
  }
}
