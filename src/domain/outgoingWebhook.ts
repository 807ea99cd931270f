/** Webhooks that companies get from us. */

export const OUTGOING_EVENT_TYPES = ['call.analyzed', 'lead.updated', 'appointment.created', 'visit.analyzed'] as const;
export type OutgoingEventType = (typeof OUTGOING_EVENT_TYPES)[number];

/** failed: given up after the last attempt, or never to be sent; see the row's last_error. A person may send it again. */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];
