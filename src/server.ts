/** The API process: REST, webhooks and a relay. */
import { serve } from '@hono/node-server';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createApp } from './api/app.ts';
import { registerInboxMetrics } from './background/inboxMetrics.ts';
import { createReadiness } from './background/readiness.ts';
import { startRelay } from './background/relay.ts';
import { loadConfigOrExit } from './config/config.ts';
import { openDatabase } from './db/client.ts';
import { onShutdown } from './runtime/shutdown.ts';
import { createLogger } from './runtime/telemetry.ts';
import { createClient } from './temporal/connect.ts';

const config = loadConfigOrExit({ needs: ['database', 'temporal', 'shunya', 'auth'] });
const logger = createLogger(config, 'api');
const { db, sql, close } = openDatabase(config.databaseUrl, { max: 20 });
const { client, connection } = createClient(config);
const metricsRegistry = new Registry();
collectDefaultMetrics({ register: metricsRegistry });
registerInboxMetrics(metricsRegistry, db);

const stopping = new AbortController();

const relay = startRelay({ db, client, config, logger });
const app = createApp({
  config,
  db,
  sql,
  logger,
  temporal: { client, namespace: config.temporal.namespace, taskQueue: config.temporal.taskQueue },
  inbox: relay,
  readiness: createReadiness({ db, connection, config }),
  metricsRegistry,
  stopping: stopping.signal,
});

const server = serve({ fetch: app.fetch, port: config.port, hostname: config.host }, (address) =>
  logger.info({ port: address.port }, 'the API listens'),
);
server.on('error', (error: NodeJS.ErrnoException) => {
  const inUse = error.code === 'EADDRINUSE';
  process.stderr.write(inUse ? `PORT ${config.port} is in use\n` : `the API cannot listen: ${error.code}\n`);
  process.exit(1);
});

onShutdown(logger, async () => {
  stopping.abort();
  // Idle keep-alive connections would hold the server open; requests under way are answered.
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await relay.stop();
  await connection.close();
  await close();
});
