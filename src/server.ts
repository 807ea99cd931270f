/** The API process: REST, webhooks and a relay. */
import type { Server } from 'node:http';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createApp } from './api/app.ts';
import type { AppDeps } from './api/deps.ts';
import { createAdmission } from './api/http/admission.ts';
import { closeHttpServer, createHttpServer } from './api/httpServer.ts';
import { registerLoadMetrics } from './api/loadMetrics.ts';
import { operatorApp } from './api/routes/system.ts';
import { createWebhookLoad } from './api/webhooks/load.ts';
import { registerInboxMetrics } from './background/inboxMetrics.ts';
import { createReadiness } from './background/readiness.ts';
import { startRelay } from './background/relay.ts';
import { readCommandLine } from './config/commandLine.ts';
import { loadConfigOrExit } from './config/config.ts';
import { openPools } from './db/pools.ts';
import { usesCallRailApi } from './db/queries/reconciliation.ts';
import { callrailProblem, shunyaProblem } from './providers/probe.ts';
import { onShutdown } from './runtime/shutdown.ts';
import { createLogger } from './runtime/telemetry.ts';
import { createClientWithDeadline } from './temporal/connect.ts';
import { createWorkflowMessages } from './temporal/workflowMessages.ts';

/** Nobody who asks whether Temporal is there waits longer. */
const READINESS_DEADLINE_MS = 3000;

readCommandLine('usage: npm run start:api, without options: docs/configuration.md lists its variables', {});
const config = loadConfigOrExit({ needs: ['database', 'temporal', 'shunya', 'auth'] });
const logger = createLogger(config, 'api');
const { pools, close } = openPools(config.databaseUrl);
const { connection } = createClientWithDeadline(config, READINESS_DEADLINE_MS);
const workflows = createWorkflowMessages(config);
const metricsRegistry = new Registry();
collectDefaultMetrics({ register: metricsRegistry });
registerInboxMetrics(metricsRegistry, pools.system);

const stopping = new AbortController();

const relay = startRelay({ db: pools.background, config, logger });
const deps: AppDeps = {
  config,
  pools,
  logger,
  workflows,
  inbox: relay,
  readiness: createReadiness({
    db: pools.system,
    connection,
    config,
    informative: {
      shunya: () => shunyaProblem(config.shunya),
      callrail: async () =>
        (await usesCallRailApi(pools.system)) ? callrailProblem(config.callrailBaseUrl) : undefined,
    },
  }),
  metricsRegistry,
  admission: createAdmission(),
  webhookLoad: createWebhookLoad(),
  stopping: stopping.signal,
};
registerLoadMetrics(metricsRegistry, deps);
const app = createApp(deps);

const server = createHttpServer({ app, keepAliveSeconds: config.httpKeepAliveSeconds });
server.listen(config.port, config.host, () => logger.info({ port: config.port }, 'the API listens'));
const ops =
  config.opsPort === undefined ? undefined : createHttpServer({ app: operatorApp(deps), keepAliveSeconds: 5 });
ops?.listen(config.opsPort, config.host);
endIfTaken(server, `PORT ${config.port}`);
if (ops) endIfTaken(ops, `OPS_PORT ${config.opsPort}`);

function endIfTaken(listening: Server, name: string): void {
  listening.on('error', (error: NodeJS.ErrnoException) => {
    const inUse = error.code === 'EADDRINUSE';
    process.stderr.write(inUse ? `${name} is in use\n` : `the API cannot listen: ${error.code}\n`);
    process.exit(1);
  });
}

onShutdown(logger, async () => {
  stopping.abort();
  await Promise.all([server, ops].map((each) => each && closeHttpServer(each)));
  await relay.stop();
  await Promise.all([connection.close(), workflows.close()]);
  await close();
});
