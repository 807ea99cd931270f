import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import type { Pools } from '../db/pools.ts';
import type { WorkflowMessages } from '../domain/workflowMessages.ts';
import type { Readiness } from '../runtime/readiness.ts';
import type { Logger } from '../runtime/telemetry.ts';
import type { Admission } from './http/admission.ts';
import type { Authenticate } from './http/auth.ts';
import type { EventTickets } from './live/eventTickets.ts';
import type { RecordingLinks } from './recordings/recordingLinks.ts';
import type { WebhookLoad } from './webhooks/load.ts';

/** What the API is made of; the composition root makes it. */
export interface AppDeps {
  config: Config;
  pools: Pools;
  logger: Logger;
  workflows: WorkflowMessages;
  /**
   * poke: called after a commit that stored an event, so that it is dispatched at once; reroute: after one that may have
   * told whose a waiting event is.
   */
  inbox: { poke(): void; reroute(): void };
  readiness: () => Promise<Readiness>;
  metricsRegistry: Registry;
  /** Shared by all routes: what one person or company has under way. */
  admission: Admission;
  /** Webhooks that were answered too late and still hold a connection. */
  webhookLoad: WebhookLoad;
  /** Aborted when the process is to end: streams would hold it open. */
  stopping?: AbortSignal;
}

/** What a group of routes works with. */
export interface ApiDeps extends AppDeps {
  /** The pool that this group reads with; a webhook also writes with it. */
  db: Database;
  /** One for all routes, as the keys of an identity provider are kept in it. */
  authenticate: Authenticate;
  tickets: EventTickets;
  recordingLinks: RecordingLinks;
}
