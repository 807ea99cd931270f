/** Upkeep of deliveries: rings lost ones, deletes old ones. */
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Queryable } from '../../db/client.ts';
import { isOpen, webhookDeliveries, webhookEvents } from '../../db/schema/index.ts';
import { deliveryWorkflowIdSql } from '../../db/workflowIds.ts';
import { ringDelivery } from './ring.ts';

/** How long finished deliveries stay in the log. */
const DELIVERIES_KEPT_DAYS = 30;
/** A pending delivery whose next attempt is this late has lost its workflow. */
const LOST_AFTER_MINUTES = 15;

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
          // One that was never rung only waits for Temporal.
          sql`not exists (select 1 from ${webhookEvents} where ${webhookEvents.workflowId} = ${deliveryWorkflowIdSql(sql`${webhookDeliveries.id}`)}
            and ${isOpen(webhookEvents)})`,
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
