import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { onceReady, type RunningPart, supervise } from './parts.ts';
import { forgetProcess, recordProcess, requireFreePort, StartError, waitUntil } from './processes.ts';
import { findTemporalCli } from './temporalCli.ts';

const READY_WITHIN_SECONDS = 60;
/** The dev server forgets closed workflows after 24 h; operators look further back. */
const RETENTION_SECONDS = 30 * 86_400;

export interface TemporalDevServerOptions {
  dataDir: string;
  port: number;
  uiPort: number;
  namespace: string;
  /** SQLite's own, as `name=value`; tests give up durability for speed with them. */
  pragmas?: readonly string[];
  /** Told each long step; the CLI may have to be fetched. */
  progress?: (line: string) => void;
}

/** Starts the Temporal dev server with its Web UI; its state is kept in DATA_DIR/temporal.db. */
export async function startTemporal(options: TemporalDevServerOptions): Promise<RunningPart> {
  const { dataDir, port, uiPort, namespace } = options;
  const cli = await findTemporalCli(options.progress ?? (() => {}));
  await requireFreePort(port, 'TEMPORAL_DEV_PORT');
  await requireFreePort(uiPort, 'TEMPORAL_UI_PORT');
  const logFile = path.join(dataDir, 'logs', 'temporal.log');
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o600);
  const args = ['server', 'start-dev', '--db-filename', path.join(dataDir, 'temporal.db'), '--ip', '127.0.0.1'];
  args.push('--port', String(port), '--ui-ip', '127.0.0.1', '--ui-port', String(uiPort), '--namespace', namespace);
  args.push('--log-level', 'warn', '--log-format', 'json', '--dynamic-config-value', 'matching.enableFairness=true');
  for (const pragma of options.pragmas ?? []) args.push('--sqlite-pragma', pragma);
  // A group of its own: the terminal's Ctrl-C must not reach it before the API and the worker.
  const spawnOptions = { cwd: dataDir, detached: true };
  const child = withPrivateFiles(() => spawn(cli, args, { ...spawnOptions, stdio: ['ignore', log, log] }));
  const file = path.join(dataDir, 'temporal.db');
  if (existsSync(file)) chmodSync(file, 0o600);
  const record = recordProcess(dataDir, 'temporal', child.pid as number);
  const part = supervise(child, record, 'Temporal', logFile, 'SIGTERM', () => forgetProcess(dataDir, 'temporal'));
  return onceReady(part, prepare(`127.0.0.1:${port}`, namespace));
}

/** What a child makes is for this user alone: it inherits the mask. */
function withPrivateFiles<T>(start: () => T): T {
  const mask = process.umask(0o077);
  try {
    return start();
  } finally {
    process.umask(mask);
  }
}

async function prepare(address: string, namespace: string): Promise<void> {
  const connection = Connection.lazy({ address, channelArgs: { 'grpc.max_reconnect_backoff_ms': 200 } });
  try {
    const isUp = () =>
      connection
        .withDeadline(Date.now() + 1000, () => connection.workflowService.describeNamespace({ namespace }))
        .then(
          () => true,
          () => false,
        );
    if (!(await waitUntil(isUp, READY_WITHIN_SECONDS))) {
      throw new StartError(`Temporal was not ready within ${READY_WITHIN_SECONDS} s`);
    }
    await keepClosedWorkflows(connection, namespace);
  } finally {
    await connection.close();
  }
}

/** Makes the namespace keep closed workflows longer than the dev server's 24 hours. */
export async function keepClosedWorkflows(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: { seconds: RETENTION_SECONDS as never } },
  });
}
