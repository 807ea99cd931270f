/** Where companies want to be told of events. Secrets are written, and read by nothing but the delivery. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { webhookEndpoints } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

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

export interface EndpointFilter {
  /** Undefined: of every company. */
  companyId: string | undefined;
  id?: string;
}

/** A page of endpoints, newest first. */
export async function listEndpoints(db: Queryable, filter: EndpointFilter, page: Page) {
  return db
    .select(endpointColumns)
    .from(webhookEndpoints)
    .where(and(matching(filter), olderThan(webhookEndpoints.createdAt, webhookEndpoints.id, page.after)))
    .orderBy(desc(webhookEndpoints.createdAt), desc(webhookEndpoints.id))
    .limit(page.limit);
}

export const countEndpoints = (db: Queryable, filter: EndpointFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${webhookEndpoints} where ${matching(filter)}`);

const matching = ({ companyId, id }: EndpointFilter): SQL =>
  and(
    sql`true`,
    companyId === undefined ? undefined : eq(webhookEndpoints.companyId, companyId),
    id === undefined ? undefined : eq(webhookEndpoints.id, id),
  ) as SQL;

export async function findEndpoint(
  db: Queryable,
  companyId: string | undefined,
  id: string,
): Promise<EndpointRow | undefined> {
  const [row] = await listEndpoints(db, { companyId, id }, { limit: 1 });
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
    .where(matching({ companyId, id }))
    .for('update');
  return row;
}
