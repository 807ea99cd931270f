import type { Client } from '@temporalio/client';
import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { Database, openDatabase } from '../db/client.ts';
import type { Logger } from '../runtime/telemetry.ts';

/** Whether the service can do its work, part by part. */
export interface Readiness {
  ready: boolean;
  parts: Record<string, { ok: boolean; reason?: string }>;
}

/** What the API works with; the composition root makes it. */
export interface ApiDeps {
  config: Config;
  db: Database;
  sql: ReturnType<typeof openDatabase>['sql'];
  logger: Logger;
  temporal: { client: Client; namespace: string; taskQueue: string };
  /** Called after a commit that stored an event, so that it is dispatched at once. */
  inbox: { poke(): void };
  readiness: () => Promise<Readiness>;
  metricsRegistry: Registry;
  /** Aborted when the process is to end: streams would hold it open. */
  stopping?: AbortSignal;
}
