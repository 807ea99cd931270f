/** Where a company is told of events, as people see it. Its secret is shown once, by the route that makes it. */
import { z } from '@hono/zod-openapi';
import type { EndpointRow } from '../db/queries/webhookEndpoints.ts';
import { OUTGOING_EVENT_TYPES } from '../domain/outgoingWebhook.ts';
import { EXAMPLE } from './examples.ts';
import { iso, momentOut } from './shapes.ts';

export const endpointSchema = z
  .object({
    id: z.string(),
    company_id: z.string(),
    url: z.string(),
    description: z.string().nullable(),
    events: z.array(z.enum(OUTGOING_EVENT_TYPES)),
    enabled: z.boolean(),
    disabled_reason: z
      .string()
      .nullable()
      .openapi({ description: 'Why it was disabled automatically: `gone` where it answered 410; else null.' }),
    secret: z.string().optional().openapi({
      description: 'The secret that signs events: `whsec_` and base64. Shown only when it is made.',
      example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('WebhookEndpoint', {
    example: {
      id: EXAMPLE.endpointId,
      company_id: EXAMPLE.companyId,
      url: 'https://crm.example.com/hooks/callwright',
      description: null,
      events: ['call.analyzed', 'appointment.created'],
      enabled: true,
      disabled_reason: null,
      created_at: '2026-03-10T15:04:05.000Z',
      updated_at: '2026-03-10T15:04:05.000Z',
    },
  });

export const endpointView = (endpoint: EndpointRow) => ({
  id: endpoint.id,
  company_id: endpoint.companyId,
  url: endpoint.url,
  description: endpoint.description,
  events: endpoint.events,
  enabled: endpoint.enabled,
  disabled_reason: endpoint.disabledReason,
  created_at: iso(endpoint.createdAt),
  updated_at: iso(endpoint.updatedAt),
});
