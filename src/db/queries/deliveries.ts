/** The log of outgoing webhooks. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { DeliveryStatus, OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import type { Queryable } from '../client.ts';
import { webhookDeliveries } from '../schema/index.ts';
import { belowSequence, type Count, countUpTo, type Page } from './paging.ts';

const deliveryColumns = {
  id: webhookDeliveries.id,
  sequence: webhookDeliveries.sequence,
  companyId: webhookDeliveries.companyId,
  endpointId: webhookDeliveries.endpointId,
  eventType: webhookDeliveries.eventType,
  subjectId: webhookDeliveries.subjectId,
  status: webhookDeliveries.status,
  attempts: webhookDeliveries.attempts,
  lastStatus: webhookDeliveries.lastStatus,
  lastError: webhookDeliveries.lastError,
  lastAttemptAt: webhookDeliveries.lastAttemptAt,
  nextAttemptAt: webhookDeliveries.nextAttemptAt,
  deliveredAt: webhookDeliveries.deliveredAt,
  createdAt: webhookDeliveries.createdAt,
};

export type DeliveryRow = Awaited<ReturnType<typeof listDeliveries>>[number];

export interface DeliveryFilter {
  /** Undefined: every company. */
  companyId?: string;
  endpointId?: string;
  eventType?: readonly OutgoingEventType[];
  subjectId?: string;
  status?: readonly DeliveryStatus[];
}

/** A page of the delivery log, newest first. */
export async function listDeliveries(db: Queryable, filter: DeliveryFilter, page: Page<number>) {
  return db
    .select(deliveryColumns)
    .from(webhookDeliveries)
    .where(and(matching(filter), belowSequence(webhookDeliveries.sequence, page.after)))
    .orderBy(desc(webhookDeliveries.sequence))
    .limit(page.limit);
}

export const countDeliveries = (db: Queryable, filter: DeliveryFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${webhookDeliveries} where ${matching(filter)}`);

/** One delivery of the company, or of any where none is given. */
export async function findDelivery(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<DeliveryRow | undefined> {
  const [row] = await db
    .select(deliveryColumns)
    .from(webhookDeliveries)
    .where(and(matching({ companyId }), eq(webhookDeliveries.id, id)));
  return row;
}

function matching({ companyId, endpointId, eventType, subjectId, status }: DeliveryFilter): SQL {
  return and(
    sql`true`,
    companyId === undefined ? undefined : eq(webhookDeliveries.companyId, companyId),
    endpointId === undefined ? undefined : eq(webhookDeliveries.endpointId, endpointId),
    eventType && inArray(webhookDeliveries.eventType, [...eventType]),
    subjectId === undefined ? undefined : eq(webhookDeliveries.subjectId, subjectId),
    status && inArray(webhookDeliveries.status, [...status]),
  ) as SQL;
}
