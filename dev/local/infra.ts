import type { Config } from '../../src/config/config.ts';
import { endFormerPipelines, migrateDatabase, registerSearchAttributes } from '../../src/migrate.ts';
import { errorFields } from '../../src/runtime/telemetry.ts';
import { SearchAttributesRefusedError } from '../../src/temporal/searchAttributes.ts';
import type { RunningPart } from './parts.ts';
import { startPostgres } from './postgres.ts';
import {
  clearLeftovers,
  forgetProcess,
  recordProcess,
  requireFreePort,
  StartError,
  takeSupervisorLock,
} from './processes.ts';
import { startTemporal } from './temporal.ts';

const RESTART_WAIT_SECONDS = 1;

export interface Infrastructure {
  /** Stops what was started: simulator, Temporal, Postgres. Can be called twice. */
  stop(): Promise<void>;
  /** Says that a stop has begun, so that the next start on this DATA_DIR waits instead of refusing. */
  announceStop(): void;
}

/**
 * Starts what nobody configured (Postgres, Temporal, the Shunya simulator) on this DATA_DIR, then migrates and registers
 * search attributes. A part that dies is started again.
 * @throws {StartError} one line saying what the user can do
 */
export async function startInfrastructure(config: Config, tell: (line: string) => void): Promise<Infrastructure> {
  const unlock = await takeSupervisorLock(config.dataDir);
  const stops: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stopAll = async () => {
    for (const stop of stops.reverse()) await stop();
    forgetProcess(config.dataDir, 'stopping');
    unlock();
  };
  const stop = () => {
    stopping ??= stopAll();
    return stopping;
  };
  const announceStop = () => void recordProcess(config.dataDir, 'stopping', process.pid);
  try {
    await clearLeftovers(config.dataDir);
    if (config.embedded.postgres) {
      stops.push(await keepRunning(() => embeddedPostgres(config), tell));
      tell(`Postgres   127.0.0.1:${config.postgresPort}`);
    }
    if (config.embedded.temporal) {
      stops.push(await keepRunning(() => embeddedTemporal(config, tell), tell));
      tell(`Temporal   ${config.temporal.address}, Web UI ${config.temporal.uiUrl}`);
    }
    if (config.embedded.shunya) {
      const url = await startSimulator(config, stops);
      tell(`Shunya     ${url} (simulator)`);
    }
    await prepare(config);
    tell('Database migrated, search attributes registered');
  } catch (error) {
    announceStop();
    await stop();
    throw error;
  }
  return { stop, announceStop };
}

const embeddedPostgres = (config: Config) =>
  startPostgres({ dataDir: config.dataDir, port: config.postgresPort, databaseUrl: config.databaseUrl });

const embeddedTemporal = (config: Config, progress: (line: string) => void) =>
  startTemporal({
    dataDir: config.dataDir,
    port: config.temporal.devPort,
    uiPort: config.temporal.uiPort,
    namespace: config.temporal.namespace,
    progress,
  });

async function prepare(config: Config): Promise<void> {
  try {
    await migrateDatabase(config.databaseUrl);
  } catch (error) {
    throw new StartError(`DATABASE_URL: migrating failed: ${describe(error)}`);
  }
  try {
    await registerSearchAttributes(config);
    await endFormerPipelines(config);
  } catch (error) {
    if (error instanceof SearchAttributesRefusedError) throw new StartError(error.message);
    throw new StartError(`TEMPORAL_ADDRESS ${config.temporal.address}: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  const { errorName, errorCode, errorMessage } = errorFields(error);
  return [errorName, errorCode, errorMessage].filter((part) => part !== undefined).join(' ');
}

async function startSimulator(config: Config, stops: (() => Promise<void>)[]): Promise<string> {
  await requireFreePort(config.shunya.simPort, 'SHUNYA_SIM_PORT');
  const { startShunyaSimulator } = await import('../../simulators/shunya.ts');
  const simulator = await startShunyaSimulator({
    port: config.shunya.simPort,
    host: '127.0.0.1',
    apiKey: config.shunya.apiKey,
    webhookUrl: `http://127.0.0.1:${config.port}/api/v1/shunya/webhook`,
    webhookSecret: config.shunya.webhookSecrets[0] ?? '',
    dataDir: config.dataDir,
  });
  stops.push(() => simulator.stop());
  return simulator.url;
}

/** Starts a part now, and again whenever it dies by itself. The answer stops it for good. */
async function keepRunning(start: () => Promise<RunningPart>, tell: (line: string) => void) {
  let part = await start();
  let isStopped = false;
  const watch = async () => {
    while (!isStopped) {
      const why = await part.died;
      tell(`${why}; starting it again`);
      while (!isStopped) {
        try {
          part = await start();
          if (isStopped) await part.stop();
          break;
        } catch (error) {
          tell(`not started: ${(error as Error).message}`);
          await new Promise((resolve) => setTimeout(resolve, RESTART_WAIT_SECONDS * 1000));
        }
      }
    }
  };
  void watch();
  return async () => {
    isStopped = true;
    await part.stop();
  };
}
