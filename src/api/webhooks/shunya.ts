/** Shunya's webhook: a job of ours is finished. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { readShunyaCallback } from '../../providers/shunya/payload.ts';
import { verifyShunyaSignature } from '../../providers/shunya/signature.ts';
import { receiveCallback } from '../../services/inbox/receiveCallback.ts';
import type { StoredEvent } from '../../services/inbox/store.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import type { ApiRouter } from '../http/router.ts';
import { describeWebhook, handleWebhook, readPayload, type WebhookDeps } from './receive.ts';

const EXAMPLE = { event: 'job.completed', job_id: 'task-71', job_type: 'analysis', call_id: 4821337190021 };

/** Where Shunya's webhook is, below the API's base. */
const PATH = '/shunya/webhook';

export function addShunyaWebhook(app: ApiRouter, base: string, deps: ApiDeps, common: WebhookDeps): void {
  const path = `${base}${PATH}`;
  const handler = handleWebhook(path, common, async (c, body) => {
    const event = await receive(deps, c, body);
    if (event.status === 'pending') deps.inbox.poke();
    return event;
  });
  app.post(path, handler);
}

/** How it stands in the OpenAPI document. */
export function describeShunyaWebhook(app: ApiRouter, base: string): void {
  app.openAPIRegistry.registerPath(
    describeWebhook({
      base,
      path: PATH,
      summary: 'Receive the end of a Shunya job',
      description:
        '`X-Shunya-Signature` is the lower-case hex HMAC-SHA256 of `<X-Shunya-Timestamp>.<raw body>`; the timestamp ' +
        '(epoch ms) may be five minutes off. A callback of a job that is not known yet is kept and matched later.',
      example: EXAMPLE,
      headers: z.object({
        'X-Shunya-Timestamp': z.string().optional(),
        'X-Shunya-Signature': z.string().optional(),
      }),
    }),
  );
}

async function receive(deps: ApiDeps, c: Context<ApiEnv>, body: Buffer): Promise<StoredEvent> {
  const verdict = verifyShunyaSignature({
    rawBody: body,
    timestamp: c.req.header('x-shunya-timestamp'),
    signature: c.req.header('x-shunya-signature'),
    secrets: deps.config.shunya.webhookSecrets,
    nowMs: Date.now(),
  });
  if (verdict !== 'ok') throw new ApiError('invalid_signature', { detail: `The signature is ${WORDS[verdict]}.` });

  return receiveCallback(deps.db, { body, callback: readShunyaCallback(readPayload(c, body)) });
}

const WORDS = { missing: 'missing', stale: 'too old or too new', mismatch: 'not that of the body' } as const;
