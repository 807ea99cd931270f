/** Outgoing webhooks: what is to be told, and how each attempt went. */
import { randomUUID } from 'node:crypto';
import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { DeliveryStatus, OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import { deliveryWorkflowId } from '../../domain/workflowIds.ts';
import { storeInternalEvent } from '../../services/inbox/internalEvents.ts';
import type { Database, Queryable, Transaction } from '../client.ts';
import { webhookDeliveries, webhookEndpoints, webhookEvents } from '../schema/index.ts';

/** The log keeps what is over for so long. */
const DELIVERIES_KEPT_DAYS = 30;
/** A pending delivery whose next attempt is overdue by so much has lost its workflow. */
const LOST_AFTER_MINUTES = 15;
/** How early an attempt may be: a workflow's timer and Postgres have different clocks. */
const CLOCK_SLACK_SECONDS = 1;

/**
 * Tells a company's endpoints of an effect. Belongs into the transaction of the effect, so that each is told exactly
 * once however often a step is repeated; the workflows that deliver start after the commit.
 */
export async function announce(
  tx: Transaction,
  event: { companyId: string; type: OutgoingEventType; subjectId: string; previous?: Record<string, unknown> },
): Promise<void> {
  const { companyId, type, subjectId, previous } = event;
  const listening = await tx
    .select({ endpointId: webhookEndpoints.id })
    .from(webhookEndpoints)
    .where(
      and(
        eq(webhookEndpoints.companyId, companyId),
        eq(webhookEndpoints.enabled, true),
        sql`${type} = any(${webhookEndpoints.events})`,
      ),
    );
  for (const { endpointId } of listening) {
    const id = randomUUID();
    await tx.insert(webhookDeliveries).values({ id, companyId, endpointId, eventType: type, subjectId, previous });
    await ringDelivery(tx, { id, companyId });
  }
}

async function ringDelivery(tx: Queryable, { id, companyId }: { id: string; companyId: string }): Promise<void> {
  await storeInternalEvent(tx, { companyId, route: 'delivery.due', workflowId: deliveryWorkflowId(id) });
}

export interface DueDelivery {
  id: string;
  companyId: string;
  eventType: OutgoingEventType;
  subjectId: string;
  /** What changed, as it was before. */
  previous: Record<string, unknown> | null;
  createdAt: Date;
  attempts: number;
  url: string;
  /** That sign, the newest first. */
  secrets: string[];
}

export type DeliveryStep = { do: 'send'; delivery: DueDelivery } | { do: 'wait'; seconds: number } | { do: 'finish' };

/** Takes the rings of a delivery and says what is next for it. */
export async function takeDelivery(db: Database, id: string): Promise<DeliveryStep> {
  return db.transaction(async (tx) => {
    // A ring is all these events are; the delivery log tells the rest.
    await tx
      .delete(webhookEvents)
      .where(
        and(
          eq(webhookEvents.workflowId, deliveryWorkflowId(id)),
          inArray(webhookEvents.status, ['pending', 'dispatched']),
        ),
      );
    const [row] = await tx
      .select({
        id: webhookDeliveries.id,
        companyId: webhookDeliveries.companyId,
        eventType: webhookDeliveries.eventType,
        subjectId: webhookDeliveries.subjectId,
        previous: webhookDeliveries.previous,
        createdAt: webhookDeliveries.createdAt,
        attempts: webhookDeliveries.attempts,
        status: webhookDeliveries.status,
        dueInSeconds: sql<number>`extract(epoch from ${webhookDeliveries.nextAttemptAt} - now())::float8`,
        url: webhookEndpoints.url,
        enabled: webhookEndpoints.enabled,
        secret: webhookEndpoints.secret,
        previousSecret: sql<
          string | null
        >`case when ${webhookEndpoints.previousSecretUntil} > now() then ${webhookEndpoints.previousSecret} end`,
      })
      .from(webhookDeliveries)
      .innerJoin(webhookEndpoints, eq(webhookEndpoints.id, webhookDeliveries.endpointId))
      .where(eq(webhookDeliveries.id, id))
      .for('update', { of: webhookDeliveries });
    if (row?.status !== 'pending') return { do: 'finish' };
    if (!row.enabled) {
      await endDelivery(tx, id, 'endpoint_disabled');
      return { do: 'finish' };
    }
    if (row.dueInSeconds > CLOCK_SLACK_SECONDS) return { do: 'wait', seconds: row.dueInSeconds };
    const { secret, previousSecret, status, enabled, dueInSeconds, ...delivery } = row;
    return { do: 'send', delivery: { ...delivery, secrets: previousSecret ? [secret, previousSecret] : [secret] } };
  });
}

/** Gives a delivery up. */
export async function endDelivery(db: Queryable, id: string, error: string): Promise<void> {
  await db
    .update(webhookDeliveries)
    .set({ status: 'failed', lastError: error, nextAttemptAt: null })
    .where(isPending(id));
}

/**
 * Writes down how an attempt went.
 * @param waitSeconds until the next attempt; null: there is none
 */
export async function recordAttempt(
  db: Queryable,
  id: string,
  outcome: { ok: boolean; status: number | null; error?: string },
  waitSeconds: number | null,
): Promise<void> {
  const over = outcome.ok ? ('delivered' as const) : waitSeconds === null ? ('failed' as const) : undefined;
  await db
    .update(webhookDeliveries)
    .set({
      attempts: sql`${webhookDeliveries.attempts} + 1`,
      lastStatus: outcome.status,
      lastError: outcome.error ?? null,
      lastAttemptAt: sql`now()`,
      nextAttemptAt: over ? null : sql`now() + make_interval(secs => ${waitSeconds})`,
      ...(over && { status: over }),
      ...(outcome.ok && { deliveredAt: sql`now()` }),
    })
    .where(isPending(id));
}

const isPending = (id: string) => and(eq(webhookDeliveries.id, id), eq(webhookDeliveries.status, 'pending'));

/** An endpoint that says it is gone for good is told nothing more. */
export async function disableEndpointOf(db: Queryable, deliveryId: string, reason: string): Promise<void> {
  await db
    .update(webhookEndpoints)
    .set({
      enabled: false,
      disabledReason: reason,
      version: sql`${webhookEndpoints.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(
      sql`${webhookEndpoints.id} = (select endpoint_id from webhook_deliveries where id = ${deliveryId}) and ${webhookEndpoints.enabled}`,
    );
}

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
export async function listDeliveries(
  db: Queryable,
  filter: DeliveryFilter,
  page: { limit: number; afterSequence?: number },
) {
  const beyond = page.afterSequence === undefined ? undefined : lt(webhookDeliveries.sequence, page.afterSequence);
  return db
    .select(deliveryColumns)
    .from(webhookDeliveries)
    .where(and(matches(filter), beyond))
    .orderBy(desc(webhookDeliveries.sequence))
    .limit(page.limit);
}

/** The deliveries that match, to be counted. */
export const deliveriesMatching = (db: Queryable, filter: DeliveryFilter): SQL =>
  db.select({ one: sql`1` }).from(webhookDeliveries).where(matches(filter)).getSQL();

/** One delivery of the company, or of any where none is given. */
export async function findDelivery(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<DeliveryRow | undefined> {
  const [row] = await db
    .select(deliveryColumns)
    .from(webhookDeliveries)
    .where(and(matches({ companyId }), eq(webhookDeliveries.id, id)));
  return row;
}

function matches({ companyId, endpointId, eventType, subjectId, status }: DeliveryFilter): SQL | undefined {
  return and(
    companyId === undefined ? undefined : eq(webhookDeliveries.companyId, companyId),
    endpointId === undefined ? undefined : eq(webhookDeliveries.endpointId, endpointId),
    eventType && inArray(webhookDeliveries.eventType, [...eventType]),
    subjectId === undefined ? undefined : eq(webhookDeliveries.subjectId, subjectId),
    status && inArray(webhookDeliveries.status, [...status]),
  );
}

/** Starts the attempts of a delivery anew, the first one now. */
export async function resendDelivery(tx: Transaction, delivery: { id: string; companyId: string }): Promise<void> {
  await tx
    .update(webhookDeliveries)
    .set({ status: 'pending', attempts: 0, nextAttemptAt: sql`now()`, deliveredAt: null })
    .where(eq(webhookDeliveries.id, delivery.id));
  await ringDelivery(tx, delivery);
}

/** Rings pending deliveries whose workflow was lost: terminated by hand, or Temporal's data with it. */
export async function reviveLostDeliveries(db: Database): Promise<number> {
  return db.transaction(async (tx) => {
    const lost = await tx
      .select({ id: webhookDeliveries.id, companyId: webhookDeliveries.companyId })
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.status, 'pending'),
          sql`${webhookDeliveries.nextAttemptAt} < now() - make_interval(mins => ${LOST_AFTER_MINUTES})`,
          // One that has not been rung yet only waits for Temporal.
          sql`not exists (select 1 from ${webhookEvents} where ${webhookEvents.workflowId} = 'delivery:' || ${webhookDeliveries.id}
            and ${webhookEvents.status} in ('pending', 'dispatched'))`,
        ),
      )
      .limit(100)
      .for('update', { skipLocked: true });
    for (const delivery of lost) {
      const nextAttemptAt = sql`now()`;
      await tx.update(webhookDeliveries).set({ nextAttemptAt }).where(eq(webhookDeliveries.id, delivery.id));
      await ringDelivery(tx, delivery);
    }
    return lost.length;
  });
}

/** Deletes old deliveries that are over, a bounded number at a time. */
export async function pruneDeliveries(db: Queryable): Promise<number> {
  const rows = await db.execute(sql`
    delete from webhook_deliveries where id in (
      select id from webhook_deliveries
      where status <> 'pending' and created_at < now() - make_interval(days => ${DELIVERIES_KEPT_DAYS})
      order by created_at limit 1000)
    returning 1`);
  return rows.length;
}
