import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
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
  const connection = Connection.lazy(clientConnectionOptions(config));
  return { client: new Client({ connection, namespace: config.temporal.namespace }), connection };
}

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
