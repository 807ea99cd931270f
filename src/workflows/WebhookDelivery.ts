/**
 * WebhookDelivery: one event to one endpoint of a company, until it has arrived or is given up.
 *
 * Keyed by the delivery's row; started, or rung, by the relay. The row says what is due: so a ring too many, a Reset or a
 * second run sends nothing twice, and a person's re-send only has to ring.
 * Ends when the endpoint has answered 2xx, is gone or disabled, or did not take it for days: the row says which.
 */
import * as wf from '@temporalio/workflow';
import { deliveries } from './activities.ts';
import { ringSignal, type WebhookDeliveryInput } from './contracts.ts';

export async function WebhookDelivery(input: WebhookDeliveryInput): Promise<void> {
  const { companyId, deliveryId, retrySeconds } = input;
  let rung = false;
  wf.setHandler(ringSignal, () => {
    rung = true;
  });

  for (;;) {
    rung = false;
    const { waitSeconds } = await deliveries(companyId).deliverWebhook({ deliveryId, retrySeconds });
    if (waitSeconds === null && !rung) return;
    if (waitSeconds !== null) await wf.condition(() => rung, waitSeconds * 1000);
  }
}
