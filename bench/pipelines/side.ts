/** What the sides that are not callwright share: a server that checks signatures, Shunya's client, and the steps of a call. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { verifyCallRailSignature } from '../../src/providers/callrail/signature.ts';
import { createShunyaClient } from '../../src/providers/shunya/client.ts';
import { normalizeCallAnalysis, readShunyaCallback } from '../../src/providers/shunya/payload.ts';
import { verifyShunyaSignature } from '../../src/providers/shunya/signature.ts';
import { type CallEvent, type Kind, openStore } from './store.ts';

const {
  DATABASE_URL = '',
  PORT = '',
  SHUNYA_URL = '',
  SHUNYA_KEY = '',
  SHUNYA_SECRET = '',
  SIGNING_KEY = '',
} = process.env;

export const databaseUrl = DATABASE_URL;

/** A step each, as an activity or a step of DBOS; each may be repeated. */
export function createSteps() {
  const store = openStore(DATABASE_URL);
  const shunya = createShunyaClient({ baseUrl: SHUNYA_URL, apiKey: SHUNYA_KEY });
  const ref = (shunyaCallId: number) => ({ shunyaCallId, companyId: 'bench' });
  return {
    prepare: store.prepare,
    saveEvent: store.saveEvent,
    saveJob: store.saveJob,
    saveLead: store.saveLead,
    saveAppointment: store.saveAppointment,
    finish: store.finish,
    async submit(shunyaCallId: number, kind: Kind, recordingUrl: string): Promise<string | null> {
      const job = { ...ref(shunyaCallId), callType: 'csr_call' as const, idempotencyKey: `${shunyaCallId}-${kind}` };
      return (await shunya.submit(job, kind === 'transcription' ? recordingUrl : null)).taskId;
    },
    /** Fetches and stores a result. @returns what the pipeline goes by */
    async takeResult(callId: string, shunyaCallId: number, kind: Kind): Promise<Outcome> {
      const result = await shunya.getResult(kind, ref(shunyaCallId));
      await store.saveResult(callId, kind, result);
      if (kind === 'transcription') return { qualification: null, isBooked: false };
      const { qualification, bookingStatus } = normalizeCallAnalysis(result);
      return { qualification: qualification ?? null, isBooked: bookingStatus === 'booked' };
    },
  };
}

export type Steps = ReturnType<typeof createSteps>;

export interface Outcome {
  qualification: string | null;
  isBooked: boolean;
}

/** Serves both webhooks; each is answered when its handler has ended. */
export function serveSide(handlers: {
  onEvent: (kind: string, event: CallEvent) => Promise<unknown>;
  onJob: (shunyaCallId: number, kind: Kind) => Promise<unknown>;
}): void {
  process.once('disconnect', () => process.exit());
  const app = new Hono();
  app.post('/callrail/:event', async (c) => {
    const body = Buffer.from(await c.req.arrayBuffer());
    const signature = c.req.header('signature') ?? '';
    if (!verifyCallRailSignature(body, [signature], [SIGNING_KEY])) return c.json({ status: 'rejected' }, 401);
    await handlers.onEvent(c.req.param('event').replace('call.', ''), JSON.parse(body.toString()));
    return c.json({ status: 'accepted' });
  });
  app.post('/shunya', async (c) => {
    const rawBody = Buffer.from(await c.req.arrayBuffer());
    const verdict = verifyShunyaSignature({
      rawBody,
      timestamp: c.req.header('x-shunya-timestamp'),
      signature: c.req.header('x-shunya-signature'),
      secrets: [SHUNYA_SECRET],
      nowMs: Date.now(),
    });
    const { shunyaCallId, jobType } = readShunyaCallback(JSON.parse(rawBody.toString()));
    if (verdict !== 'ok' || shunyaCallId === undefined || !jobType) return c.json({ status: 'rejected' }, 401);
    await handlers.onJob(shunyaCallId, jobType);
    return c.json({ status: 'accepted' });
  });
  app.get('/', (c) => c.text('ready'));
  serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' });
}
