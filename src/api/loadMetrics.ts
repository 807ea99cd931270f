import { Gauge, type Registry } from 'prom-client';
import type { AppDeps } from './deps.ts';

/** What is under way in this process, and how near it is to its bounds. */
export function registerLoadMetrics(
  registry: Registry,
  { admission, webhookLoad }: Pick<AppDeps, 'admission' | 'webhookLoad'>,
): void {
  const hanging = new Gauge({
    name: 'webhook_handlers_hanging',
    help: 'Webhooks that were answered 503 and are still at work; at the bound /healthz fails',
    labelNames: ['sender'],
    registers: [registry],
    collect() {
      for (const [sender, load] of Object.entries(webhookLoad)) hanging.set({ sender }, load.hanging);
    },
  });
  const bound = new Gauge({
    name: 'webhook_handlers_hanging_max',
    help: 'How many may hang before further webhooks of the sender are refused',
    labelNames: ['sender'],
    registers: [registry],
    collect() {
      for (const [sender, load] of Object.entries(webhookLoad)) bound.set({ sender }, load.hangingMax);
    },
  });
  const requests = new Gauge({
    name: 'rest_requests_under_way',
    help: 'Requests of people, and those of them that wait for their turn to read',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      requests.set({ state: 'all' }, admission.underWay);
      requests.set({ state: 'waiting' }, admission.waiting);
    },
  });
}
