import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockEndpoint } from '../../db/queries/webhookEndpoints.ts';
import { webhookEndpoints } from '../../db/schema/index.ts';
import type { OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import { newWebhookSecret } from '../../providers/webhooks/signature.ts';
import { audit } from '../audit.ts';
import { refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { checkUrl } from './checkUrl.ts';

/** How long the secret before a rotation signs too. */
const PREVIOUS_SECRET_HOURS = 24;

interface EndpointChange {
  url?: string;
  description?: string | null;
  events?: OutgoingEventType[];
  enabled?: boolean;
  /** The secret it has now goes on signing for a day. */
  rotateSecret?: boolean;
}

/**
 * Changes an endpoint.
 * @param fields what the requester named, as the API calls it
 * @returns the new secret where it was rotated, told this once
 */
export async function updateEndpoint(
  tx: Transaction,
  requester: Requester,
  id: string,
  { change, fields }: { change: EndpointChange; fields: string[] },
  precondition: Precondition,
  config: { isProduction: boolean },
): Promise<{ secret: string | undefined }> {
  const before = await lockEndpoint(tx, requester.companyId, id);
  if (!before) throw refuseMissing();
  precondition(before);
  if (fields.length === 0) return { secret: undefined };
  const { rotateSecret, ...columns } = change;
  if (columns.url !== undefined) checkUrl(columns.url, config);
  const secret = rotateSecret ? newWebhookSecret() : undefined;
  const rotation = {
    secret,
    previousSecret: sql`${webhookEndpoints.secret}`,
    previousSecretUntil: sql`now() + make_interval(hours => ${PREVIOUS_SECRET_HOURS})`,
  };
  await tx
    .update(webhookEndpoints)
    .set({
      ...columns,
      ...(columns.enabled === undefined ? {} : { disabledReason: null }),
      ...(secret === undefined ? {} : rotation),
      version: sql`${webhookEndpoints.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(webhookEndpoints.id, id));
  const { companyId } = before;
  const subject = { kind: 'webhook_endpoint', id };
  await audit(tx, requester, { action: 'webhook_endpoint.update', subject, companyId, details: { fields } });
  return { secret };
}
