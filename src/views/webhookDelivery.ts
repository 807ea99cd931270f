/** What was sent to an endpoint and how it went, as people see it. */
import { z } from '@hono/zod-openapi';
import type { DeliveryRow } from '../db/queries/deliveries.ts';
import { DELIVERY_STATUSES, OUTGOING_EVENT_TYPES } from '../domain/outgoingWebhook.ts';
import { EXAMPLE } from './examples.ts';
import { iso, isoOrNull, momentOut } from './shapes.ts';

export const deliverySchema = z
  .object({
    id: z.string().openapi({ description: 'The id of the delivery, sent as `webhook-id` with every attempt.' }),
    company_id: z.string(),
    endpoint_id: z.string(),
    event_type: z.enum(OUTGOING_EVENT_TYPES),
    subject_id: z
      .string()
      .openapi({ description: 'The id of the call, lead, appointment, recording session, contact or follow-up.' }),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().openapi({ description: 'How often it was tried since it was created or last sent again.' }),
    last_status: z.int().nullable().openapi({ description: 'The HTTP status of the last answer.' }),
    last_error: z.string().nullable().openapi({
      description:
        'Why the last attempt failed, as a code: `http_500`, `timeout`, `address_not_allowed`, `endpoint_disabled`, `subject_deleted`, …',
    }),
    last_attempt_at: momentOut.nullable(),
    next_attempt_at: momentOut.nullable(),
    delivered_at: momentOut.nullable(),
    created_at: momentOut,
  })
  .openapi('WebhookDelivery', {
    example: {
      id: EXAMPLE.deliveryId,
      company_id: EXAMPLE.companyId,
      endpoint_id: EXAMPLE.endpointId,
      event_type: 'call.analyzed',
      subject_id: EXAMPLE.callId,
      status: 'delivered',
      attempts: 2,
      last_status: 200,
      last_error: null,
      last_attempt_at: '2026-03-10T15:09:46.000Z',
      next_attempt_at: null,
      delivered_at: '2026-03-10T15:09:46.000Z',
      created_at: '2026-03-10T15:09:41.000Z',
    },
  });

export const deliveryView = (delivery: DeliveryRow) => ({
  id: delivery.id,
  company_id: delivery.companyId,
  endpoint_id: delivery.endpointId,
  event_type: delivery.eventType,
  subject_id: delivery.subjectId,
  status: delivery.status,
  attempts: delivery.attempts,
  last_status: delivery.lastStatus,
  last_error: delivery.lastError,
  last_attempt_at: isoOrNull(delivery.lastAttemptAt),
  next_attempt_at: isoOrNull(delivery.nextAttemptAt),
  delivered_at: isoOrNull(delivery.deliveredAt),
  created_at: iso(delivery.createdAt),
});
