/** The worker process: workflows, activities and a relay. */
import { randomUUID } from 'node:crypto';
import {
  createCallRailActivities,
  createDatabaseActivities,
  createProviderActivities,
  createWebhookActivities,
} from './activities/index.ts';
import { startRestarts } from './background/endedWorkflows.ts';
import { startHousekeeping } from './background/housekeeping.ts';
import { HEARTBEAT_SECONDS } from './background/readiness.ts';
import { type Relay, startRelay } from './background/relay.ts';
import { startSweep } from './background/sweep.ts';
import { readCommandLine } from './config/commandLine.ts';
import { loadConfigOrExit } from './config/config.ts';
import { openDatabase } from './db/client.ts';
import { createCallRailClient } from './providers/callrail/client.ts';
import { createShunyaClient } from './providers/shunya/client.ts';
import { createWebhookClient } from './providers/webhooks/client.ts';
import { every } from './runtime/every.ts';
import { onShutdown } from './runtime/shutdown.ts';
import { createLogger, installTemporalRuntime } from './runtime/telemetry.ts';
import { recordHeartbeat } from './services/upkeep/heartbeat.ts';
import { connectWorker, createClient } from './temporal/connect.ts';
import { keepReconciliationScheduled } from './temporal/schedules.ts';
import { loadWorkflowBundle } from './temporal/workflowBundle.ts';
import { callrailQueue, deliveryQueue, shunyaReadQueue, shunyaSubmitQueue } from './workflows/contracts.ts';

/** Local activities may use most of the pool; the relay and provider activities need the rest. */
const CONNECTIONS = 22;
/** Heartbeat and upkeep have their own, so that neither waits for a rush of calls, nor a call for them. */
const UPKEEP_CONNECTIONS = 3;
const LOCAL_ACTIVITIES = 16;
/** Companies whose calls are compared with CallRail's at once. */
const RECONCILIATIONS = 4;

readCommandLine('usage: npm run start:worker, without options: docs/configuration.md lists its variables', {});
const config = loadConfigOrExit({ needs: ['database', 'temporal', 'shunya'] });
const logger = createLogger(config, 'worker');
installTemporalRuntime(logger);
const { Worker } = await import('@temporalio/worker');
const stopping = new AbortController();
const { db, close } = openDatabase(config.databaseUrl, { max: CONNECTIONS });
const upkeep = openDatabase(config.databaseUrl, { max: UPKEEP_CONNECTIONS, purpose: 'upkeep' });
const { client, connection: clientConnection } = createClient(config);

/** Runs as long as the workers. */
let relay: Relay | undefined;

const deps = {
  config,
  db,
  logger,
  shunya: createShunyaClient({ baseUrl: config.shunya.baseUrl, apiKey: config.shunya.apiKey }),
  callrail: createCallRailClient({ baseUrl: config.callrailBaseUrl }),
  webhooks: createWebhookClient({ allowPrivate: !config.isProduction }),
  pokeRelay: () => relay?.poke(),
};

onShutdown(logger, async () => {
  stopping.abort();
  await running;
});
const running = run();
running.catch((error: unknown) => {
  logger.fatal({ err: error }, 'the worker ended');
  process.exit(1);
});

/** Works until it is told to stop. */
async function run(): Promise<void> {
  const { signal } = stopping;
  const connecting = connectWorker(config, logger, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  const [workflowBundle, connection] = await Promise.all([loadWorkflowBundle(config), connecting]);
  if (!connection) return void (await Promise.all([close(), upkeep.close()]));

  const { taskQueue, namespace } = config.temporal;
  const shared = { connection, namespace, shutdownGraceTime: '10s' } as const;
  const providerActivities = createProviderActivities(deps);
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue,
      workflowBundle,
      activities: createDatabaseActivities(deps),
      maxConcurrentLocalActivityExecutions: LOCAL_ACTIVITIES,
    }),
    Worker.create({
      ...shared,
      taskQueue: shunyaSubmitQueue(taskQueue),
      activities: providerActivities,
      maxTaskQueueActivitiesPerSecond: config.shunya.maxPerSecond,
    }),
    Worker.create({ ...shared, taskQueue: shunyaReadQueue(taskQueue), activities: providerActivities }),
    Worker.create({ ...shared, taskQueue: deliveryQueue(taskQueue), activities: createWebhookActivities(deps) }),
    Worker.create({
      ...shared,
      taskQueue: callrailQueue(taskQueue),
      activities: createCallRailActivities(deps),
      maxConcurrentActivityTaskExecutions: RECONCILIATIONS,
    }),
  ]);
  relay = startRelay({ db, config, logger });
  const stopHeartbeat = startHeartbeat(taskQueue);
  const stopHousekeeping = startHousekeeping({ db: upkeep.db, config, logger });
  const stopSweep = startSweep({ db: upkeep.db, config, logger });
  const stopRestarts = startRestarts({ db: upkeep.db, client, logger, pokeRelay: deps.pokeRelay });
  void keepReconciliationScheduled(client, config, logger, signal);
  const shutDown = () => {
    for (const worker of workers) worker.shutdown();
  };
  signal.addEventListener('abort', shutDown);
  try {
    const ended = Promise.all(workers.map((worker) => worker.run()));
    if (signal.aborted) shutDown();
    await ended;
  } finally {
    void stopHeartbeat();
    await stopHousekeeping();
    await stopSweep();
    await stopRestarts();
    await relay?.stop();
    await connection.close();
    await clientConnection.close();
    await Promise.all([close(), upkeep.close()]);
  }
}

/** Says in the database that this worker is alive. @returns how to end that */
function startHeartbeat(taskQueue: string): () => Promise<void> {
  const workerId = randomUUID();
  const onError = (error: unknown) => logger.warn({ err: error }, 'the heartbeat could not be written');
  const beat = () => recordHeartbeat(upkeep.db, { workerId, taskQueue });
  return every(HEARTBEAT_SECONDS * 1000, beat, { onError, atOnce: true });
}
