/** What both senders of webhooks share: the raw body, its JSON, the answer, and how it stands in the OpenAPI document. */
import { type RouteConfig, z } from '@hono/zod-openapi';
import type { Context, ErrorHandler, Handler } from 'hono';
import { parseBodyBytes, parseJsonBytes } from '../../domain/text.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import { createTimeLimit, type TimeLimit, within } from '../../runtime/timeLimit.ts';
import type { StoredEvent } from '../../services/inbox/store.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiEnv } from '../env.ts';
import type { Bodies } from '../http/body.ts';
import { ApiError } from '../http/errors.ts';
import { describeErrors, REQUEST_ID } from '../http/openapi.ts';
import { addAnswerHeaders, answerHeaders, type Observe, requestIdFor } from '../routes/system.ts';
import { type HandlerLoad, isSaturated } from './load.ts';

/** A sender gives up at about this time; and nothing may hang on a database that does not answer at all. */
const ANSWER_WITHIN_MS = 10_000;
const RETRY_AFTER_SECONDS = '5';

const FORM = 'application/x-www-form-urlencoded';

/** What every webhook route works with; nothing else of the API comes before it. */
export interface WebhookDeps {
  load: HandlerLoad;
  bodies: Bodies;
  observe: Observe;
  onError: ErrorHandler<ApiEnv>;
  /** How long a handler may take. */
  limit?: TimeLimit;
}

/**
 * The handler of a webhook route: 2xx once `receive` has committed the event, else an error, 503 where it takes too long. A
 * sender that is slow holds nothing but its own connection.
 * @param route for logs and metrics
 */
export function handleWebhook(
  route: string,
  { load, bodies, observe, onError, limit = createTimeLimit(ANSWER_WITHIN_MS) }: WebhookDeps,
  receive: (c: Context<ApiEnv>, body: Buffer) => Promise<StoredEvent>,
): Handler<ApiEnv> {
  const answer = async (c: Context<ApiEnv>, requestId: string): Promise<Response> => {
    const body = bodies.open(c);
    try {
      const bytes = await body.read();
      const event = await inTime(limit, load, () => receive(c, bytes));
      return answerStored(event, requestId);
    } finally {
      body.release();
    }
  };
  return async (c) => {
    const startedAt = performance.now();
    const requestId = requestIdFor(c.req.header('x-request-id'));
    let response: Response;
    try {
      response = await answer(c, requestId);
    } catch (error) {
      c.set('requestId', requestId);
      response = await onError(error as Error, c);
      addAnswerHeaders(response, requestId);
    }
    observe({ method: 'POST', route, status: response.status, startedAt, requestId });
    return response;
  };
}

/**
 * Fails with 503 when a handler takes too long. It cannot be taken back: it may still commit, and then the event is there
 * although it was refused, which a repeat finds as a duplicate.
 */
async function inTime<T>(limit: TimeLimit, load: HandlerLoad, handle: () => Promise<T>): Promise<T> {
  const unavailable = () => new ApiError('unavailable', { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
  if (isSaturated(load)) throw unavailable();
  const handled = handle();
  return within(limit, handled, () => {
    load.hanging += 1;
    const end = () => {
      load.hanging -= 1;
    };
    handled.then(end, end);
    return unavailable();
  });
}

/** What the bytes of a body say. @throws ApiError invalid_json */
export function readPayload(c: Context<ApiEnv>, body: Buffer): unknown {
  const isForm = c.req.header('content-type')?.toLowerCase().startsWith(FORM);
  const payload = isForm ? parseBodyBytes(body) : parseJsonBytes(body);
  if (payload === undefined) throw new ApiError('invalid_json');
  return payload;
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
function answerStored(event: StoredEvent, requestId: string): Response {
  const status = ANSWERED_AS[event.status];
  const reason = status === 'accepted' || event.reason === null ? {} : { reason: event.reason };
  // Plain headers, which Node writes as they are.
  return new Response(JSON.stringify({ status, event_id: event.id, duplicate: event.duplicate, ...reason }), {
    headers: { 'Content-Type': 'application/json', ...answerHeaders(requestId) },
  });
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
  /** Of the API. */
  base: string;
  path: string;
  summary: string;
  description: string;
  example: Record<string, unknown>;
  headers: z.ZodObject;
}): RouteConfig {
  return {
    method: 'post',
    path: `${route.base}${route.path}`,
    operationId: `post${route.path.replaceAll(/[/.]/g, '_')}`,
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
      ...describeErrors(ERRORS, route.path),
    },
  };
}
