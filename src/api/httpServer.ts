/**
 * The HTTP server under the API: time-outs and bounds that make a slow, broken-off or idle sender cost itself only, and
 * what real senders and balancers do that the defaults refuse.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { ApiRouter } from './http/router.ts';

/** A landing page's query string comes back in the webhook's URL: 64 KiB of it, and the other headers. */
const HEADER_BYTES_MAX = 96 * 1024;
/** Of a new connection, or after the first byte of a further request. */
const HEADERS_WITHIN_MS = 10_000;
/** With the body; what reads a body gives up before this and says so. */
const REQUEST_WITHIN_MS = 15_000;
/** No byte in either direction while a request is under way: whoever should read the answer does not. */
const STALLED_MS = 60_000;
/** Beyond this many the connection that is idle longest is closed. */
const CONNECTIONS_MAX = 4000;

export interface HttpServerOptions {
  app: Pick<ApiRouter, 'fetch'>;
  /** How long an idle connection is kept for its next request. */
  keepAliveSeconds: number;
  limits?: Partial<HttpLimits>;
}

export interface HttpLimits {
  headersWithinMs: number;
  requestWithinMs: number;
  stalledMs: number;
  connectionsMax: number;
}

/** Makes the server; `listen` starts it. */
export function createHttpServer({ app, keepAliveSeconds, limits = {} }: HttpServerOptions): Server {
  const connectionsMax = limits.connectionsMax ?? CONNECTIONS_MAX;
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer: ((options: object, listener: (request: IncomingMessage, response: ServerResponse) => void) =>
      createServer(options, (request, response) => {
        request.url = originForm(request.url);
        listener(request, response);
      })) as typeof createServer,
    serverOptions: {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: limits.headersWithinMs ?? HEADERS_WITHIN_MS,
      requestTimeout: limits.requestWithinMs ?? REQUEST_WITHIN_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: keepAliveSeconds * 1000,
    },
  }) as Server;
  server.timeout = limits.stalledMs ?? STALLED_MS;
  boundConnections(server, connectionsMax);
  return server;
}

/** Stops listening, and resolves once the requests under way are answered. */
export async function closeHttpServer(server: Server): Promise<void> {
  // A connection that becomes idle only now would be kept for its next request.
  const closing = setInterval(() => server.closeIdleConnections(), 100);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  } finally {
    clearInterval(closing);
  }
}

/**
 * The path of a request that names a whole URL, as proxies are sent: who is asked is told by Host. What stands before an
 * `@` there would make a URL that no Request can have.
 */
function originForm(url: string | undefined): string | undefined {
  const path = url?.replace(/^https?:\/\/[^/?#]*/i, '');
  if (path === url) return url;
  return path?.startsWith('/') ? path : `/${path ?? ''}`;
}

/** Closes idle connections, the longest idle first, where there are too many: keep-alive is long, descriptors are not. */
function boundConnections(server: Server, max: number): void {
  let open = 0;
  const idle = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open += 1;
    idle.add(socket);
    socket.once('close', () => {
      open -= 1;
      idle.delete(socket);
    });
    if (open <= max) return;
    const [longest] = idle;
    longest?.destroy();
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}
