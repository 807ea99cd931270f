import type { Config } from '../../config/config.ts';
import type { Queryable } from '../../db/client.ts';
import { findWebhookEvent, type WebhookEventRow } from '../../db/queries/webhookEvents.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { redrive } from './reroute.ts';

/** Sends one stored event through again, as a person asks. @returns it, as it is now */
export async function redriveEvent(
  tx: Queryable,
  requester: Requester,
  id: string,
  config: Config,
): Promise<WebhookEventRow> {
  if (!(await findWebhookEvent(tx, requester.companyId, id))) throw refuseMissing();
  const before = await redrive(tx, id, config);
  if (before === 'applied') throw new Refusal('already_applied');
  // It may have become another company's.
  const event = before && (await findWebhookEvent(tx, undefined, id));
  if (!event) throw refuseMissing();
  await audit(tx, requester, {
    action: 'webhook_event.redrive',
    subject: { kind: 'webhook_event', id },
    companyId: event.companyId,
    details: { before, after: event.status },
  });
  return event;
}
