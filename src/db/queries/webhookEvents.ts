/** The inbox as operators see it: never the raw body, which holds personal data, nor its signature. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { WebhookEventStatus, WebhookSource } from '../../domain/webhookEvent.ts';
import type { Queryable } from '../client.ts';
import { webhookEvents } from '../schema/index.ts';
import { belowSequence, type Count, countUpTo, type Page } from './paging.ts';

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
export async function listWebhookEvents(db: Queryable, filter: WebhookEventFilter, page: Page<number>) {
  return db
    .select(columns)
    .from(webhookEvents)
    .where(and(matching(filter), belowSequence(webhookEvents.sequence, page.after)))
    .orderBy(desc(webhookEvents.sequence))
    .limit(page.limit);
}

export const countWebhookEvents = (db: Queryable, filter: WebhookEventFilter): Promise<Count> =>
  countUpTo(db, db.select({ one: sql`1` }).from(webhookEvents).where(matching(filter)).getSQL());

/** One event of the company, or of any where none is given. */
export async function findWebhookEvent(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<WebhookEventRow | undefined> {
  const [row] = await db
    .select(columns)
    .from(webhookEvents)
    .where(and(matching({ companyId }), eq(webhookEvents.id, id)));
  return row;
}

function matching({ companyId, status, source, route }: WebhookEventFilter): SQL | undefined {
  return and(
    companyId === undefined ? undefined : eq(webhookEvents.companyId, companyId),
    status && inArray(webhookEvents.status, status),
    source && inArray(webhookEvents.source, source),
    route && inArray(webhookEvents.route, route),
  );
}
