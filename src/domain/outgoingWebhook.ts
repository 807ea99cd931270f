/** Webhooks that companies get from us. */

export const OUTGOING_EVENT_TYPES = [
  'call.missed',
  'call.analyzed',
  'contact.updated',
  'lead.updated',
  'appointment.created',
  'appointment.rescheduled',
  'appointment.updated',
  'appointment.cancelled',
  'visit.started',
  'visit.analyzed',
  'follow_up.opened',
  'follow_up.closed',
] as const;
export type OutgoingEventType = (typeof OUTGOING_EVENT_TYPES)[number];

/** What an event says of a change: the fields that differ, as they were before. */
export function changedFields<T extends Record<string, unknown>>(before: T, after: T): Record<string, unknown> {
  return Object.fromEntries(Object.entries(before).filter(([field, value]) => value !== after[field]));
}

/** failed: given up after the last attempt, or never to be sent; see the row's last_error. A person may send it again. */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];
