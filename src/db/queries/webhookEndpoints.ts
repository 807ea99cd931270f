/** Where companies want to be told of events. Secrets are written, and read by nothing but the delivery. */
import { randomUUID } from 'node:crypto';
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import type { Queryable } from '../client.ts';
import { webhookEndpoints } from '../schema/index.ts';

/** How long the secret before a rotation signs too. */
const PREVIOUS_SECRET_HOURS = 24;

const endpointColumns = {
  id: webhookEndpoints.id,
  companyId: webhookEndpoints.companyId,
  url: webhookEndpoints.url,
  description: webhookEndpoints.description,
  events: webhookEndpoints.events,
  enabled: webhookEndpoints.enabled,
  disabledReason: webhookEndpoints.disabledReason,
  version: webhookEndpoints.version,
  createdAt: webhookEndpoints.createdAt,
  updatedAt: webhookEndpoints.updatedAt,
};

export type EndpointRow = Awaited<ReturnType<typeof listEndpoints>>[number];

/** A page of endpoints, newest first. @param companyId undefined: of every company */
export async function listEndpoints(
  db: Queryable,
  companyId: string | undefined,
  page: { limit: number; after?: SQL },
) {
  return db
    .select(endpointColumns)
    .from(webhookEndpoints)
    .where(and(endpointsOf(companyId), page.after))
    .orderBy(desc(webhookEndpoints.createdAt), desc(webhookEndpoints.id))
    .limit(page.limit);
}

/** The condition of a list of endpoints. */
export const endpointsOf = (companyId: string | undefined): SQL =>
  companyId === undefined ? sql`true` : eq(webhookEndpoints.companyId, companyId);

export async function findEndpoint(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<EndpointRow | undefined> {
  const [row] = await listEndpoints(db, companyId, { limit: 1, after: eq(webhookEndpoints.id, id) });
  return row;
}

/** Locks an endpoint for a change. */
export async function lockEndpoint(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<EndpointRow | undefined> {
  const [row] = await db
    .select(endpointColumns)
    .from(webhookEndpoints)
    .where(and(endpointsOf(companyId), eq(webhookEndpoints.id, id)))
    .for('update');
  return row;
}

/** @returns the new endpoint's id */
export async function insertEndpoint(
  db: Queryable,
  endpoint: Pick<
    typeof webhookEndpoints.$inferInsert,
    'companyId' | 'url' | 'description' | 'events' | 'secret' | 'enabled'
  >,
): Promise<string> {
  const id = randomUUID();
  await db.insert(webhookEndpoints).values({ ...endpoint, id });
  return id;
}

export interface EndpointChange {
  url?: string;
  description?: string | null;
  events?: OutgoingEventType[];
  enabled?: boolean;
  /** The one it has now goes on signing for a day. */
  newSecret?: string;
}

export async function updateEndpoint(db: Queryable, id: string, change: EndpointChange): Promise<void> {
  const { newSecret, ...columns } = change;
  const rotation = {
    secret: newSecret,
    previousSecret: sql`${webhookEndpoints.secret}`,
    previousSecretUntil: sql`now() + make_interval(hours => ${PREVIOUS_SECRET_HOURS})`,
  };
  await db
    .update(webhookEndpoints)
    .set({
      ...columns,
      ...(change.enabled === undefined ? {} : { disabledReason: null }),
      ...(newSecret === undefined ? {} : rotation),
      version: sql`${webhookEndpoints.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(webhookEndpoints.id, id));
}

/** Deletes an endpoint with its delivery log; deliveries under way find nothing and end. */
export async function deleteEndpoint(db: Queryable, id: string): Promise<void> {
  await db.delete(webhookEndpoints).where(eq(webhookEndpoints.id, id));
}
