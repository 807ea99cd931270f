/** Webhook endpoints: where a company is told of events. */
import { z } from '@hono/zod-openapi';
import { countEndpoints, type EndpointRow, findEndpoint, listEndpoints } from '../../db/queries/webhookEndpoints.ts';
import { OUTGOING_EVENT_TYPES } from '../../domain/outgoingWebhook.ts';
import { createEndpoint } from '../../services/webhookEndpoints/create.ts';
import { deleteEndpoint } from '../../services/webhookEndpoints/delete.ts';
import { updateEndpoint } from '../../services/webhookEndpoints/update.ts';
import { endpointSchema, endpointView } from '../../views/webhookEndpoint.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { invalidField, mustFind, notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import type { Access } from '../http/permissions.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { companyQuery, optionalText } from '../http/schemas.ts';

const eventsInput = z
  .array(z.enum(OUTGOING_EVENT_TYPES))
  .min(1)
  .transform((events) => [...new Set(events)])
  .openapi({
    type: 'array',
    minItems: 1,
    items: { type: 'string', enum: [...OUTGOING_EVENT_TYPES] },
    example: ['call.analyzed', 'appointment.created'],
  });

const urlInput = z
  .string()
  .trim()
  .min(1)
  .max(2000)
  .openapi({ pattern: '^https?://', example: 'https://crm.example.com/hooks/callwright' });

const endpointInput = z
  .object({
    url: urlInput,
    events: eventsInput
      .default([...OUTGOING_EVENT_TYPES])
      .openapi({ description: 'The types of events that are sent; all unless given.' }),
    description: optionalText(200),
    enabled: z.boolean().default(true),
    company_id: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .openapi({ description: 'The company of the endpoint. Only for admins; others use their own.' }),
  })
  .openapi('WebhookEndpointInput', {
    example: { url: 'https://crm.example.com/hooks/callwright', events: ['call.analyzed', 'appointment.created'] },
  });

const endpointPatch = z
  .object({
    url: urlInput.optional(),
    events: eventsInput.optional(),
    description: optionalText(200),
    enabled: z.boolean().optional(),
    rotate_secret: z.boolean().optional().openapi({
      description:
        '`true` makes a new secret, which only this answer shows. The previous secret also signs for 24 hours.',
    }),
  })
  .openapi('WebhookEndpointPatch', { example: { events: ['call.analyzed'], rotate_secret: true } });

const MAKE_DESCRIPTION =
  'Each event is POSTed as `{"type", "timestamp", "data", "previous"}`: `data` is what the GET of its subject (call, contact, ' +
  'lead, appointment, recording session or follow-up) answers at that moment, `previous`, where it is there, has the old values ' +
  'of what changed. It is signed according to Standard Webhooks: `webhook-id`, `webhook-timestamp`, ' +
  '`webhook-signature` (`v1,` and base64 of HMAC-SHA256); its libraries verify it. Anything but 2xx within 15 seconds is tried ' +
  'again, with growing pauses, for three days; 410 disables the endpoint. An event may come twice, under the same ' +
  '`webhook-id`, and events may overtake each other. In production the URL must be https and lead to the public internet.';

/** Everything below /webhook-endpoints. */
export function webhookEndpointRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Outgoing webhooks';

  routes.add(
    {
      method: 'post',
      path: '/webhook-endpoints',
      permission: 'webhookEndpoints.write',
      tag,
      summary: 'Create a webhook endpoint',
      description: MAKE_DESCRIPTION,
      body: endpointInput,
      status: 201,
      data: endpointSchema,
      creates: true,
      errors: ['conflict', 'not_found'],
    },
    async ({ tx, body, access }) => {
      const companyId = companyOf(access, body.company_id);
      const { url, events, description, enabled } = body;
      const made = { companyId, url, events, description, enabled };
      const { id, secret } = await createEndpoint(tx, access, made, deps.config);
      const endpoint = await mustFind(findEndpoint(tx, companyId, id));
      return reply({ ...endpointView(endpoint), secret }, { etag: etagOf(endpoint) });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/webhook-endpoints',
      permission: 'webhookEndpoints.read',
      tag,
      summary: 'List webhook endpoints, newest first',
      query: z.object({ ...pageQuery, company_id: companyQuery }),
      data: listOf(endpointSchema),
    },
    async ({ db, query, access }) => {
      const filter = { companyId: access.companyId ?? query.company_id };
      return listPage(query, {
        rows: (page) => listEndpoints(db, filter, page),
        count: () => countEndpoints(db, filter),
        key: byMoment((row: EndpointRow) => ({ at: row.createdAt, id: row.id })),
        view: endpointView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/webhook-endpoints/{id}',
      permission: 'webhookEndpoints.read',
      tag,
      summary: 'Read a webhook endpoint',
      data: endpointSchema,
    },
    async ({ db, params, access }) => {
      const endpoint = await mustFind(findEndpoint(db, access.companyId, params.id));
      return reply(endpointView(endpoint), { etag: etagOf(endpoint) });
    },
  );

  routes.add(
    {
      method: 'patch',
      path: '/webhook-endpoints/{id}',
      permission: 'webhookEndpoints.write',
      tag,
      summary: 'Change a webhook endpoint',
      description:
        'Fields that are absent stay as they are. Deliveries that are due while the endpoint is disabled fail; send them again with ' +
        '`POST /webhook-deliveries/{id}/resend`.',
      body: endpointPatch,
      data: endpointSchema,
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const fields = Object.keys(endpointPatch.shape).filter((field) => field in body);
      const { rotate_secret: rotateSecret, ...columns } = body;
      const change = { change: { ...columns, rotateSecret }, fields };
      const { secret } = await updateEndpoint(tx, access, id, change, ifMatch(c), deps.config);
      const endpoint = await mustFind(findEndpoint(tx, access.companyId, id));
      return reply({ ...endpointView(endpoint), secret }, { etag: etagOf(endpoint) });
    },
  );

  routes.add(
    {
      method: 'delete',
      path: '/webhook-endpoints/{id}',
      permission: 'webhookEndpoints.write',
      tag,
      summary: 'Delete a webhook endpoint and its log',
      status: 204,
    },
    async ({ tx, params: { id }, access }) => deleteEndpoint(tx, access, id),
  );

  return routes.app;
}

/** Whose endpoint is made: the caller's company, or the one an admin names. */
function companyOf({ companyId }: Access, named: string | undefined): string {
  const own = companyId ?? named;
  if (own === undefined) throw invalidField('company_id', 'is needed');
  if (named !== undefined && named !== own) throw notFound();
  return own;
}
