/** The inbox: every event we answered for, and where it stands. */
import type { SubjectKind } from './pipeline.ts';

export const WEBHOOK_EVENT_STATUSES = ['pending', 'dispatched', 'applied', 'unrouted', 'invalid', 'rejected'] as const;
export type WebhookEventStatus = (typeof WEBHOOK_EVENT_STATUSES)[number];

/** Whether an event takes no effect for now: it waits for a number, a person, or a mended key, and is kept within bounds. */
export const isStray = (status: WebhookEventStatus): boolean =>
  status === 'unrouted' || status === 'invalid' || status === 'rejected';

/** operator: a retry or a skip that the relay sends as a signal, most of them an operator's. */
export const WEBHOOK_SOURCES = ['callrail', 'shunya', 'internal', 'operator'] as const;
export type WebhookSource = (typeof WEBHOOK_SOURCES)[number];

/** The route of a ring, which says no more than that rows have changed. */
export const RING = 'ring';

/** What events of our own are about; of source `operator`, the action. */
export type InternalRoute =
  | 'call.abandoned'
  | 'call.reanalyze'
  | 'visit.started'
  | 'visit.stopped'
  | `${SubjectKind}.restart`
  | 'delivery.due'
  | typeof RING;
