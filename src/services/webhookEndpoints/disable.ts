import { sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { webhookEndpoints } from '../../db/schema/index.ts';

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
