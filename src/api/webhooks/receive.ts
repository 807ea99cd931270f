/** What both senders of webhooks share: the raw body, its JSON, the answer, and how it stands in the OpenAPI document. */
import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { parseBodyBytes, parseJsonBytes } from '../../domain/text.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import type { StoredEvent } from '../../services/inbox/store.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { describeErrors, REQUEST_ID } from '../http/openapi.ts';
import { type HandlerLoad, isSaturated } from './load.ts';

/** A sender gives up at about this time; and nothing may hang on a database that does not answer at all. */
const ANSWER_WITHIN_MS = 10_000;
const RETRY_AFTER_SECONDS = '5';

const FORM = 'application/x-www-form-urlencoded';

/** A router whose routes answer in time: 2xx once the event is committed, else 503 with Retry-After. */
export function createWebhookRouter(load: HandlerLoad): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  // First: a sender that is slow holds nothing but its own connection.
  app.use(async (c, next) => {
    await c.get('readBody')();
    await next();
  });
  app.use(answerInTime({ withinMs: ANSWER_WITHIN_MS, load }));
  return app;
}

/**
 * Answers 503 when a handler takes too long. The handler itself cannot be taken back: it may still commit, and then the
 * event is there although it was refused, which a repeat finds as a duplicate.
 */
export function answerInTime({ withinMs, load }: { withinMs: number; load: HandlerLoad }): MiddlewareHandler<ApiEnv> {
  const unavailable = () => new ApiError('unavailable', { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
  return async (_c, next) => {
    if (isSaturated(load)) throw unavailable();
    const handled = next();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        load.hanging += 1;
        void handled
          .catch(() => {})
          .finally(() => {
            load.hanging -= 1;
          });
        reject(unavailable());
      }, withinMs);
    });
    try {
      await Promise.race([handled, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The bytes as they came, for the signature, and what they say. @throws ApiError invalid_json */
export async function readBody(c: Context<ApiEnv>): Promise<{ body: Buffer; payload: unknown }> {
  const body = await c.get('readBody')();
  const isForm = c.req.header('content-type')?.toLowerCase().startsWith(FORM);
  const payload = isForm ? parseBodyBytes(body) : parseJsonBytes(body);
  if (payload === undefined) throw new ApiError('invalid_json');
  return { body, payload };
}

/** How an event that was stored before is answered, by where it stands. */
const ANSWERED_AS: Record<WebhookEventStatus, 'accepted' | 'unrouted' | 'invalid'> = {
  pending: 'accepted',
  dispatched: 'accepted',
  applied: 'accepted',
  unrouted: 'unrouted',
  invalid: 'invalid',
  rejected: 'invalid',
};

/** Says why only where the sender could mend something; what became of an accepted event is its company's. */
export function answerStored(c: Context<ApiEnv>, event: StoredEvent) {
  const status = ANSWERED_AS[event.status];
  const reason = status === 'accepted' || event.reason === null ? {} : { reason: event.reason };
  return c.json({ status, event_id: event.id, duplicate: event.duplicate, ...reason }, 200);
}

const answerSchema = z
  .object({
    status: z.enum(['accepted', 'unrouted', 'invalid']),
    event_id: z.string(),
    duplicate: z.boolean().openapi({ description: 'Whether the same bytes arrived at this address before.' }),
    reason: z.string().optional().openapi({
      description:
        'Why it takes no effect for now: `unknown_number` (no company has the number called), `no_call_id`, …',
      example: 'unknown_number',
    }),
  })
  .openapi('WebhookAnswer', { example: { status: 'accepted', event_id: EXAMPLE.eventId, duplicate: false } });

const ERRORS = [
  'invalid_json',
  'body_cut_off',
  'invalid_signature',
  'request_timeout',
  'body_too_large',
  'internal',
  'unavailable',
] as const;

/** Describes one webhook route; the handler itself works on raw bytes and is registered beside it. */
export function describeWebhook(route: {
  sender: 'callrail' | 'shunya';
  path: string;
  summary: string;
  description: string;
  example: Record<string, unknown>;
  headers: z.ZodObject;
}): RouteConfig {
  return {
    method: 'post',
    path: route.path,
    operationId: `post_${route.sender}${route.path.replaceAll(/[/.]/g, '_')}`,
    summary: route.summary,
    description: route.description,
    tags: ['Webhooks in'],
    security: [],
    request: {
      headers: route.headers,
      body: {
        required: true,
        // Any JSON is taken and kept; what cannot be read is answered as `invalid`. A form is read like JSON.
        content: {
          'application/json': { schema: z.unknown(), example: route.example },
          [FORM]: { schema: z.record(z.string(), z.string()) },
        },
      },
    },
    responses: {
      200: {
        description: 'Stored. `status` says whether it takes effect without further action.',
        headers: REQUEST_ID,
        content: { 'application/json': { schema: answerSchema } },
      },
      ...describeErrors(ERRORS, `/${route.sender}${route.path}`),
    },
  };
}
