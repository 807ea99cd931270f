/** The event stream: a dashboard sees calls, leads, appointments, visits and pipelines as they change. */
import { z } from '@hono/zod-openapi';
import { iso, momentOut } from '../../views/shapes.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../http/errors.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { createEventStream } from '../live/eventStream.ts';
import { createLiveFeed } from '../live/liveFeed.ts';
import { feedAccess, type LiveClient } from '../live/tellChanges.ts';

/** Bounds of one process. A browser keeps six connections to an origin; a person may have a few open. */
const STREAMS_MAX = 2000;
const STREAMS_PER_USER_MAX = 12;
/** Longer than this a timer cannot wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  // Else nginx keeps events back until its buffer is full.
  'X-Accel-Buffering': 'no',
  // A stream that ends leaves no idle connection that the end of the process would wait for.
  Connection: 'close',
};

const DESCRIPTION =
  `Server-sent events of the company, as the role may read them. Each has one of the names \`call\`, \`lead\`,
\`appointment\`, \`visit\`, \`follow_up\` and \`pipeline\`, and \`data\`: \`{"kind", "id", "data"}\`, where \`data\` is what the GET of the same thing answers,
at the moment of sending. \`{"kind", "id", "data": null, "gone": true}\`: it was deleted, or is no longer visible to you. An event may come
twice; several changes in a row may come as one.

- \`ready\` comes first, or after what was missed: from here on events are live. Load your lists when you get the first one.
- \`reset\`: the missed events are not available (too old, too many, or an unknown id). Load your lists again; events go on.
- \`end\` with \`{"reason": "token_expired" | "shutting_down"}\` is the last event.

Every event has an \`id\`. EventSource sends the last one as \`Last-Event-ID\` when it reconnects; \`?last_event_id=\` does the same.
Without one the stream starts now. Where no header can be sent, \`?ticket=\` takes the place of the bearer: \`POST /events/ticket\`
issues one, valid for 60 seconds. The stream ends when the bearer does. A client that reads too slowly is disconnected.`.replaceAll(
    /(?<!\n)\n(?![\n-])/g,
    ' ',
  );

const streamQuery = z.object({
  last_event_id: z
    .string()
    .max(100)
    .optional()
    .openapi({ description: 'The id of the last event you received; the stream goes on after it.' }),
  ticket: z
    .string()
    .max(2000)
    .optional()
    .openapi({ description: 'A ticket of `POST /events/ticket`, in place of the bearer token.' }),
});

const EXAMPLE_STREAM =
  'event: lead\nid: 1042-17-1773493200\ndata: {"kind":"lead","id":"0f5f0a3c-…","data":{"id":"0f5f0a3c-…","status":"hot"}}\n\n';

const ticketSchema = z
  .object({ ticket: z.string().openapi({ example: 'W3siYWN0b3Ii.k9uJ3Q' }), expires_at: momentOut })
  .openapi('EventTicket', { description: 'A ticket opens `GET /events?ticket=…` and nothing else.' });

/** GET /events and POST /events/ticket. */
export function eventRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const feed = createLiveFeed(deps);
  deps.stopping?.addEventListener('abort', () => feed.stop());
  const tag = 'Live';

  routes.add(
    {
      method: 'get',
      path: '/events',
      permission: 'events.read',
      tag,
      summary: 'Follow what changes',
      description: DESCRIPTION,
      query: streamQuery,
      acceptsTicket: true,
      text: { type: 'text/event-stream', example: EXAMPLE_STREAM },
      errors: ['too_many_streams'],
    },
    async ({ c, query, access }) => {
      if (c.req.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS });
      const { companyId, actor } = access;
      if (deps.stopping?.aborted) throw new ApiError('unavailable', { headers: { 'Retry-After': '1' } });
      if (feed.size >= STREAMS_MAX || feed.sizeOf(companyId, actor.userId) >= STREAMS_PER_USER_MAX)
        throw new ApiError('too_many_streams', { headers: { 'Retry-After': '30' } });

      let expiry: NodeJS.Timeout | undefined;
      const stream = createEventStream(() => {
        clearTimeout(expiry);
        feed.leave(client);
      });
      const lastEventId = c.req.header('last-event-id') || query.last_event_id;
      const client: LiveClient = { companyId, userId: actor.userId, access: feedAccess(access), stream, lastEventId };
      const leftMs = Math.max(0, actor.expiresAt.getTime() - Date.now());
      expiry = setTimeout(() => stream.end('token_expired'), Math.min(leftMs, TIMER_MAX_MS));
      feed.join(client);
      return new Response(stream.body, { headers: STREAM_HEADERS });
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/events/ticket',
      permission: 'events.read',
      tag,
      summary: 'Get a ticket for the event stream',
      description: 'For EventSource, which can send no header. Connect within 60 seconds; get a new one to reconnect.',
      status: 201,
      data: ticketSchema,
    },
    async ({ access }) => {
      const { ticket, expiresAt } = await deps.tickets.issue(access.actor);
      return { ticket, expires_at: iso(expiresAt) };
    },
  );

  return routes.app;
}
