/** Calls over REST: finding them, correcting them, listening to them, asking again, deleting them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { and, eq } from 'drizzle-orm';
import { Hono } from 'hono';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiEnv } from '../../src/api/env.ts';
import { createPublicBase } from '../../src/api/http/publicBase.ts';
import { createEventTickets } from '../../src/api/live/eventTickets.ts';
import { createRecordingLinks } from '../../src/api/recordings/recordingLinks.ts';
import { loadConfig } from '../../src/config/config.ts';
import {
  analysisRuns,
  appointments,
  auditLog,
  callAnalyses,
  calls,
  callTombstones,
  callTranscripts,
  leads,
  webhookEvents,
} from '../../src/db/schema/index.ts';
import { giveUp } from '../../src/services/analysis/runs.ts';
import { createLinkKey } from '../../src/services/links/linkKey.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

const AUDIO = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));

/** A sound whose first bytes say what it is. */
const WAV = Buffer.concat([Buffer.from('RIFF\x24\x00\x00\x00WAVEfmt '), AUDIO]);

let api: ApiApp;
let storage: Server;
let origin: string;

beforeAll(async () => {
  storage = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/redirect-out')) return response.writeHead(302, { location: 'http://127.0.0.2:1/x' }).end();
    if (path.startsWith('/redirect')) return response.writeHead(302, { location: '/plain.mp3' }).end();
    if (path.startsWith('/gone')) return response.writeHead(404).end('no');
    if (path.endsWith('/recording.json')) {
      const isAuthorized = request.headers.authorization === 'Token token="company-key"';
      return response.writeHead(isAuthorized ? 200 : 401).end(JSON.stringify({ url: `${origin}/plain.mp3` }));
    }
    // Storage as it is found: a signed link that allows nothing but GET, no length, no ranges, no useful type.
    if (path.startsWith('/get-only') && request.method !== 'GET') return response.writeHead(403).end();
    if (path.startsWith('/chunked')) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write(WAV.subarray(0, 100));
      return response.end(WAV.subarray(100));
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (range && path.startsWith('/ranged')) {
      const [start, end] = [Number(range[1]), Number(range[2])];
      const headers = { 'content-type': 'audio/wav', 'content-range': `bytes ${start}-${end}/${AUDIO.length}` };
      return response.writeHead(206, headers).end(AUDIO.subarray(start, end + 1));
    }
    const type = path.startsWith('/page') ? 'text/html' : 'audio/mpeg';
    return response.writeHead(200, { 'content-type': type, 'content-length': AUDIO.length }).end(AUDIO);
  });
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
  api = await startApiApp({ RECORDING_HOSTS: '127.0.0.1', CALLRAIL_BASE_URL: origin });
});
afterAll(async () => {
  await api?.stop();
  storage?.close();
});

const lastAudit = async (subjectId: string, action: string) =>
  (
    await api.db
      .select()
      .from(auditLog)
      .where(and(eq(auditLog.subjectId, subjectId), eq(auditLog.action, action)))
  ).at(-1);

describe('GET /calls', () => {
  test('filters by everything the contract names, alone and with commas', async () => {
    const rows = await makeCompany(api.db, { timeZone: 'America/Los_Angeles' });
    const ann = await rows.lead({ phoneNumber: '+15551230001', name: 'Ann O_Hara' });
    const bob = await rows.lead({ phoneNumber: '+442071838750', name: 'Bob' });
    // Late on 1 March in Los Angeles, already 2 March in UTC.
    const first = await rows.call({ ...ann, startedAt: new Date('2026-03-02T06:00:00Z'), csrId: 'cora' });
    const second = await rows.call({
      ...bob,
      startedAt: new Date('2026-03-03T20:00:00Z'),
      status: 'missed',
      stage: 'awaiting_recording',
    });
    const third = await rows.call({ ...ann, startedAt: new Date('2026-03-04T20:00:00Z'), csrId: 'carl' });
    await rows.analysis(first.id, { qualification: 'hot', bookingStatus: 'booked', summary: 'Leaking tap, 100% sure' });
    await rows.analysis(third.id, { qualification: 'hot', bookingStatus: 'booked' });
    await rows.analysis(third.id, { generation: 2, qualification: 'cold', bookingStatus: 'not_booked' });

    const csr = await api.as('csr', rows.companyId);
    const names = new Map([first, second, third].map((call, index) => [call.id, index + 1]));
    const find = async (query: string) => {
      const { status, body } = await csr.get(`/calls?${query}`);
      expect([query, status]).toEqual([query, 200]);
      expect(body.data.total).toBe(body.data.items.length);
      return body.data.items.map((call: { id: string }) => names.get(call.id));
    };
    expect(await find('')).toEqual([3, 2, 1]);
    expect(await find('status=missed')).toEqual([2]);
    expect(await find('status=missed,completed')).toEqual([3, 2, 1]);
    expect(await find('stage=awaiting_recording')).toEqual([2]);
    expect(await find('booking_status=booked')).toEqual([1]);
    expect(await find('qualification=cold,hot')).toEqual([3, 1]);
    expect(await find('csr_id=cora')).toEqual([1]);
    expect(await find('phone_number=%2B15551230001')).toEqual([3, 1]);
    expect(await find('phone_number=+15551230001')).toEqual([3, 1]);
    expect(await find('phone_number=5551230001')).toEqual([3, 1]);
    expect(await find('phone_number=+44 2071838750')).toEqual([2]);
    expect(await find('phone_number=nonsense')).toEqual([]);
    expect(await find('date_from=2026-03-01&date_to=2026-03-01')).toEqual([1]);
    expect(await find('date_from=2026-03-02')).toEqual([3, 2]);
    expect(await find('date_to=2026-03-03')).toEqual([2, 1]);
    expect(await find('date_from=2026-03-04&date_to=2026-03-01')).toEqual([]);
    expect(await find('q=leaking')).toEqual([1]);
    expect(await find('q=100%25')).toEqual([1]);
    expect(await find('q=o_h')).toEqual([3, 1]);
    expect(await find('q=_')).toEqual([3, 1]);
    expect(await find('q=555-123')).toEqual([3, 1]);
    expect(await find('status=completed&qualification=hot&q=ann')).toEqual([1]);
    expect((await csr.get('/calls?status=lost')).status).toBe(422);
    expect((await csr.get('/calls?date_from=2026-13-01')).status).toBe(422);
    expect((await csr.get('/calls?limit=201')).status).toBe(422);
  });

  test('pages stay put while calls arrive, also among calls of one moment', async () => {
    const rows = await makeCompany(api.db);
    const startedAt = new Date('2026-05-01T12:00:00Z');
    const ids = [];
    for (let index = 0; index < 7; index += 1) ids.push((await rows.call({ startedAt })).id);
    const csr = await api.as('csr', rows.companyId);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { data } = (await csr.get(`/calls?limit=3${cursor}`)).body;
      seen.push(...data.items.map((call: { id: string }) => call.id));
      await rows.call({ startedAt: new Date('2026-05-02T12:00:00Z') });
      cursor = data.next_cursor === null ? '' : `&cursor=${data.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(ids.sort().reverse());
    expect((await csr.get('/calls?cursor=nonsense')).status).toBe(422);
  });

  test('shows a call as the contract says, without its lasting link', async () => {
    const rows = await makeCompany(api.db);
    const lead = await rows.lead({ phoneNumber: '+15551230002', name: 'Cleo' });
    const call = await rows.call({ ...lead, trackingNumber: '+15559990000' });
    await rows.analysis(call.id, { qualification: 'warm', complianceScore: 0.5, stagesFollowed: ['greeting'] });
    const csr = await api.as('csr', rows.companyId);
    const answer = await csr.get(`/calls/${call.id}`);
    expect(answer.body.data).toMatchObject({
      id: call.id,
      provider_call_id: call.providerCallId,
      status: 'completed',
      direction: 'inbound',
      answered: true,
      started_at: call.startedAt.toISOString(),
      duration_seconds: 60,
      tracking_number: '+15559990000',
      contact: { id: lead.contactId, phone_number: '+15551230002', name: 'Cleo' },
      lead_id: lead.leadId,
      csr_id: null,
      has_recording: true,
      pipeline: {
        workflow_id: `call:${rows.companyId}:${call.providerCallId}`,
        stage: 'done',
        needs_attention: false,
        reason: null,
      },
      analysis: {
        qualification: 'warm',
        booking_status: null,
        call_outcome_category: null,
        objections: [],
        sop_compliance: { score: 0.5, stages_followed: ['greeting'], stages_missed: [] },
        sentiment_score: null,
        summary: null,
        version: 1,
        edited: false,
      },
    });
    expect(JSON.stringify(answer.body)).not.toContain('recording.mp3');
    const bare = await rows.call();
    expect((await csr.get(`/calls/${bare.id}`)).body.data.analysis).toBeNull();
    expect((await csr.get(`/calls/${bare.id}/analysis`)).status).toBe(404);
    expect((await csr.get(`/calls/${bare.id}/transcript`)).status).toBe(404);
    await rows.transcript(bare.id, 'old');
    await rows.transcript(bare.id, 'new', 2);
    expect((await csr.get(`/calls/${bare.id}/transcript`)).body.data).toMatchObject({
      transcript_text: 'new',
      turns: [{ speaker: 'agent', text: 'new', start_seconds: 0, end_seconds: 1.5 }],
      language: 'en',
    });
  });

  test('a rep has the calls of own appointments, an admin none, another company nothing', async () => {
    const rows = await makeCompany(api.db);
    const lead = await rows.lead();
    const booked = await rows.call(lead);
    const sameLead = await rows.call(lead);
    const other = await rows.call();
    await rows.appointment({ ...lead, callId: booked.id, assignedRepId: 'rita' });
    const rita = await api.as('sales_rep', rows.companyId, 'rita');
    const seen = (await rita.get('/calls')).body.data.items.map((call: { id: string }) => call.id);
    expect(seen.sort()).toEqual([booked.id, sameLead.id].sort());
    expect((await rita.get(`/calls/${sameLead.id}`)).status).toBe(200);
    expect((await rita.get(`/calls/${other.id}`)).status).toBe(404);
    expect((await rita.get(`/calls/${other.id}/recording`)).status).toBe(404);
    const rob = await api.as('sales_rep', rows.companyId, 'rob');
    expect((await rob.get('/calls')).body.data.total).toBe(0);
    expect((await (await api.as('admin', rows.companyId)).get('/calls')).status).toBe(403);
    const stranger = await api.as('manager', (await makeCompany(api.db)).companyId);
    for (const path of ['', '/transcript', '/analysis', '/recording'])
      expect((await stranger.get(`/calls/${booked.id}${path}`)).status).toBe(404);
    expect((await stranger.delete(`/calls/${booked.id}`)).status).toBe(404);
    expect((await stranger.post(`/calls/${booked.id}/reanalyze`, { reason: 'x' })).status).toBe(404);
    expect((await stranger.patch(`/calls/${booked.id}/analysis`, { reason: 'x', summary: 'y' })).status).toBe(404);
  });
});

describe('PATCH /calls/{id}/analysis', () => {
  test('takes effect on the lead, makes the one appointment, is audited and is final', async () => {
    const rows = await makeCompany(api.db);
    const lead = await rows.lead({}, { status: 'hot', qualification: 'hot' });
    const call = await rows.call(lead);
    const manager = await api.as('manager', rows.companyId, 'mia');
    const patch = (body: object, headers = {}) => manager.patch(`/calls/${call.id}/analysis`, body, headers);
    const readLead = async () => (await api.db.select().from(leads).where(eq(leads.id, lead.leadId)))[0];
    const bookings = () => api.db.select().from(appointments).where(eq(appointments.callId, call.id));

    expect((await patch({ reason: 'too early', summary: 'x' })).status).toBe(404);
    await rows.analysis(call.id, {
      qualification: 'hot',
      bookingStatus: 'not_booked',
      callOutcomeCategory: 'qualified_but_unbooked',
      appointmentLocation: '1 Main St',
      stagesFollowed: ['greeting'],
    });

    const down = await patch({ reason: 'Wrong person', qualification: 'cold' });
    expect([down.status, down.body.data]).toMatchObject([
      200,
      { qualification: 'cold', call_outcome_category: 'qualified_but_unbooked', version: 2, edited: true },
    ]);
    expect((await readLead())?.status).toBe('cold');

    const booked = await patch({ reason: 'They did book', booking_status: 'booked' });
    expect(booked.body.data).toMatchObject({ call_outcome_category: 'qualified_and_booked', version: 3 });
    expect((await readLead())?.status).toBe('qualified_booked');
    expect(await bookings()).toMatchObject([{ location: '1 Main St', status: 'scheduled' }]);

    await patch({ reason: 'No, they did not', booking_status: 'not_booked' });
    expect((await readLead())?.status).toBe('cold');
    expect(await bookings()).toHaveLength(1);

    await patch({ reason: 'I say so', call_outcome_category: 'unqualified' });
    const held = await patch({ reason: 'Back again', booking_status: 'booked' });
    expect(held.body.data.call_outcome_category).toBe('unqualified');
    expect(await bookings()).toHaveLength(1);

    const partial = await patch({ reason: 'Heard it', sop_compliance: { score: 0.9 }, sentiment_score: null });
    expect(partial.body.data.sop_compliance).toEqual({ score: 0.9, stages_followed: ['greeting'], stages_missed: [] });

    const entry = await lastAudit(call.id, 'analysis.correct');
    expect(entry).toMatchObject({ actorId: 'mia', actorRole: 'manager', reason: 'Heard it' });
    expect(entry?.details).toMatchObject({
      fields: ['sop_compliance', 'sentiment_score'],
      before: { version: 6 },
      after: { version: 7 },
    });
    // What was lost for a wrong reading comes back; what was won is a fact.
    for (const [closed, after] of [
      ['closed_lost', 'qualified_booked'],
      ['closed_won', 'closed_won'],
    ] as const) {
      await api.db.update(leads).set({ status: closed }).where(eq(leads.id, call.leadId));
      await patch({ reason: 'Read again', booking_status: 'booked' });
      expect((await readLead())?.status).toBe(after);
    }
    const [stored] = await api.db.select().from(callAnalyses).where(eq(callAnalyses.callId, call.id));
    expect(stored?.humanFields.sort()).toEqual(
      ['booking_status', 'call_outcome_category', 'qualification', 'sentiment_score', 'sop_compliance'].sort(),
    );
  });

  test('refuses what is not an analysis, what is stale, and who may not', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call();
    await rows.analysis(call.id, { qualification: 'hot' });
    const manager = await api.as('manager', rows.companyId);
    const url = `/calls/${call.id}/analysis`;
    for (const body of [
      { qualification: 'cold' },
      { reason: '', qualification: 'cold' },
      { reason: 'x' },
      { reason: 'x', qualification: 'tepid' },
      { reason: 'x', sentiment_score: 1.5 },
      { reason: 'x', sop_compliance: { score: 9 } },
      { reason: 'x', objections: [{ overcome: 'yes' }] },
    ])
      expect([body, (await manager.patch(url, body)).status]).toEqual([body, 422]);

    const { headers } = await manager.get(url);
    const etag = headers.get('etag') ?? '';
    const first = await manager.patch(url, { reason: 'x', summary: 'One' }, { 'if-match': etag });
    expect([first.status, first.body.data.summary]).toEqual([200, 'One']);
    expect((await manager.patch(url, { reason: 'x', summary: 'Two' }, { 'if-match': etag })).status).toBe(412);
    expect((await manager.patch(url, { reason: 'x', summary: 'Two' }, { 'if-match': '"2"' })).status).toBe(200);

    for (const role of ['csr', 'sales_rep', 'executive'] as const)
      expect((await (await api.as(role, rows.companyId)).patch(url, { reason: 'x', summary: 'y' })).status).toBe(403);
    expect((await (await api.as('admin', undefined)).patch(url, { reason: 'x', summary: 'y' })).status).toBe(200);
  });
});

describe('POST /calls/{id}/reanalyze', () => {
  test('is not ended by a skip of the analysis before that is carried out twice', async () => {
    const company = await makeCompany(api.db);
    const call = await company.call({ status: 'completed', stage: 'transcribing' });
    await company.run(call.id, { state: 'running' });
    const key = { companyId: company.companyId, subjectKind: 'call' as const, subjectId: call.id };
    await giveUp(api.db, api.config, { ...key, generation: 1 });
    await company.run(call.id, { state: 'running', generation: 2 });
    await giveUp(api.db, api.config, { ...key, generation: 1 });
    const runs = await api.db.select().from(analysisRuns).where(eq(analysisRuns.subjectId, call.id));
    expect(Object.fromEntries(runs.map(({ generation, state }) => [generation, state]))).toEqual({
      1: 'failed',
      2: 'running',
    });
  });

  test('starts a new generation once, and rings the workflow', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call({ stage: 'not_analyzable', reason: 'no_speech' });
    await rows.run(call.id, { state: 'not_analyzable' });
    const manager = await api.as('manager', rows.companyId, 'mia');
    const pokes = api.state.pokes;
    const answer = await manager.post(`/calls/${call.id}/reanalyze`, { reason: 'New model' });
    const workflowId = `call:${rows.companyId}:${call.providerCallId}`;
    expect([answer.status, answer.body.data]).toEqual([202, { workflow_id: workflowId, generation: 2 }]);
    expect((await manager.get(`/calls/${call.id}`)).body.data.pipeline).toMatchObject({
      stage: 'transcribing',
      reason: null,
    });
    expect(await api.db.select().from(webhookEvents).where(eq(webhookEvents.workflowId, workflowId))).toMatchObject([
      { source: 'internal', route: 'call.reanalyze', status: 'pending', providerCallId: call.providerCallId },
    ]);
    expect(api.state.pokes).toBe(pokes + 1);
    expect(await lastAudit(call.id, 'call.reanalyze')).toMatchObject({ reason: 'New model', actorId: 'mia' });
    const again = await manager.post(`/calls/${call.id}/reanalyze`, { reason: 'Again' });
    expect([again.status, again.body.code]).toEqual([409, 'analysis_running']);
  });

  test('is refused without a recording, before the end, and while a run is open', async () => {
    const rows = await makeCompany(api.db);
    const manager = await api.as('manager', rows.companyId);
    const silent = await rows.call({ recordingUrl: null });
    const live = await rows.call({ status: 'in_progress', stage: 'awaiting_end' });
    const running = await rows.call();
    await rows.run(running.id, { state: 'running' });
    const codes = [];
    for (const { id } of [silent, live, running]) {
      const { status, body } = await manager.post(`/calls/${id}/reanalyze`, { reason: 'x' });
      codes.push([status, body.code]);
    }
    expect(codes).toEqual([
      [409, 'no_recording'],
      [409, 'conflict'],
      [409, 'analysis_running'],
    ]);
    expect((await manager.post(`/calls/${silent.id}/reanalyze`, {})).status).toBe(422);
  });
});

describe('GET /calls/{id}/recording', () => {
  const linkKey = () => createLinkKey(api.db, undefined)();

  const play = async (recordingUrl: string, headers: Record<string, string> = {}, method = 'GET') => {
    const rows = await makeCompany(api.db, { callrailApiKey: 'company-key' });
    const call = await rows.call({ recordingUrl });
    const csr = await api.as('csr', rows.companyId, 'cora');
    const { data } = (await csr.get(`/calls/${call.id}/recording`)).body;
    return { call, csr, link: data, response: await api.request(data.url, { headers, method }) };
  };

  test('answers a short-lived link that plays without a bearer, and logs who asked', async () => {
    const { call, link, response } = await play(`${origin}/plain.mp3`);
    expect(link.url).toMatch(/^http:\/\/localhost\/api\/v1\/recordings\/[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(link.url).not.toContain('127.0.0.1');
    const seconds = (Date.parse(link.expires_at) - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(290);
    expect(seconds).toBeLessThanOrEqual(300);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'audio/mpeg']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(AUDIO);
    expect(await lastAudit(call.id, 'recording.access')).toMatchObject({ actorId: 'cora' });
    expect(await lastAudit(call.id, 'recording.open')).toMatchObject({ actorId: 'cora', actorRole: 'csr' });
    await (await api.request(link.url, { headers: { range: 'bytes=10-19' } })).arrayBuffer();
    const opened = await api.db.select().from(auditLog).where(eq(auditLog.subjectId, call.id));
    expect(opened.map(({ action }) => action).sort()).toEqual(['recording.access', 'recording.open']);
  });

  test.each(['/plain.mp3', '/ranged.wav', '/redirect'])('streams ranges of %s', async (path) => {
    const { link, response } = await play(`${origin}${path}`, { range: 'bytes=10-19' });
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 10-19/1000']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(AUDIO.subarray(10, 20));
    if (path === '/ranged.wav') return;
    const tail = await api.request(link.url, { headers: { range: 'bytes=-5' } });
    expect(Buffer.from(await tail.arrayBuffer())).toEqual(AUDIO.subarray(995));
    const rest = await api.request(link.url, { headers: { range: 'bytes=990-' } });
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(AUDIO.subarray(990));
    const beyond = await api.request(link.url, { headers: { range: 'bytes=5000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */1000']);
  });

  test('answers HEAD without a body', async () => {
    const { response } = await play(`${origin}/plain.mp3`, {}, 'HEAD');
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '1000']);
    expect(await response.text()).toBe('');
  });

  test('answers HEAD of a link that allows GET only', async () => {
    const { response } = await play(`${origin}/get-only.mp3`, {}, 'HEAD');
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '1000']);
  });

  test('plays in Safari what storage sends without length, ranges and type', async () => {
    // Safari asks for two bytes first and plays nothing unless the answer tells the whole size.
    const { link, response } = await play(`${origin}/chunked.bin`, { range: 'bytes=0-1' });
    expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes 0-1/${WAV.length}`]);
    expect(response.headers.get('content-type')).toBe('audio/wav');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(WAV.subarray(0, 2));
    const read = (range: string) => api.request(link.url, { headers: { range } });
    const whole = await read(`bytes=0-${WAV.length - 1}`);
    expect([whole.status, whole.headers.get('content-length')]).toEqual([206, String(WAV.length)]);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(WAV);
    const sought = await read('bytes=500-599');
    expect(sought.headers.get('content-type')).toBe('audio/wav');
    expect(Buffer.from(await sought.arrayBuffer())).toEqual(WAV.subarray(500, 600));
    const head = await api.request(link.url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(WAV.length)]);
    // Several ranges at once: all of it, which is allowed.
    const several = await read('bytes=0-1,5-6');
    expect([several.status, Buffer.from(await several.arrayBuffer())]).toEqual([200, WAV]);
  });

  test('resolves a recording link of the API with the key of the company', async () => {
    const { response } = await play(`${origin}/v3/a/ACC1/calls/CAL1/recording.json`);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(AUDIO);
  });

  test('follows no redirect to another host, and serves no page of another as ours', async () => {
    expect((await play(`${origin}/redirect-out`)).response.status).toBe(502);
    expect((await play('http://169.254.169.254/latest')).response.status).toBe(502);
    expect((await play(`${origin}/gone.mp3`)).response.status).toBe(502);
    const { response } = await play(`${origin}/page`);
    expect(response.headers.get('content-type')).toBe('audio/mpeg');
    await response.body?.cancel();
  });

  test('lets who began within its life go on listening and seeking for hours, and nobody else', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call({ recordingUrl: `${origin}/ranged.wav` });
    const recording = { companyId: rows.companyId, callId: call.id, userId: 'cora', role: 'csr' };
    const ranged = async (token: string) => {
      const answer = await api.request(`/api/v1/recordings/${token}`, { headers: { range: 'bytes=10-19' } });
      await answer.arrayBuffer();
      return answer.status;
    };
    const links = (ageSeconds: number) => createRecordingLinks(linkKey, () => Date.now() - ageSeconds * 1000);
    const { token } = await links(298).sign(recording);
    expect(await ranged(token)).toBe(206);
    await expect.poll(() => links(0).verify(token), { timeout: 5000 }).toMatchObject({ isExpired: true });
    expect(await ranged(token)).toBe(206);
    expect(await ranged((await links(301).sign(recording)).token)).toBe(403);

    const opened = async (hoursAgo: number) => {
      const { token } = await links(hoursAgo * 3600 + 10).sign(recording);
      const id = (await links(0).verify(token))?.id ?? '';
      const createdAt = new Date(Date.now() - hoursAgo * 3_600_000);
      const who = { actorId: 'cora', actorRole: 'csr', subjectKind: 'call', subjectId: call.id, createdAt };
      await api.db.insert(auditLog).values({ id, companyId: rows.companyId, action: 'recording.open', ...who });
      return token;
    };
    expect(await ranged(await opened(3.9))).toBe(206);
    expect(await ranged(await opened(4.1))).toBe(403);
    const kept = await opened(1);
    await (await api.as('manager', rows.companyId)).delete(`/calls/${call.id}`);
    expect(await ranged(kept)).toBe(404);
  });

  test('is on the public origin that is configured, or that a trusted proxy names', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call({ recordingUrl: `${origin}/plain.mp3` });
    const csr = await api.as('csr', rows.companyId);
    const linkBehind = async (env: Record<string, string>, peer: string | undefined) => {
      const config = loadConfig({ env: { DATA_DIR: tmpdir(), ...env } });
      const app = new Hono<ApiEnv>().get('/link', (c) => c.text(createPublicBase(config)(c)));
      const forwarded = { 'x-forwarded-host': 'calls.example.com', 'x-forwarded-proto': 'https' };
      const bindings = peer === undefined ? {} : { incoming: { socket: { remoteAddress: peer } } };
      return (await app.request('http://api:3000/link', { headers: forwarded }, bindings)).text();
    };
    const proxies = { TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8, 192.0.2.7' };
    expect(await linkBehind({}, '10.1.2.3')).toBe('http://api:3000');
    for (const peer of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '192.0.2.7'])
      expect([peer, await linkBehind(proxies, peer)]).toEqual([peer, 'https://calls.example.com']);
    for (const peer of ['192.0.2.8', '11.0.0.1', 'fe80::1', undefined])
      expect([peer, await linkBehind(proxies, peer)]).toEqual([peer, 'http://api:3000']);
    expect(await linkBehind({ ...proxies, PUBLIC_URL: 'https://x.example/base/' }, '10.1.2.3')).toBe(
      'https://x.example/base',
    );
    const headers = { ...csr.headers(), 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' };
    const answer = await api.request(`/api/v1/calls/${call.id}/recording`, { headers });
    const { data } = (await answer.json()) as { data: { url: string } };
    expect(data.url).toMatch(/^http:\/\/localhost\//);
  });

  test('refuses links that are forged, expired, or of a call that is gone', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call({ recordingUrl: `${origin}/plain.mp3` });
    const recording = { companyId: rows.companyId, callId: call.id, userId: 'cora', role: 'csr' };
    const status = async (token: string) => (await api.request(`/api/v1/recordings/${token}`)).status;
    const signed = async (changes: object = {}, key: () => Promise<Uint8Array> = linkKey, ageSeconds = 0) =>
      (await createRecordingLinks(key, () => Date.now() - ageSeconds * 1000).sign({ ...recording, ...changes })).token;
    expect(await status(await signed())).toBe(200);
    expect(await status(await signed({}, linkKey, 290))).toBe(200);
    expect(await status(await signed({}, linkKey, 310))).toBe(403);
    expect(await status(await signed({}, linkKey, -60))).toBe(403);
    expect(await status('a.b.c')).toBe(403);
    expect(await status(await signed({ callId: 'gone' }))).toBe(404);
    // Whoever knows Shunya's secret, or that of the tokens, can make none; nor can a ticket open a recording.
    for (const secret of [...api.config.shunya.webhookSecrets, api.config.auth.jwtSecret ?? ''])
      expect(await status(await signed({}, async () => Buffer.from(secret)))).toBe(403);
    const actor = { userId: 'cora', companyId: rows.companyId, role: 'csr' as const, expiresAt: new Date(2e12) };
    expect(await status((await createEventTickets(linkKey).issue(actor)).ticket)).toBe(403);
    // An expiry of the year 2999 in a token that is signed with the right key.
    const forever = new SignJWT({ content: recording }).setProtectedHeader({ alg: 'HS256' }).setJti('x').setIssuedAt();
    const token = forever.setAudience('callwright:recording').setExpirationTime(new Date('2999-01-01'));
    expect(await status(await token.sign(await linkKey()))).toBe(403);
    const silent = await rows.call({ recordingUrl: null });
    expect((await (await api.as('csr', rows.companyId)).get(`/calls/${silent.id}/recording`)).status).toBe(404);
  });
});

test('DELETE /calls/{id} leaves a tombstone and nothing else of the call', async () => {
  const rows = await makeCompany(api.db);
  const call = await rows.call();
  await rows.analysis(call.id);
  await rows.transcript(call.id, 'private');
  const { companyId, providerCallId } = call;
  await api.db.insert(webhookEvents).values({
    id: `event-${call.id}`,
    source: 'callrail',
    route: 'call.completed',
    companyId,
    providerCallId,
    status: 'applied',
    body: Buffer.from('{}'),
    bodySha256: call.id,
  });
  expect((await (await api.as('csr', companyId)).delete(`/calls/${call.id}`)).status).toBe(403);
  const manager = await api.as('manager', companyId, 'mia');
  expect((await manager.delete(`/calls/${call.id}`)).status).toBe(204);
  expect((await manager.get(`/calls/${call.id}`)).status).toBe(404);
  expect((await manager.delete(`/calls/${call.id}`)).status).toBe(404);
  for (const table of [callAnalyses, callTranscripts])
    expect(await api.db.select().from(table).where(eq(table.callId, call.id))).toEqual([]);
  expect(await api.db.select().from(calls).where(eq(calls.id, call.id))).toEqual([]);
  expect(await api.db.select().from(webhookEvents).where(eq(webhookEvents.providerCallId, providerCallId))).toEqual([]);
  expect(await api.db.select().from(callTombstones).where(eq(callTombstones.companyId, companyId))).toMatchObject([
    { providerCallId },
  ]);
  expect(await lastAudit(call.id, 'call.delete')).toMatchObject({ actorId: 'mia' });
});
