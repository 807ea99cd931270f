import { randomUUID } from 'node:crypto';
import { count, eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockCompany } from '../../db/queries/companies.ts';
import { webhookEndpoints } from '../../db/schema/index.ts';
import { newWebhookSecret } from '../../providers/webhooks/signature.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseField } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { checkUrl } from './checkUrl.ts';

/** Each event of a company costs one delivery per endpoint. */
const ENDPOINTS_MAX = 20;

type NewEndpoint = Pick<
  typeof webhookEndpoints.$inferInsert,
  'companyId' | 'url' | 'description' | 'enabled' | 'events'
>;

/** Has a company's events sent to a URL. @returns the secret that signs them, told this once */
export async function createEndpoint(
  tx: Transaction,
  requester: Requester,
  endpoint: NewEndpoint,
  config: { isProduction: boolean },
): Promise<{ id: string; secret: string }> {
  const { companyId, events } = endpoint;
  checkUrl(endpoint.url, config);
  // The lock makes the count exact.
  if (!(await lockCompany(tx, companyId))) throw refuseField('company_id', 'is not a company');
  const [existing] = await tx
    .select({ count: count() })
    .from(webhookEndpoints)
    .where(eq(webhookEndpoints.companyId, companyId));
  if ((existing?.count ?? 0) >= ENDPOINTS_MAX)
    throw new Refusal('conflict', { detail: `A company may have ${ENDPOINTS_MAX} endpoints.` });
  const id = randomUUID();
  const secret = newWebhookSecret();
  await tx.insert(webhookEndpoints).values({ ...endpoint, id, secret });
  const subject = { kind: 'webhook_endpoint', id };
  await audit(tx, requester, { action: 'webhook_endpoint.create', subject, companyId, details: { events } });
  return { id, secret };
}
