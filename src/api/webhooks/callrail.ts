/** CallRail's webhooks. One URL per event, since CallRail's payload does not name its event. */
import { z } from '@hono/zod-openapi';
import { CALL_EVENT_KINDS } from '../../domain/call.ts';
import { readCallRailSignature } from '../../providers/callrail/signature.ts';
import { createStrayCounter, pruneStrays } from '../../services/inbox/pruneStrays.ts';
import { createCallReceiver } from '../../services/inbox/receiveCall.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../http/errors.ts';
import type { ApiRouter } from '../http/router.ts';
import { describeWebhook, handleWebhook, readPayload, type WebhookDeps } from './receive.ts';

const EVENTS = CALL_EVENT_KINDS.filter((kind) => kind !== 'abandoned');

/** One call, told by each of its events. */
const EXAMPLE = {
  call_id: 'CAL8154748ae6bd4e278a7cddd38a662f4f',
  caller_number: '+12125550147',
  tracking_number: '+12125550100',
  recording_url: null,
  duration: 0,
  answered: false,
  timestamp: '2026-03-02T15:04:05Z',
};
const ENDED = { ...EXAMPLE, answered: true, duration: 184 };
const EXAMPLES: Record<(typeof EVENTS)[number], Record<string, unknown>> = {
  incoming: EXAMPLE,
  answered: { ...EXAMPLE, answered: true },
  completed: { ...ENDED, recording_url: 'https://s3.amazonaws.com/acme/booked.mp3' },
  missed: { ...EXAMPLE, call_id: 'CAL019ea2d4c2e8451fb2b1b0b9c9a7e5d3' },
  modified: { ...ENDED, recording_url: 'https://s3.amazonaws.com/acme/booked.mp3', customer_name: 'Pat Reyes' },
};

/** The same whether the company has a key or not: a stranger learns nothing of it. */
const NO_SIGNATURE = 'The header Signature is missing or malformed.';

/** Where CallRail's webhooks are, below the API's base. */
const PATH = '/callrail';

export function addCallrailWebhooks(app: ApiRouter, base: string, deps: ApiDeps, common: WebhookDeps): void {
  const { db, config, logger } = deps;
  const prune = () =>
    pruneStrays(deps.pools.background, { days: config.unroutedEventDays }).catch((error: unknown) =>
      logger.warn({ err: error }, 'old events could not be pruned'),
    );
  const receiver = createCallReceiver({ db, config, onStray: createStrayCounter(prune) });
  for (const kind of EVENTS) {
    const path = `${base}${PATH}/call.${kind}`;
    const handler = handleWebhook(path, common, async (c, body) => {
      const signature = readCallRailSignature(c.req.header('signature')) ?? null;
      const event = await receiver.receive({ kind, signature, body, payload: readPayload(c, body) });
      if (event.status === 'rejected' && !event.duplicate)
        throw new ApiError('invalid_signature', signature === null ? { detail: NO_SIGNATURE } : {});
      if (event.status === 'pending') deps.inbox.poke();
      return event;
    });
    app.post(path, handler);
  }
}

/** How they stand in the OpenAPI document. */
export function describeCallrailWebhooks(app: ApiRouter, base: string): void {
  for (const kind of EVENTS)
    app.openAPIRegistry.registerPath(
      describeWebhook({
        base,
        path: `${PATH}/call.${kind}`,
        summary: `Receive CallRail’s call.${kind}`,
        description:
          "Takes the short form and CallRail's real payloads. `Signature` is the base64 HMAC-SHA1 of the raw body with " +
          'one of the signing keys of the company. Byte-identical repeats are answered with the stored event. A form-encoded ' +
          'body is read like JSON. A text message, a form or another event that is no call is kept as `invalid`.',
        example: EXAMPLES[kind],
        headers: z.object({ Signature: z.string().optional() }),
      }),
    );
}
