/** The inbox for operators: what came in, where it stands, and sending it through again. */
import { z } from '@hono/zod-openapi';
import {
  countWebhookEvents,
  findWebhookEvent,
  listWebhookEvents,
  type WebhookEventRow,
} from '../../db/queries/webhookEvents.ts';
import { WEBHOOK_EVENT_STATUSES, WEBHOOK_SOURCES } from '../../domain/webhookEvent.ts';
import { redriveEvent } from '../../services/inbox/redrive.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { iso, isoOrNull, momentOut } from '../../views/shapes.ts';
import type { ApiDeps } from '../deps.ts';
import { mustFind } from '../http/errors.ts';
import { bySequence, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { commaList, companyQuery } from '../http/schemas.ts';

const listQuery = z.object({
  ...pageQuery,
  status: commaList(WEBHOOK_EVENT_STATUSES).optional(),
  source: commaList(WEBHOOK_SOURCES).optional(),
  route: z
    .string()
    .max(100)
    .optional()
    .openapi({ description: 'Only events with this name.', example: 'call.completed' }),
  company_id: companyQuery,
});

const eventSchema = z
  .object({
    id: z.string(),
    source: z.enum(WEBHOOK_SOURCES),
    route: z.string(),
    company_id: z.string().nullable(),
    status: z.enum(WEBHOOK_EVENT_STATUSES),
    reason: z.string().nullable(),
    provider_call_id: z.string().nullable(),
    tracking_number: z.string().nullable(),
    callrail_company_id: z.string().nullable(),
    job_id: z.string().nullable().openapi({ description: 'Shunya’s id of the job; null for events of others.' }),
    workflow_id: z.string().nullable(),
    attempts: z.int(),
    received_at: momentOut,
    dispatched_at: momentOut.nullable(),
    applied_at: momentOut.nullable(),
  })
  .openapi('WebhookEvent', {
    example: {
      id: EXAMPLE.eventId,
      source: 'callrail',
      route: 'call.completed',
      company_id: null,
      status: 'unrouted',
      reason: 'unknown_number',
      provider_call_id: EXAMPLE.providerCallId,
      tracking_number: '+15557659999',
      callrail_company_id: null,
      job_id: null,
      workflow_id: null,
      attempts: 0,
      received_at: '2026-03-10T15:04:05.000Z',
      dispatched_at: null,
      applied_at: null,
    },
  });

/** Everything below /webhook-events. */
export function webhookEventRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Operators';

  routes.add(
    {
      method: 'get',
      path: '/webhook-events',
      permission: 'webhookEvents.read',
      summary: 'List received webhook events, newest first',
      description: 'Without the raw body. Only admins see events that belong to no company yet.',
      tag,
      query: listQuery,
      data: listOf(eventSchema),
    },
    async ({ db, query, access }) => {
      const filter = {
        companyId: access.companyId ?? query.company_id,
        status: query.status,
        source: query.source,
        route: query.route?.split(','),
      };
      return listPage(query, {
        rows: (page) => listWebhookEvents(db, filter, page),
        count: () => countWebhookEvents(db, filter),
        key: bySequence((row: WebhookEventRow) => row.sequence),
        view: eventView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/webhook-events/{id}',
      permission: 'webhookEvents.read',
      summary: 'Read an event',
      tag,
      data: eventSchema,
    },
    async ({ db, params, access }) => {
      const row = await mustFind(findWebhookEvent(db, access.companyId, params.id));
      return eventView(row);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/webhook-events/{id}/redrive',
      permission: 'webhookEvents.redrive',
      summary: 'Process an event again',
      description:
        'A pending or dispatched event is handed to its pipeline at once. An unrouted, invalid or rejected one is verified ' +
        'and assigned again. The answer shows its new status. 409 when it already took effect.',
      tag,
      status: 202,
      creates: true,
      data: eventSchema,
      errors: ['already_applied'],
    },
    async ({ tx, params, access, afterCommit }) => {
      const event = await redriveEvent(tx, access, params.id, deps.config);
      afterCommit(() => deps.inbox.poke());
      return eventView(event);
    },
  );

  return routes.app;
}

function eventView(row: WebhookEventRow) {
  return {
    id: row.id,
    source: row.source,
    route: row.route,
    company_id: row.companyId,
    status: row.status,
    reason: row.reason,
    provider_call_id: row.providerCallId,
    tracking_number: row.trackingNumber,
    callrail_company_id: row.callrailCompanyId,
    job_id: row.taskId,
    workflow_id: row.workflowId,
    attempts: row.attempts,
    received_at: iso(row.receivedAt),
    dispatched_at: isoOrNull(row.dispatchedAt),
    applied_at: isoOrNull(row.appliedAt),
  };
}
