/** A Temporal server that keeps its data in Postgres, as self-hosted ones do; the CLI's server has SQLite only. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { onceReady, type RunningPart, supervise } from '../dev/local/parts.ts';
import { startPostgres } from '../dev/local/postgres.ts';
import { forgetProcess, freePort, recordProcess, StartError, waitUntil } from '../dev/local/processes.ts';

const READY_WITHIN_SECONDS = 120;
const DATABASES = { temporal: 'temporal', temporal_visibility: 'visibility' };
/** As many as the CLI's server has. */
const HISTORY_SHARDS = 4;
const NAMESPACE_RETENTION_SECONDS = 86_400;

export interface TemporalOnPostgresOptions {
  /** Has `server` and `sql`, as `go install go.temporal.io/server/cmd/{server,tools/sql}@VERSION` makes them. */
  binDir: string;
  dataDir: string;
  port: number;
  namespace: string;
}

/** The Postgres of the server, with its tables, a process of its own so that its CPU time can be told apart. */
export async function startTemporalStore(binDir: string, dataDir: string, port: number): Promise<RunningPart> {
  const folder = storeFolder(dataDir);
  mkdirSync(folder, { recursive: true });
  const databaseUrl = `postgres://temporal:temporal@127.0.0.1:${port}/postgres`;
  const store = await startPostgres({ dataDir: folder, port, databaseUrl });
  try {
    await makeTables(path.join(binDir, 'sql'), port);
    return store;
  } catch (error) {
    await store.stop();
    throw error;
  }
}

/** The server itself; its store runs already. */
export async function startTemporalServer(
  { binDir, dataDir, port, namespace }: TemporalOnPostgresOptions,
  storePort: number,
): Promise<RunningPart> {
  const folder = storeFolder(dataDir);
  const configFile = path.join(folder, 'temporal.yaml');
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(await serverConfig(port, storePort, folder)));
  const logFile = path.join(dataDir, 'logs', 'temporal.log');
  const log = openSync(logFile, 'a', 0o600);
  const args = ['--config-file', configFile, '--allow-no-auth', 'start'];
  const child = spawn(path.join(binDir, 'server'), args, { cwd: folder, detached: true, stdio: ['ignore', log, log] });
  const record = recordProcess(dataDir, 'temporal', child.pid as number);
  const server = supervise(child, record, 'Temporal', logFile, 'SIGTERM', () => forgetProcess(dataDir, 'temporal'));
  return onceReady(server, makeNamespace(`127.0.0.1:${port}`, namespace));
}

const storeFolder = (dataDir: string) => path.join(dataDir, 'temporal-store');

async function makeTables(tool: string, port: number): Promise<void> {
  for (const [database, schema] of Object.entries(DATABASES)) {
    const at = ['--plugin', 'postgres12', '--ep', '127.0.0.1', '--port', String(port), '--db', database];
    const run = (...args: string[]) =>
      promisify(execFile)(tool, [...at, '--user', 'temporal', '--pw', 'temporal', ...args]);
    await run('create-database');
    await run('setup-schema', '--version', '0.0');
    await run('update-schema', '--schema-name', `postgresql/v12/${schema}`);
  }
}

async function serverConfig(frontendPort: number, storePort: number, dataDir: string) {
  const dynamicConfig = path.join(dataDir, 'dynamic.yaml');
  writeFileSync(dynamicConfig, JSON.stringify({ 'matching.enableFairness': [{ value: true }] }));
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `127.0.0.1:${storePort}`,
      connectProtocol: 'tcp',
      user: 'temporal',
      password: 'temporal',
      maxConns: 20,
      maxIdleConns: 20,
    },
  });
  const service = async (grpcPort?: number) => ({
    rpc: { grpcPort: grpcPort ?? (await freePort()), membershipPort: await freePort(), bindOnLocalHost: true },
  });
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: HISTORY_SHARDS,
      datastores: { default: store('temporal'), visibility: store('temporal_visibility') },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: {
      frontend: await service(frontendPort),
      matching: await service(),
      history: await service(),
      worker: await service(),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${frontendPort}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: dynamicConfig, pollInterval: '60s' },
  };
}

async function makeNamespace(address: string, namespace: string): Promise<void> {
  const connection = Connection.lazy({ address, channelArgs: { 'grpc.max_reconnect_backoff_ms': 200 } });
  const answered = (work: () => Promise<unknown>) =>
    connection.withDeadline(Date.now() + 2000, work).then(
      () => true,
      () => false,
    );
  try {
    // Its parts learn of a namespace one after the other; this one is asked first by who comes next.
    const isThere = () => answered(() => connection.operatorService.listSearchAttributes({ namespace }));
    const make = () =>
      answered(() =>
        connection.workflowService.registerNamespace({
          namespace,
          workflowExecutionRetentionPeriod: { seconds: NAMESPACE_RETENTION_SECONDS as never },
        }),
      );
    const isReady = async () => {
      if (await isThere()) return true;
      await make();
      return false;
    };
    if (!(await waitUntil(isReady, READY_WITHIN_SECONDS)))
      throw new StartError(`Temporal was not ready within ${READY_WITHIN_SECONDS} s`);
  } finally {
    await connection.close();
  }
}
