import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foldCall } from '../src/domain/foldCall.ts';
import { createCallRailClient } from '../src/providers/callrail/client.ts';
import { readCallRailEvent } from '../src/providers/callrail/payload.ts';
import { verifyCallRailSignature } from '../src/providers/callrail/signature.ts';
import {
  CALLRAIL_EVENTS,
  type CallRailApi,
  callRailPayload,
  createCallRailSender,
  simulateCall,
  startCallRailApi,
} from './callrail.ts';

const TRACKING_NUMBER = '+12125550180';

describe('payloads', () => {
  const call = simulateCall({
    trackingNumber: TRACKING_NUMBER,
    startedAt: new Date('2026-03-02T15:00:00Z'),
    agentEmail: 'casey@plumbing.example',
    recording: 'https://api.callrail.com/v3/a/1/calls/CAL1/recording.json',
  });
  const fold = (names: readonly (typeof CALLRAIL_EVENTS)[number][], of = call) =>
    foldCall(
      names.map((kind, index) => ({
        kind,
        sequence: index,
        receivedAt: '2026-03-02T15:05:00Z',
        fields: readCallRailEvent(kind, callRailPayload(kind, of)).fields,
      })),
    );

  it('are read and folded as the call they tell of', () => {
    expect(fold(['incoming']).status).toBe('ringing');
    expect(fold(['incoming', 'answered'])).toMatchObject({ status: 'in_progress', durationSeconds: undefined });
    expect(fold(['modified', 'completed', 'answered', 'incoming'])).toMatchObject({
      status: 'completed',
      ended: true,
      answered: true,
      direction: 'inbound',
      startedAt: '2026-03-02T15:00:00.000Z',
      durationSeconds: 184,
      trackingNumber: TRACKING_NUMBER,
      callerNumber: '+12125550147',
      callerName: 'Dana Whitfield',
      recordingUrl: call.recording,
      agentEmail: 'casey@plumbing.example',
      source: 'Website Pool',
      spam: false,
    });
    expect(fold(['incoming', 'missed']).status).toBe('missed');
    expect(fold(['missed'], { ...call, voicemail: true }).status).toBe('voicemail');
  });

  it('name the call and the company', () => {
    for (const event of CALLRAIL_EVENTS) {
      expect(readCallRailEvent(event, callRailPayload(event, call))).toMatchObject({
        providerCallId: call.id,
        callrailCompanyIds: expect.arrayContaining([call.companyResourceId]),
        fields: { trackingNumber: TRACKING_NUMBER },
      });
    }
  });
});

it('the sender posts signed bytes to the URL of the event', async () => {
  const received: { url: string | undefined; verified: boolean }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const signature = request.headers.signature as string | undefined;
    received.push({
      url: request.url,
      verified: verifyCallRailSignature(Buffer.concat(chunks), [signature ?? ''], ['key']),
    });
    response.end('{"status":"accepted"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sender = createCallRailSender({ baseUrl, signingKey: 'key' });
  const payload = callRailPayload('completed', simulateCall({ trackingNumber: TRACKING_NUMBER, customerName: 'Zoë' }));

  expect(await sender.completed(payload)).toMatchObject({ status: 200, body: { status: 'accepted' } });
  await sender.send('missed', payload, { signature: null });
  await sender.send('modified', 'not json', { query: 'callernum=1' });
  expect(received).toEqual([
    { url: '/api/v1/callrail/call.completed', verified: true },
    { url: '/api/v1/callrail/call.missed', verified: false },
    { url: '/api/v1/callrail/call.modified?callernum=1', verified: true },
  ]);
  await new Promise((resolve) => server.close(resolve));
});

describe('the REST API', () => {
  let api: CallRailApi;
  beforeEach(async () => {
    api = await startCallRailApi({ apiKey: 'key', accountId: 'ACC1' });
  });
  afterEach(() => api.stop());

  const now = Date.now();
  const lastMonth = {
    accountId: 'ACC1',
    apiKey: 'key',
    startDate: new Date(now - 30 * 86_400_000),
    endDate: new Date(now),
  };
  const list = async (input = lastMonth) => {
    const pages = [];
    for await (const page of createCallRailClient({ baseUrl: api.baseUrl }).listCalls(input)) pages.push(page);
    return pages;
  };

  it('lists the calls of the time asked for, page by page, in rows that we can read', async () => {
    for (let index = 0; index < 600; index++) {
      api.addCall(simulateCall({ trackingNumber: TRACKING_NUMBER, startedAt: new Date(now - (index + 1) * 60_000) }));
    }
    const older = simulateCall({ trackingNumber: TRACKING_NUMBER, startedAt: new Date(now - 20 * 86_400_000) });
    api.addCall(older);
    api.addCall(simulateCall({ trackingNumber: TRACKING_NUMBER, startedAt: new Date(now - 40 * 86_400_000) }));

    const pages = await list();
    expect(pages.map((page) => page.length)).toEqual([250, 250, 101]);
    expect(new Set(pages.flat().map((row) => row.id)).size).toBe(601);
    expect(readCallRailEvent('modified', pages.at(-1)?.at(-1))).toMatchObject({
      providerCallId: older.id,
      callrailCompanyIds: [older.companyResourceId],
      fields: { answered: true, durationSeconds: 184, callType: 'answered', startedAt: older.startedAt.toISOString() },
    });
  });

  it('has failures to switch on, and refuses a wrong key', async () => {
    api.failNext(429);
    await expect(list()).rejects.toMatchObject({ code: 'rate_limited' });
    api.failNext(500, 2);
    await expect(list()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(list()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await list()).toEqual([[]]);
    await expect(list({ ...lastMonth, apiKey: 'other' })).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('can write links to another origin', async () => {
    for (let index = 0; index < 251; index++) api.addCall(simulateCall({ trackingNumber: TRACKING_NUMBER }));
    api.setNextPageOrigin('http://127.0.0.1:1');
    await expect(list({ ...lastMonth, endDate: new Date(Date.now() + 60_000) })).rejects.toMatchObject({
      code: 'foreign_link',
    });
  });

  it('answers the audio link behind a recording link', async () => {
    const call = simulateCall({ trackingNumber: TRACKING_NUMBER });
    const url = api.recordingLink(call.id);
    const client = createCallRailClient({ baseUrl: api.baseUrl });
    await expect(client.resolveRecording({ apiKey: 'key', url })).rejects.toMatchObject({ code: 'not_found' });
    api.addCall({ ...call, recording: url }, { audioUrl: 'https://s3.amazonaws.com/recordings/1.mp3' });
    expect(await client.resolveRecording({ apiKey: 'key', url })).toEqual({
      url: 'https://s3.amazonaws.com/recordings/1.mp3',
    });
  });
});
