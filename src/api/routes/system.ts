/** What every request passes, and the routes outside of the API's base: health, readiness, metrics. */
import { randomUUID } from 'node:crypto';
import { OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from '../../runtime/telemetry.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { REQUEST_ID } from '../http/openapi.ts';

/** Gives each request an id: the caller's own where it is fit for a log, else a new one. */
export function requestId(): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const given = c.req.header('x-request-id') ?? '';
    const id = /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
    c.set('requestId', id);
    await next();
    c.header('X-Request-Id', id);
    c.header('X-Content-Type-Options', 'nosniff');
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
  };
}

/** Measures and logs requests, by route pattern: a path holds ids. */
export function observe(registry: Registry, logger: Logger): MiddlewareHandler<ApiEnv> {
  const duration = durationHistogram(registry);
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const durationMs = performance.now() - startedAt;
    const labels = {
      method: c.req.method,
      route: c.res.status === 404 ? 'none' : routePath(c, -1),
      status: c.res.status,
    };
    duration.observe(labels, durationMs / 1000);
    logger.debug({ requestId: c.get('requestId'), ...labels, durationMs: Math.round(durationMs) }, 'request');
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

/** healthz, readyz and metrics. */
export function systemRoutes(deps: Pick<ApiDeps, 'readiness' | 'metricsRegistry'>): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  describeSystem(app);
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    const { ready, parts } = await deps.readiness();
    return c.json({ ready, parts }, ready ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const { metricsRegistry } = deps;
    return c.body(await metricsRegistry.metrics(), 200, { 'Content-Type': metricsRegistry.contentType });
  });
  return app;
}

const readinessSchema = z
  .object({
    ready: z.boolean(),
    parts: z.record(z.string(), z.object({ ok: z.boolean(), reason: z.string().optional() })),
  })
  .openapi('Readiness', {
    example: { ready: false, parts: { database: { ok: true }, worker: { ok: false, reason: 'no worker polls' } } },
  });

function describeSystem(app: OpenAPIHono<ApiEnv>): void {
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
    summary: 'Whether the process is alive',
    description: 'Traffic is routed by this: webhooks are taken while Temporal is away.',
    responses: { 200: json('Alive', z.object({ status: z.literal('ok').openapi({ example: 'ok' }) })) },
  });
  app.openAPIRegistry.registerPath({
    ...route,
    path: '/readyz',
    operationId: 'get_readyz',
    summary: 'Whether everything works, part by part',
    responses: { 200: json('Ready', readinessSchema), 503: json('Not ready, and why', readinessSchema) },
  });
  app.openAPIRegistry.registerPath({
    ...route,
    path: '/metrics',
    operationId: 'get_metrics',
    summary: 'Metrics for Prometheus',
    responses: {
      200: { description: 'Metrics', headers: REQUEST_ID, content: { 'text/plain': { schema: z.string() } } },
    },
  });
}
