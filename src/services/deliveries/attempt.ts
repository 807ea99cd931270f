/** One attempt at a delivery: claimed here, sent by the caller, recorded here. */
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Queryable } from '../../db/client.ts';
import { webhookDeliveries, webhookEndpoints } from '../../db/schema/index.ts';
import type { OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import { deliveryWorkflowId } from '../../domain/workflowIds.ts';
import { takeDeliveryRings } from '../inbox/internalEvents.ts';

/** How early an attempt may be: a workflow's timer and Postgres have different clocks. */
const CLOCK_SLACK_SECONDS = 1;

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
  /** The secrets that sign, newest first. */
  secrets: string[];
}

export type DeliveryStep = { do: 'send'; delivery: DueDelivery } | { do: 'wait'; seconds: number } | { do: 'finish' };

/** Takes the rings of a delivery and says what is next for it. */
export async function takeDelivery(db: Database, id: string): Promise<DeliveryStep> {
  return db.transaction(async (tx) => {
    await takeDeliveryRings(tx, deliveryWorkflowId(id));
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
