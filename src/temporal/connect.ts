import { setTimeout as delay } from 'node:timers/promises';
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  type Metadata,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { errorFields } from '../runtime/telemetry.ts';

const RECONNECT_INITIAL_SECONDS = 0.5;
const RECONNECT_MAX_SECONDS = 5;

/** Options for a client connection. Without the reconnect cap gRPC takes up to two minutes to notice that an outage is over. */
export function clientConnectionOptions(config: Config): ConnectionOptions {
  const { address, tls, apiKey, metadata } = config.temporal.connectionOptions;
  return {
    address: address ?? config.temporal.address,
    tls: tls ?? undefined,
    apiKey: apiKey as ConnectionOptions['apiKey'],
    metadata: metadata as ConnectionOptions['metadata'],
    channelArgs: { 'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_SECONDS * 1000 },
  };
}

/** A client that connects on first use, so the API starts and takes webhooks while Temporal is away. */
export function createClient(config: Config): { client: Client; connection: Connection } {
  return clientOf(Connection.lazy(clientConnectionOptions(config)), config);
}

/** The same for a process that takes webhooks; each request ends after so many milliseconds. */
export function createClientWithDeadline(
  config: Config,
  deadlineMs: number,
): { client: Client; connection: Connection } {
  const options = clientConnectionOptions(config);
  const connection = PlainConnection.lazy({
    ...options,
    metadata: { ...options.metadata, 'temporal-namespace': config.temporal.namespace },
    interceptors: [endAfter(deadlineMs), makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  });
  return clientOf(connection, config);
}

const clientOf = <C extends Connection>(connection: C, config: Config) => ({
  client: new Client({ connection, namespace: config.temporal.namespace }),
  connection,
});

/**
 * The SDK hands deadline and metadata of each request on by an AsyncLocalStorage, and from its first use on Node follows
 * every promise of the process: a fifth of what a webhook costs. Here all requests have the same, set once.
 */
class PlainConnection extends Connection {
  override async withDeadline<T>(_deadline: number | Date, send: () => Promise<T>): Promise<T> {
    return send();
  }

  override async withMetadata<T>(_metadata: Metadata, send: () => Promise<T>): Promise<T> {
    return send();
  }
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

const endAfter =
  (ms: number): Interceptor =>
  (call, next) =>
    next({ ...call, deadline: Date.now() + ms }) as ReturnType<Interceptor>;

/**
 * The worker's connection. `NativeConnection.connect` fails at once when the server is away, so this goes on trying.
 * Ends with the signal's reason when that is aborted.
 */
export async function connectWorker(config: Config, logger: Logger, signal: AbortSignal): Promise<NativeConnection> {
  // Loaded here: the API imports this file too and has no use for the worker's native part.
  const { NativeConnection } = await import('@temporalio/worker');
  for (let waitSeconds = RECONNECT_INITIAL_SECONDS; ; waitSeconds = Math.min(waitSeconds * 2, RECONNECT_MAX_SECONDS)) {
    signal.throwIfAborted();
    try {
      return await NativeConnection.connect(config.temporal.connectionOptions);
    } catch (error) {
      logger.warn({ ...errorFields(error), address: config.temporal.address, waitSeconds }, 'waiting for Temporal');
    }
    await delay(waitSeconds * 1000, undefined, { signal });
  }
}
