/** Webhook deliveries: the log of what was sent to endpoints. */
import { z } from '@hono/zod-openapi';
import { countDeliveries, type DeliveryRow, findDelivery, listDeliveries } from '../../db/queries/deliveries.ts';
import { DELIVERY_STATUSES, OUTGOING_EVENT_TYPES } from '../../domain/outgoingWebhook.ts';
import { resendDelivery } from '../../services/deliveries/resend.ts';
import { deliverySchema, deliveryView } from '../../views/webhookDelivery.ts';
import type { ApiDeps } from '../deps.ts';
import { mustFind } from '../http/errors.ts';
import { bySequence, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { commaList, companyQuery } from '../http/schemas.ts';

/** Everything below /webhook-deliveries. */
export function webhookDeliveryRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Outgoing webhooks';

  routes.add(
    {
      method: 'get',
      path: '/webhook-deliveries',
      permission: 'webhookEndpoints.read',
      tag,
      summary: 'List deliveries, newest first',
      description: 'Deliveries are kept for 30 days. They hold ids and states, not the contents that were sent.',
      query: z.object({
        ...pageQuery,
        endpoint_id: z.string().max(255).optional(),
        status: commaList(DELIVERY_STATUSES).optional(),
        event_type: commaList(OUTGOING_EVENT_TYPES).optional(),
        subject_id: z.string().max(255).optional(),
        company_id: companyQuery,
      }),
      data: listOf(deliverySchema),
    },
    async ({ db, query, access }) => {
      const { endpoint_id: endpointId, status, event_type: eventType, subject_id: subjectId } = query;
      const filter = { companyId: access.companyId ?? query.company_id, endpointId, status, eventType, subjectId };
      return listPage(query, {
        rows: (page) => listDeliveries(db, filter, page),
        count: () => countDeliveries(db, filter),
        key: bySequence((row: DeliveryRow) => row.sequence),
        view: deliveryView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/webhook-deliveries/{id}',
      permission: 'webhookEndpoints.read',
      tag,
      summary: 'Read a delivery',
      data: deliverySchema,
    },
    async ({ db, params, access }) => deliveryView(await mustFind(findDelivery(db, access.companyId, params.id))),
  );

  routes.add(
    {
      method: 'post',
      path: '/webhook-deliveries/{id}/resend',
      permission: 'webhookEndpoints.write',
      tag,
      summary: 'Send a delivery again',
      description:
        'Sends it immediately, under the same `webhook-id`, and starts a new series of attempts. 409 while its endpoint is disabled.',
      status: 202,
      data: deliverySchema,
      creates: true,
      errors: ['conflict'],
    },
    async ({ tx, params: { id }, access, afterCommit }) => {
      await resendDelivery(tx, access, id);
      afterCommit(() => deps.inbox.poke());
      return deliveryView(await mustFind(findDelivery(tx, access.companyId, id)));
    },
  );

  return routes.app;
}
