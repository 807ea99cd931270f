/** The API: everything it answers is listed here. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { getPath } from 'hono/utils/url';
import { createLinkKey } from '../services/links/linkKey.ts';
import { addLocalHelpers } from './console/local.ts';
import { addConsolePage } from './console/page.ts';
import type { ApiDeps, AppDeps } from './deps.ts';
import type { ApiEnv } from './env.ts';
import { createAuthenticator } from './http/auth.ts';
import { boundBodies, createBodies } from './http/body.ts';
import { docsRoutes } from './http/docs.ts';
import { createErrorHandler, methodNotAllowedResponse, notFoundHandler } from './http/errors.ts';
import { describeApi } from './http/openapi.ts';
import type { ApiRouter } from './http/router.ts';
import { createEventTickets } from './live/eventTickets.ts';
import { createRecordingLinks } from './recordings/recordingLinks.ts';
import { appointmentRoutes } from './routes/appointments.ts';
import { auditRoutes } from './routes/audit.ts';
import { callAnalysisRoutes } from './routes/callAnalysis.ts';
import { callRoutes } from './routes/calls.ts';
import { companyRoutes } from './routes/companies.ts';
import { contactRoutes } from './routes/contacts.ts';
import { eventRoutes } from './routes/events.ts';
import { exportRoutes } from './routes/exports.ts';
import { followUpRoutes } from './routes/followUps.ts';
import { leadRoutes } from './routes/leads.ts';
import { meRoutes } from './routes/me.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import { playbackRoutes } from './routes/playback.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { scorecardRoutes } from './routes/scorecards.ts';
import { createObserve, observed, requestId, systemRoutes } from './routes/system.ts';
import { userRoutes } from './routes/users.ts';
import { webhookDeliveryRoutes } from './routes/webhookDeliveries.ts';
import { webhookEndpointRoutes } from './routes/webhookEndpoints.ts';
import { webhookEventRoutes } from './routes/webhookEvents.ts';
import { addCallrailWebhooks, describeCallrailWebhooks } from './webhooks/callrail.ts';
import { addShunyaWebhook, describeShunyaWebhook } from './webhooks/shunya.ts';

export const API_BASE = '/api/v1';
const WEBHOOKS = /^\/+api\/+v1\/+(callrail|shunya)\/+/;

/** Answers that a page of another origin may read. */
const EXPOSED_HEADERS = ['X-Request-Id', 'ETag', 'Retry-After', 'Allow', 'Idempotency-Replayed', 'Content-Disposition'];

/**
 * Puts the API together.
 * @returns the app; `fetch` serves it, `request` tests it
 */
export function createApp(appDeps: AppDeps): ApiRouter {
  const { config, logger, pools } = appDeps;
  const linkKey = createLinkKey(pools.writes, config.linkSecret);
  const deps: ApiDeps = {
    ...appDeps,
    db: pools.reads,
    authenticate: createAuthenticator(config.auth, logger),
    tickets: createEventTickets(linkKey),
    recordingLinks: createRecordingLinks(linkKey),
  };
  const app: ApiRouter = new OpenAPIHono<ApiEnv>({ getPath: (request) => webhookPath(getPath(request)) });
  const onError = createErrorHandler(logger);
  app.onError(onError);
  app.notFound(notFoundHandler);
  const bodies = createBodies();
  const observe = createObserve(deps.metricsRegistry, logger);

  // Before all that other requests pass: what comes after costs a webhook nothing.
  const webhookDeps = { ...deps, db: pools.webhooks };
  const { callrail, shunya } = deps.webhookLoad;
  addCallrailWebhooks(app, API_BASE, webhookDeps, { load: callrail, bodies, observe, onError });
  addShunyaWebhook(app, API_BASE, webhookDeps, { load: shunya, bodies, observe, onError });

  app.use(requestId());
  app.use(observed(observe));
  if (config.corsOrigins.length > 0) {
    const allowMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
    app.use(cors({ origin: [...config.corsOrigins], allowMethods, exposeHeaders: EXPOSED_HEADERS, maxAge: 600 }));
  }
  // /pipelines/retry is no /pipelines/{workflow_id}, whatever the method.
  let fixedPaths = new Map<string, string[]>();
  app.use(async (c, next) => {
    const methods = fixedPaths.get(c.req.path);
    if (methods && !methods.includes(c.req.method)) return methodNotAllowedResponse(c, methods);
    await next();
  });
  app.use(methodNotAllowed<ApiEnv>({ app, onMethodNotAllowed: methodNotAllowedResponse }));
  app.use(`${API_BASE}/*`, boundBodies(bodies));

  addRoutes(app, deps);
  app.route('/', systemRoutes(deps));
  app.route('/docs', docsRoutes());
  addConsolePage(app, config);
  addLocalHelpers(app, deps);
  fixedPaths = fixedPathsOf(app);
  // A sixth of the time that a start takes: made for the first who asks.
  let document: string | undefined;
  app.get('/openapi.json', (c) => {
    document ??= JSON.stringify(describeApi(app));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  });
  return app;
}

/** Everything below /api/v1, each group with the pool of its kind. */
function addRoutes(app: ApiRouter, deps: ApiDeps): void {
  const { pools } = deps;
  app.route(API_BASE, meRoutes(deps));
  app.route(API_BASE, companyRoutes(deps));
  app.route(API_BASE, userRoutes(deps));
  app.route(API_BASE, scorecardRoutes(deps));
  app.route(API_BASE, callRoutes(deps));
  app.route(API_BASE, callAnalysisRoutes(deps));
  app.route(API_BASE, leadRoutes(deps));
  app.route(API_BASE, followUpRoutes(deps));
  app.route(API_BASE, contactRoutes(deps));
  app.route(API_BASE, appointmentRoutes(deps));
  app.route(API_BASE, recordingRoutes(deps));
  app.route(API_BASE, playbackRoutes(deps));
  app.route(API_BASE, exportRoutes({ ...deps, db: pools.exports }));
  app.route(API_BASE, metricsRoutes(deps));
  app.route(API_BASE, pipelineRoutes(deps));
  app.route(API_BASE, webhookEventRoutes(deps));
  app.route(API_BASE, auditRoutes(deps));
  app.route(API_BASE, eventRoutes({ ...deps, db: pools.background }));
  app.route(API_BASE, webhookEndpointRoutes(deps));
  app.route(API_BASE, webhookDeliveryRoutes(deps));
  describeCallrailWebhooks(app, API_BASE);
  describeShunyaWebhook(app, API_BASE);
}

/** The methods of each path without parameters. */
function fixedPathsOf({ openAPIRegistry }: ApiRouter): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const definition of openAPIRegistry.definitions) {
    if (definition.type !== 'route' || definition.route.path.includes('{')) continue;
    const { path, method } = definition.route;
    const methods = method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
    found.set(path, [...(found.get(path) ?? []), ...methods]);
  }
  return found;
}

/** Who set a webhook up typed its address by hand, and its sender never tries another: slashes too many do not matter. */
function webhookPath(path: string): string {
  if (!WEBHOOKS.test(path)) return path;
  return path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
}
