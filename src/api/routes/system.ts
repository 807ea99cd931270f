/** What every request passes, and the routes outside of the API's base: health, readiness, metrics. */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { Histogram, type Registry } from 'prom-client';
import { kept } from '../../runtime/kept.ts';
import type { Logger } from '../../runtime/telemetry.ts';
import type { AppDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError, createErrorHandler, notFoundHandler } from '../http/errors.ts';
import { REQUEST_ID } from '../http/openapi.ts';
import { isSaturated } from '../webhooks/load.ts';

/** Scrapers that ask at the same moment share one answer. */
const METRICS_KEPT_MS = 1000;

/** The caller's own id of a request where it is fit for a log, else a new one. */
export const requestIdFor = (given: string | undefined): string =>
  given !== undefined && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();

/** What every answer says. Nobody keeps a copy of one unless it says that it may be kept. */
export const answerHeaders = (requestId: string) => ({
  'X-Request-Id': requestId,
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
});

/** Gives each request an id. */
export function requestId(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const id = requestIdFor(c.req.header('x-request-id'));
    c.set('requestId', id);
    await next();
    addAnswerHeaders(c.res, id);
  };
}

export function addAnswerHeaders({ headers }: Response, requestId: string): void {
  for (const [name, value] of Object.entries(answerHeaders(requestId)))
    if (name !== 'Cache-Control' || !headers.has(name)) headers.set(name, value);
}

/** Notes a request that was answered. `route` is a pattern: a path holds ids. */
export type Observe = (of: {
  method: string;
  route: string;
  status: number;
  startedAt: number;
  requestId: string;
}) => void;

/** Measures and logs requests. */
export function createObserve(registry: Registry, logger: Logger): Observe {
  const duration = durationHistogram(registry);
  return ({ method, route, status, startedAt, requestId }) => {
    const durationMs = performance.now() - startedAt;
    duration.observe({ method, route, status }, durationMs / 1000);
    if (logger.isLevelEnabled('debug'))
      logger.debug({ requestId, method, route, status, durationMs: Math.round(durationMs) }, 'request');
  };
}

/** The same for each request that passes. */
export function observed(observe: Observe): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const { status } = c.res;
    const route = status === 404 ? 'none' : routePath(c, -1);
    observe({ method: c.req.method, route, status, startedAt, requestId: c.get('requestId') });
  };
}

function durationHistogram(registry: Registry): Histogram {
  const name = 'http_request_duration_seconds';
  const existing = registry.getSingleMetric(name);
  if (existing) return existing as Histogram;
  return new Histogram({
    name,
    help: 'Time from the first byte of a request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
}

type SystemDeps = Pick<AppDeps, 'readiness' | 'metricsRegistry' | 'webhookLoad' | 'config'>;

/** healthz; and readyz and metrics, where these have no port of their own. */
export function systemRoutes(deps: SystemDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const { opsPort } = deps.config;
  describeSystem(app, opsPort === undefined);
  app.get('/healthz', (c) => health(c, deps));
  if (opsPort === undefined) addOperatorRoutes(app, deps);
  return app;
}

/** What the port for operators answers: the same three. */
export function operatorApp(deps: SystemDeps & Pick<AppDeps, 'logger'>): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.onError(createErrorHandler(deps.logger));
  app.notFound(notFoundHandler);
  app.use(requestId());
  app.get('/healthz', (c) => health(c, deps));
  addOperatorRoutes(app, deps);
  return app;
}

/** Not alive is a process that has to be started again: its webhooks hang, so that it takes no more of them. */
function health(c: Context<ApiEnv>, { webhookLoad }: SystemDeps): Response {
  const saturated = Object.entries(webhookLoad).find(([, load]) => isSaturated(load));
  if (!saturated) return c.json({ status: 'ok' });
  return c.json({ status: 'saturated', reason: `webhooks of ${saturated[0]} hang` }, 503);
}

function addOperatorRoutes(app: OpenAPIHono<ApiEnv>, { config, readiness, metricsRegistry }: SystemDeps): void {
  const { opsToken } = config;
  const expected = opsToken === undefined ? undefined : sha256(opsToken);
  const metrics = kept(METRICS_KEPT_MS, () => metricsRegistry.metrics());
  const guard: MiddlewareHandler<ApiEnv> = async (c, next) => {
    const given = /^Bearer +([^\s]+) *$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if (expected && !timingSafeEqual(sha256(given), expected))
      throw new ApiError('unauthenticated', {
        detail: 'Send OPS_TOKEN as bearer.',
        headers: { 'WWW-Authenticate': 'Bearer' },
      });
    await next();
  };
  app.get('/readyz', guard, async (c) => {
    const { ready, parts } = await readiness();
    return c.json({ ready, parts }, ready ? 200 : 503);
  });
  app.get('/metrics', guard, async (c) =>
    c.body(await metrics(), 200, { 'Content-Type': metricsRegistry.contentType }),
  );
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const readinessSchema = z
  .object({
    ready: z.boolean(),
    parts: z.record(
      z.string(),
      z.object({
        ok: z.boolean(),
        reason: z.string().optional(),
        informative: z
          .boolean()
          .optional()
          .openapi({ description: 'True for Shunya and CallRail: such a part never makes the service unready.' }),
      }),
    ),
  })
  .openapi('Readiness', {
    example: { ready: false, parts: { database: { ok: true }, worker: { ok: false, reason: 'no worker polls' } } },
  });

function describeSystem(app: OpenAPIHono<ApiEnv>, withOperators: boolean): void {
  const route = { method: 'get' as const, tags: ['System'], security: [] };
  const json = (description: string, schema: z.ZodType) => ({
    description,
    headers: REQUEST_ID,
    content: { 'application/json': { schema } },
  });
  app.openAPIRegistry.registerPath({
    ...route,
    path: '/healthz',
    operationId: 'get_healthz',
    summary: 'Check that the process is alive',
    description:
      'For load balancers. It stays 200 while Temporal is away, because webhooks are still stored. 503 means that webhooks ' +
      'hang: restart the process.',
    responses: {
      200: json('Alive', z.object({ status: z.literal('ok').openapi({ example: 'ok' }) })),
      503: json(
        'Saturated',
        z
          .object({ status: z.literal('saturated'), reason: z.string() })
          .openapi({ example: { status: 'saturated', reason: 'webhooks of callrail hang' } }),
      ),
    },
  });
  if (!withOperators) return;
  app.openAPIRegistry.registerPath({
    ...route,
    path: '/readyz',
    operationId: 'get_readyz',
    summary: 'Check that every part works',
    description:
      '200 while every required part works, else 503. Shunya and CallRail are reported and do not affect readiness. With `OPS_TOKEN` set it needs that token as bearer.',
    responses: { 200: json('Ready', readinessSchema), 503: json('Not ready, and why', readinessSchema) },
  });
  app.openAPIRegistry.registerPath({
    ...route,
    path: '/metrics',
    operationId: 'get_metrics',
    summary: 'Read the metrics for Prometheus',
    description: 'In the text format of Prometheus. With `OPS_TOKEN` set it needs that token as bearer.',
    responses: {
      200: { description: 'Metrics', headers: REQUEST_ID, content: { 'text/plain': { schema: z.string() } } },
    },
  });
}
