/** What a company keeps for some days only: what goes, what stays, and that a call is still the same afterwards. */
import { createHash, randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  analysisRuns,
  auditLog,
  calls,
  callTranscripts,
  recordingSessions,
  webhookEvents,
} from '../../src/db/schema/index.ts';
import { foldCall } from '../../src/domain/foldCall.ts';
import { parseBodyBytes } from '../../src/domain/text.ts';
import { readCallRailEvent } from '../../src/providers/callrail/payload.ts';
import { applyRetention } from '../../src/services/upkeep/retention.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
const LINK = 'https://api.callrail.com/recording.mp3';

async function storeEvent(
  companyId: string,
  providerCallId: string,
  receivedAt: Date,
  payload: unknown,
  source: 'callrail' | 'shunya' = 'callrail',
) {
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const id = randomUUID();
  const bodySha256 = createHash('sha256').update(body).update(id).digest('hex');
  const row = {
    id,
    source,
    route: 'call.completed',
    companyId,
    status: 'applied' as const,
    body,
    bodySha256,
    providerCallId,
    receivedAt,
  };
  await api.db.insert(webhookEvents).values(row);
  return id;
}

const bodyOf = async (id: string) =>
  (
    await api.db.select({ body: webhookEvents.body }).from(webhookEvents).where(eq(webhookEvents.id, id))
  )[0]?.body.toString();

test('is set by an admin, part by part, and off by default', async () => {
  const rows = await makeCompany(api.db);
  const admin = await api.as('admin', undefined);
  const read = async () => (await admin.get(`/companies/${rows.companyId}`)).body.data.retention;
  expect(await read()).toEqual({ recording_days: null, transcript_days: null, raw_event_days: null });
  await admin.patch(`/companies/${rows.companyId}`, { retention: { recording_days: 30, raw_event_days: 90 } });
  await admin.patch(`/companies/${rows.companyId}`, { retention: { transcript_days: 60, raw_event_days: null } });
  expect(await read()).toEqual({ recording_days: 30, transcript_days: 60, raw_event_days: null });
  expect((await admin.patch(`/companies/${rows.companyId}`, { retention: { recording_days: 0 } })).status).toBe(422);
  await admin.patch(`/companies/${rows.companyId}`, { retention: null });
  expect(await read()).toEqual({ recording_days: null, transcript_days: null, raw_event_days: null });
  const manager = await api.as('manager', rows.companyId);
  expect((await manager.patch(`/companies/${rows.companyId}`, { retention: null })).status).toBe(403);
});

test('old links and transcripts go, of calls and visits, with every copy of a link; the rest stays', async () => {
  const rows = await makeCompany(api.db, { recordingDays: 30, transcriptDays: 30 });
  const old = await rows.call({ startedAt: daysAgo(31), recordingUrl: LINK });
  const fresh = await rows.call({ startedAt: daysAgo(29), recordingUrl: LINK });
  const busy = await rows.call({ startedAt: daysAgo(31), recordingUrl: LINK, stage: 'transcribing' });
  for (const { id } of [old, fresh, busy]) {
    await rows.run(id, { recordingUrl: LINK });
    await rows.transcript(id, 'of a chimney');
  }
  await api.db
    .update(callTranscripts)
    .set({ createdAt: daysAgo(31) })
    .where(sql`call_id in (${old.id}, ${busy.id})`);
  const eventId = await storeEvent(rows.companyId, old.providerCallId, daysAgo(31), {
    call_id: 'x',
    recording: LINK,
    customer_name: 'Ann',
  });
  const visit = await rows.visit(await rows.appointment(), { startedAt: daysAgo(31), audioUrl: LINK });
  const other = await makeCompany(api.db);
  const kept = await other.call({ startedAt: daysAgo(1000), recordingUrl: LINK });

  while ((await applyRetention(api.db)) > 0);
  const linkOf = async (id: string) =>
    (await api.db.select({ url: calls.recordingUrl }).from(calls).where(eq(calls.id, id)))[0]?.url;
  expect(await Promise.all([old, fresh, busy, kept].map(({ id }) => linkOf(id)))).toEqual([null, LINK, LINK, LINK]);
  const runs = await api.db
    .select({ url: analysisRuns.recordingUrl })
    .from(analysisRuns)
    .where(eq(analysisRuns.subjectId, old.id));
  expect(runs).toEqual([{ url: '' }]);
  expect(await bodyOf(eventId)).toBe('{"call_id":"x","customer_name":"Ann"}');
  const [session] = await api.db
    .select({ url: recordingSessions.audioUrl })
    .from(recordingSessions)
    .where(eq(recordingSessions.id, visit));
  expect(session?.url).toBeNull();
  const csr = await api.as('csr', rows.companyId);
  const transcripts = await Promise.all(
    [old, fresh, busy].map(async ({ id }) => (await csr.get(`/calls/${id}/transcript`)).status),
  );
  expect(transcripts).toEqual([404, 200, 200]);
  expect((await csr.get('/calls?q=chimney')).body.data.total).toBe(2);
  expect((await csr.get(`/calls/${old.id}`)).body.data).toMatchObject({ has_recording: false, status: 'completed' });
  const entries = await api.db.select().from(auditLog).where(eq(auditLog.companyId, rows.companyId));
  expect(entries.map(({ action, details }) => [action, details])).toEqual([
    ['retention.apply', { recordings: 2, transcripts: 1, raw_events: 0 }],
  ]);
});

test('of an old raw event stays what a call is folded from, in whatever form it came, and nothing of the caller', async () => {
  const rows = await makeCompany(api.db, { rawEventDays: 10 });
  const payload = {
    resource_id: 'CAL1',
    customer_phone_number: '+12125550123',
    customer_name: 'Ann Example',
    customer_city: 'Springfield',
    note: 'lives at 1 Main St',
    answered: true,
    duration: '95',
    start_time: '2026-03-01T10:00:00Z',
    tracking_phone_number: '+12125550100',
    recording: LINK,
    agent_email: 'cora@example.com',
    direction: 'inbound',
  };
  const form = 'call_id=CAL2&customer_name=Ben&duration=12&answered=true&timestamp=2026-03-01T10:00:00Z';
  const old = await storeEvent(rows.companyId, 'CAL1', daysAgo(11), payload);
  const asForm = await storeEvent(rows.companyId, 'CAL2', daysAgo(11), form);
  const callback = await storeEvent(
    rows.companyId,
    'CAL1',
    daysAgo(11),
    { job_id: '1', result: { summary: 'Ann' } },
    'shunya',
  );
  const fresh = await storeEvent(rows.companyId, 'CAL1', daysAgo(9), payload);
  expect(await applyRetention(api.db)).toBe(3);
  expect(await applyRetention(api.db)).toBe(0);
  expect(await bodyOf(fresh)).toContain('Ann Example');
  expect(await bodyOf(callback)).toBe('');

  const folded = (body: unknown) => {
    const { fields } = readCallRailEvent('completed', body);
    return foldCall([{ kind: 'completed', sequence: 1, receivedAt: '2026-03-01T11:00:00.000Z', fields }]);
  };
  for (const [id, whole] of [
    [old, payload],
    [asForm, parseBodyBytes(Buffer.from(form))],
  ] as const) {
    const left = JSON.parse((await bodyOf(id)) as string);
    const { callerNumber: _, callerName: __, ...expected } = folded(whole);
    expect(folded(left)).toEqual(expected);
    expect(JSON.stringify(left)).not.toMatch(/Ann|Ben|5550123|Springfield|Main St/);
  }
});
