import { refuseWebhookUrl } from '../../providers/webhooks/addresses.ts';
import { refuseField } from '../refusal.ts';

/** 422 for a URL that we must not send to. */
export function checkUrl(url: string, config: { isProduction: boolean }): void {
  const refusal = refuseWebhookUrl(url, !config.isProduction);
  if (refusal !== undefined) throw refuseField('url', refusal);
}
