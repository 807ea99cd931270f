/** CallRail's webhooks. One URL per event, since CallRail's payload does not name its event. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { CALL_EVENT_KINDS, type CallEventKind } from '../../domain/call.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { type CallRailEvent, readCallRailEvent } from '../../providers/callrail/payload.ts';
import {
  adoptEventsOfCall,
  holdCompany,
  isCallDeleted,
  routeCallRailEvent,
  whyInvalid,
} from '../../services/inbox/routing.ts';
import {
  type NewWebhookEvent,
  type StoredEvent,
  storeEvent,
  storeForgotten,
  storeRejected,
} from '../../services/inbox/store.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { answerStored, createWebhookRouter, describeWebhook, readBody } from './receive.ts';

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

export function callrailWebhooks(deps: ApiDeps) {
  const app = createWebhookRouter(deps.webhookLoad.callrail);
  for (const kind of EVENTS) {
    app.openAPIRegistry.registerPath(
      describeWebhook({
        sender: 'callrail',
        path: `/call.${kind}`,
        summary: `CallRail: call.${kind}`,
        description:
          "Takes the short form and CallRail's real payloads. `Signature` is the base64 HMAC-SHA1 of the raw body with " +
          'one of the signing keys of the company. Byte-identical repeats are answered with the stored event. A form-encoded ' +
          'body is read like JSON. A text message, a form or another event that is no call is kept as `invalid`.',
        example: EXAMPLES[kind],
        headers: z.object({ Signature: z.string().optional() }),
      }),
    );
    app.post(`/call.${kind}`, async (c) => {
      const event = await receive(deps, c, kind);
      if (event.status === 'pending') deps.inbox.poke();
      return answerStored(c, event);
    });
  }
  return app;
}

/** Verifies, then commits one row: the event is ours from then on. */
async function receive(deps: ApiDeps, c: Context<ApiEnv>, kind: CallEventKind): Promise<StoredEvent> {
  const signature = c.req.header('signature')?.slice(0, 200) ?? null;
  return store(deps, { kind, signature, ...(await readBody(c)) });
}

interface Received {
  kind: CallEventKind;
  body: Buffer;
  payload: unknown;
  signature: string | null;
}

async function store(deps: ApiDeps, received: Received): Promise<StoredEvent> {
  const { db, config } = deps;
  const { kind, body, payload, signature } = received;
  const read = readCallRailEvent(kind, payload);
  const stored = (fields: Pick<NewWebhookEvent, 'status'> & Partial<NewWebhookEvent>): NewWebhookEvent => ({
    source: 'callrail',
    route: `call.${kind}`,
    body,
    signature,
    ...addressOf(read),
    ...fields,
  });

  const { providerCallId } = read;
  // Without an id it can start nothing, but whose it is, and whether it is genuine, is told apart all the same.
  const route = await routeCallRailEvent(
    db,
    { ...addressOf(read), providerCallId: providerCallId ?? '', body, signature },
    config,
  );
  if (route.decision === 'rejected') {
    await storeRejected(db, stored({ status: 'rejected', reason: 'invalid_signature', companyId: route.companyId }));
    if (!route.hasKeys)
      throw new ApiError('invalid_signature', { detail: 'The company has no signing key to verify with.' });
    throw new ApiError('invalid_signature', signature === null ? { detail: 'The header Signature is missing.' } : {});
  }
  const companyId = route.decision === 'accepted' ? route.companyId : null;
  const reason = whyInvalid(read);
  if (reason || !providerCallId) return storeEvent(db, stored({ status: 'invalid', reason, companyId }));
  if (!companyId) {
    const event = await storeEvent(db, stored({ status: 'unrouted', reason: 'unknown_number' }));
    // Another event of the call may have told its company while this one was stored.
    await db.transaction((tx) => adoptEventsOfCall(tx, providerCallId, config));
    return event;
  }
  const workflowId = callWorkflowId(companyId, providerCallId);
  const accepted = stored({ status: 'pending', companyId, workflowId });
  const event = await db.transaction(async (tx) => {
    if (!(await holdCompany(tx, companyId))) return undefined;
    return (await isCallDeleted(tx, companyId, providerCallId))
      ? storeForgotten(tx, accepted)
      : storeEvent(tx, accepted);
  });
  // The company was removed in this moment: whose it is now is another question.
  return event ?? store(deps, received);
}

const addressOf = (read: CallRailEvent) => ({
  providerCallId: read.providerCallId ?? null,
  trackingNumber: read.fields.trackingNumber ?? null,
  callrailCompanyId: read.callrailCompanyIds[0] ?? null,
  callrailCompanyAlias: read.callrailCompanyIds[1] ?? null,
});
