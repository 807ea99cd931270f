/** The inbox: every event we answered for, and where it stands. */
export const WEBHOOK_EVENT_STATUSES = ['pending', 'dispatched', 'applied', 'unrouted', 'invalid', 'rejected'] as const;
export type WebhookEventStatus = (typeof WEBHOOK_EVENT_STATUSES)[number];

/** Whether an event takes no effect for now: it waits for a number, a person, or a mended key, and is kept within bounds. */
export const isStray = (status: WebhookEventStatus): boolean =>
  status === 'unrouted' || status === 'invalid' || status === 'rejected';

/** operator: a retry or a skip that the relay sends as a signal, most of them an operator's. */
export const WEBHOOK_SOURCES = ['callrail', 'shunya', 'internal', 'operator'] as const;
export type WebhookSource = (typeof WEBHOOK_SOURCES)[number];
