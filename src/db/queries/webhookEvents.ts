/** The inbox as operators see it: never the raw body, which holds personal data, nor its signature. */
import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { WebhookEventStatus, WebhookSource } from '../../domain/webhookEvent.ts';
import type { Queryable } from '../client.ts';
import { webhookEvents } from '../schema/index.ts';

const columns = {
  id: webhookEvents.id,
  sequence: webhookEvents.sequence,
  source: webhookEvents.source,
  route: webhookEvents.route,
  companyId: webhookEvents.companyId,
  status: webhookEvents.status,
  reason: webhookEvents.reason,
  providerCallId: webhookEvents.providerCallId,
  trackingNumber: webhookEvents.trackingNumber,
  callrailCompanyId: webhookEvents.callrailCompanyId,
  taskId: webhookEvents.taskId,
  workflowId: webhookEvents.workflowId,
  attempts: webhookEvents.attempts,
  receivedAt: webhookEvents.receivedAt,
  dispatchedAt: webhookEvents.dispatchedAt,
  appliedAt: webhookEvents.appliedAt,
};

export interface WebhookEventFilter {
  /** Events of this company; undefined: all, also those without a company. */
  companyId?: string;
  status?: readonly WebhookEventStatus[];
  source?: readonly WebhookSource[];
  route?: readonly string[];
}

export type WebhookEventRow = Awaited<ReturnType<typeof listWebhookEvents>>[number];

/** A page of events, newest first. */
export async function listWebhookEvents(
  db: Queryable,
  filter: WebhookEventFilter,
  page: { limit: number; afterSequence?: number },
) {
  const beyond = page.afterSequence === undefined ? undefined : lt(webhookEvents.sequence, page.afterSequence);
  return db
    .select(columns)
    .from(webhookEvents)
    .where(and(matches(filter), beyond))
    .orderBy(desc(webhookEvents.sequence))
    .limit(page.limit);
}

/** The events that match, to be counted. */
export const webhookEventsMatching = (db: Queryable, filter: WebhookEventFilter): SQL =>
  db.select({ one: sql`1` }).from(webhookEvents).where(matches(filter)).getSQL();

/** One event of the company, or of any where none is given. */
export async function findWebhookEvent(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<WebhookEventRow | undefined> {
  const [row] = await db
    .select(columns)
    .from(webhookEvents)
    .where(and(matches({ companyId }), eq(webhookEvents.id, id)));
  return row;
}

function matches({ companyId, status, source, route }: WebhookEventFilter): SQL | undefined {
  return and(
    companyId === undefined ? undefined : eq(webhookEvents.companyId, companyId),
    status && inArray(webhookEvents.status, status),
    source && inArray(webhookEvents.source, source),
    route && inArray(webhookEvents.route, route),
  );
}
