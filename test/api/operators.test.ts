/** What operators do over REST: pipelines, webhook events, the audit log. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { and, eq, inArray } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { auditLog, webhookEvents } from '../../src/db/schema/index.ts';
import { analysisWorkflowId } from '../../src/domain/workflowIds.ts';
import { installTemporalRuntime } from '../../src/runtime/telemetry.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflowBundle.ts';
import { type ShunyaAnalysisInput, statusQuery } from '../../src/workflows/contracts.ts';
import { type Answer, type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { serviceDataDir } from '../harness/build.ts';
import { createTestNamespace } from '../harness/infra.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  installTemporalRuntime(pino({ level: 'silent' }));
  const { address, namespace, uiUrl } = await createTestNamespace();
  api = await startApiApp({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, TEMPORAL_UI_URL: uiUrl });
});
afterAll(() => api?.stop());

const BLOCKED = { blockedOn: 'shunya_analysis', attempts: 9, reason: 'http_503', needsAttention: true } as const;

const WAITS = {
  callMaxSeconds: 3600,
  visitMaxSeconds: 3600,
  recordingWaitSeconds: 3600,
  shunyaPollSeconds: 3600,
  shunyaJobTimeoutSeconds: 3600,
  retryAttempts: 8,
};

async function makePipelines() {
  const rows = await makeCompany(api.db);
  const minute = (index: number) => new Date(Date.UTC(2026, 4, 1, 12, index));
  const stuck = await rows.call({
    stage: 'analyzing',
    startedAt: minute(0),
    blockedSince: minute(5),
    generation: 2,
    providerCallId: 'CAL:1/2 é',
    ...BLOCKED,
  });
  const done = await rows.call({ startedAt: minute(1), stageSince: minute(2) });
  const visit = await rows.visit(await rows.appointment(), {
    stage: 'transcribing',
    startedAt: minute(2),
    blockedSince: minute(3),
    ...BLOCKED,
    blockedOn: 'shunya_transcription',
    needsAttention: false,
  });
  return { rows, stuck, done, visit };
}

const restartsOf = (workflowIds: string[]) =>
  api.db
    .select()
    .from(webhookEvents)
    .where(and(inArray(webhookEvents.workflowId, workflowIds), eq(webhookEvents.source, 'internal')));

describe('pipelines', () => {
  test('are listed one per call or visit, filtered and paged', async () => {
    const { rows, stuck, done, visit } = await makePipelines();
    const manager = await api.as('manager', rows.companyId);
    const workflowId = `call:${rows.companyId}:CAL:1/2 é`;
    const all = (await manager.get('/pipelines')).body.data;
    expect(all.items.map((item: { subject_id: string }) => item.subject_id)).toEqual([visit, done.id, stuck.id]);
    expect(all.total).toBe(3);
    expect(all.items[0]).toMatchObject({ kind: 'visit', workflow_id: `visit:${visit}`, stage: 'transcribing' });
    expect(all.items[1]).toMatchObject({ blocked_on: null, since: '2026-05-01T12:02:00.000Z' });
    const { uiUrl, namespace } = api.config.temporal;
    expect(all.items[2]).toMatchObject({
      workflow_id: workflowId,
      kind: 'call',
      stage: 'analyzing',
      needs_attention: true,
      blocked_on: 'shunya_analysis',
      reason: 'http_503',
      attempts: 9,
      since: '2026-05-01T12:05:00.000Z',
      temporal_url: `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`,
    });

    const find = async (query: string) => {
      const { data } = (await manager.get(`/pipelines?${query}`)).body;
      expect(data.total).toBe(data.items.length);
      return data.items.map((item: { subject_id: string }) => item.subject_id);
    };
    expect(await find('needs_attention=true')).toEqual([stuck.id]);
    expect(await find('needs_attention=false')).toEqual([visit, done.id]);
    expect(await find('kind=visit')).toEqual([visit]);
    expect(await find('kind=call&stage=done,analyzing')).toEqual([done.id, stuck.id]);
    expect(await find('blocked_on=shunya_transcription')).toEqual([visit]);
    expect((await manager.get('/pipelines?kind=email')).status).toBe(422);

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { data }: Answer['body'] = (await manager.get(`/pipelines?limit=1${cursor && `&cursor=${cursor}`}`)).body;
      seen.push(...data.items.map((item: { subject_id: string }) => item.subject_id));
      cursor = data.next_cursor;
    }
    expect(seen).toEqual([visit, done.id, stuck.id]);
    for (const id of [workflowId, encodeURIComponent(workflowId)]) {
      const path = id === workflowId ? `call:${rows.companyId}:CAL:1%2F2 é` : id;
      expect((await manager.get(`/pipelines/${path}`)).body.data.subject_id).toBe(stuck.id);
    }
  });

  test('retry is for what is blocked; a workflow that is gone starts again', async () => {
    const { rows, stuck, done, visit } = await makePipelines();
    const manager = await api.as('manager', rows.companyId, 'mia');
    const idOf = (call: { providerCallId: string }) => `call:${rows.companyId}:${call.providerCallId}`;
    const url = (id: string) => `/pipelines/${encodeURIComponent(id)}/retry`;

    const answer = await manager.post(url(idOf(stuck)), { reason: 'Shunya is back' });
    expect(answer.status).toBe(202);
    expect(await restartsOf([idOf(stuck)])).toMatchObject([
      { route: 'call.restart', status: 'pending', providerCallId: stuck.providerCallId },
    ]);
    const [audit] = await api.db.select().from(auditLog).where(eq(auditLog.id, answer.body.data.audit_id));
    expect(audit).toMatchObject({
      actorId: 'mia',
      action: 'pipeline.retry',
      reason: 'Shunya is back',
      subjectId: stuck.id,
    });

    // A visit without encoding, and by the id of its analysis.
    expect((await manager.post(`/pipelines/visit:${visit}/retry`, { reason: 'x' })).status).toBe(202);
    expect((await manager.post(`/pipelines/analysis:visit:${visit}:1/skip`, { reason: 'x' })).status).toBe(202);
    expect((await restartsOf([`visit:${visit}`])).map((event) => event.route)).toEqual([
      'visit.restart',
      'visit.restart',
    ]);

    const healthy = await manager.post(url(idOf(done)), { reason: 'x' });
    expect([healthy.status, healthy.body.code]).toEqual([409, 'nothing_to_retry']);
    expect((await manager.post(url(idOf(stuck)), {})).status).toBe(422);
    for (const id of ['visit:nobody', 'nonsense', `call:${rows.companyId}:nobody`])
      expect((await manager.post(url(id), { reason: 'x' })).status).toBe(404);
    const executive = await api.as('executive', rows.companyId);
    expect((await executive.get('/pipelines')).status).toBe(200);
    expect((await executive.post(url(idOf(stuck)), { reason: 'x' })).status).toBe(403);
    const stranger = await api.as('manager', (await makeCompany(api.db)).companyId);
    expect((await stranger.post(url(idOf(stuck)), { reason: 'x' })).status).toBe(404);
    expect((await stranger.get('/pipelines')).body.data.total).toBe(0);
    const admin = await api.as('admin', undefined);
    expect((await admin.post(url(idOf(stuck)), { reason: 'x' })).status).toBe(202);
    expect((await admin.get(`/pipelines?company_id=${rows.companyId}`)).body.data.total).toBe(3);
  });

  test('retry and skip reach the analysis that is blocked', async () => {
    const rows = await makeCompany(api.db);
    const call = await rows.call({ stage: 'transcribing', ...BLOCKED });
    const { client, namespace, taskQueue } = api.temporal;
    const { address } = api.config.temporal;
    // The analysis' first advance fails for as long as nobody gives it up.
    let advances = 0;
    const gaveUp: string[] = [];
    const activities = {
      async advanceAnalysis() {
        advances += 1;
        throw ApplicationFailure.nonRetryable('no database');
      },
      async showAnalysisBlock() {},
      async recordOperatorAction() {},
      async giveUp({ subjectId }: { subjectId: string }) {
        gaveUp.push(subjectId);
      },
    };
    const { NativeConnection, Worker } = await import('@temporalio/worker');
    const connection = await NativeConnection.connect({ address });
    const { codePath } = await loadWorkflowBundle({ dataDir: serviceDataDir(inject('servers').dataDir) });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      workflowBundle: { codePath },
      activities,
    });
    const running = worker.run();
    try {
      const { providerCallId } = call;
      const input: ShunyaAnalysisInput = {
        companyId: rows.companyId,
        subjectKind: 'call',
        subjectId: call.id,
        generation: 1,
        waits: { ...WAITS, retryInitialSeconds: 3600, retryMaxSeconds: 3600 },
      };
      const workflowId = analysisWorkflowId('call', call.id, 1);
      const handle = await client.workflow.start('ShunyaAnalysis', { workflowId, taskQueue, args: [input] });
      await expect.poll(async () => (await handle.query(statusQuery)).attempts, { timeout: 20_000 }).toBe(1);

      const manager = await api.as('manager', rows.companyId);
      const url = `/pipelines/call:${rows.companyId}:${providerCallId}`;
      const advancesBefore = advances;
      expect((await manager.post(`${url}/retry`, { reason: 'Now' })).status).toBe(202);
      await expect.poll(() => advances, { timeout: 10_000 }).toBeGreaterThan(advancesBefore);
      await expect.poll(async () => (await handle.query(statusQuery)).attempts, { timeout: 20_000 }).toBe(2);
      expect((await manager.post(`${url}/skip`, { reason: 'Enough' })).status).toBe(202);
      await handle.result();
      expect(gaveUp).toEqual([call.id]);
      // Nothing of that was a pipeline that had to start again.
      expect(await restartsOf([`call:${rows.companyId}:${providerCallId}`])).toEqual([]);
    } finally {
      worker.shutdown();
      await running;
      await connection.close();
    }
  });

  test('a batch goes to all that are blocked and match', async () => {
    const { rows, stuck, visit } = await makePipelines();
    const manager = await api.as('manager', rows.companyId);
    const send = async (filter: object) => {
      const { status, body } = await manager.post('/pipelines/retry', { filter, reason: 'All of them' });
      expect(status).toBe(202);
      return [body.data.matched, body.data.sent];
    };
    expect(await send({ kind: 'visit' })).toEqual([1, 1]);
    expect(await send({ stage: 'done' })).toEqual([0, 0]);
    expect(await send({ stage: 'done,transcribing', blocked_on: 'shunya_transcription' })).toEqual([1, 1]);
    expect(await send({ needs_attention: true })).toEqual([1, 1]);
    expect(await send({})).toEqual([2, 2]);
    expect(await restartsOf([`visit:${visit}`, `call:${rows.companyId}:${stuck.providerCallId}`])).toHaveLength(5);
    for (const filter of [{ stge: 'done' }, { stage: '' }, { blocked_on: ' , ' }])
      expect((await manager.post('/pipelines/retry', { filter, reason: 'x' })).status).toBe(422);
    expect((await manager.post('/pipelines/retry', { reason: 'x' })).status).toBe(422);
  });

  test('retry answers 202 while Temporal is away', async () => {
    const away = await startApiApp({ TEMPORAL_ADDRESS: '127.0.0.1:9' });
    try {
      const rows = await makeCompany(away.db);
      const call = await rows.call({ stage: 'analyzing', ...BLOCKED });
      const manager = await away.as('manager', rows.companyId);
      const startedAt = Date.now();
      const url = `/pipelines/call:${rows.companyId}:${call.providerCallId}/retry`;
      expect((await manager.post(url, { reason: 'x' })).status).toBe(202);
      const batch = await manager.post('/pipelines/retry', { filter: {}, reason: 'x' });
      expect([batch.status, batch.body.data.matched, batch.body.data.sent]).toEqual([202, 1, 0]);
      // Neither is lost: the relay sends them once Temporal is back.
      const kept = (await manager.get('/webhook-events?source=operator&status=pending')).body.data.items;
      const workflowId = `call:${rows.companyId}:${call.providerCallId}`;
      expect(kept).toMatchObject([
        { route: 'retry', workflow_id: workflowId },
        { route: 'retry', workflow_id: workflowId },
      ]);
      expect(Date.now() - startedAt).toBeLessThan(15_000);
    } finally {
      await away.stop();
    }
  });
});

describe('webhook events', () => {
  const store = async (event: Partial<typeof webhookEvents.$inferInsert>) => {
    const id = randomUUID();
    await api.db.insert(webhookEvents).values({
      source: 'callrail',
      route: 'call.completed',
      status: 'pending',
      body: Buffer.from('{"caller_number": "+15551239999"}'),
      bodySha256: id,
      signature: 'c2VjcmV0',
      ...event,
      id,
    });
    return id;
  };

  test('are listed by status without their body; those without a company are for the admin', async () => {
    const { companyId } = await makeCompany(api.db);
    const applied = await store({ companyId, status: 'applied' });
    const rejected = await store({ companyId, status: 'rejected', reason: 'invalid_signature' });
    const unrouted = await store({ status: 'unrouted' });
    const manager = await api.as('manager', companyId);
    const ids = async (query: string) =>
      (await manager.get(`/webhook-events?${query}`)).body.data.items.map((item: { id: string }) => item.id);
    expect(await ids('')).toEqual([rejected, applied]);
    expect(await ids('status=applied')).toEqual([applied]);
    expect(await ids('status=rejected,applied&source=callrail&route=call.completed')).toEqual([rejected, applied]);
    expect(await ids('route=call.incoming')).toEqual([]);
    const page = (await manager.get('/webhook-events?limit=1')).body.data;
    expect([page.total, page.items[0].id]).toEqual([2, rejected]);
    expect(await ids(`limit=1&cursor=${page.next_cursor}`)).toEqual([applied]);
    expect((await manager.get(`/webhook-events/${unrouted}`)).status).toBe(404);
    const one = await manager.get(`/webhook-events/${rejected}`);
    expect(one.body.data).toMatchObject({ id: rejected, status: 'rejected', reason: 'invalid_signature' });
    expect(JSON.stringify(one.body)).not.toMatch(/9999|c2VjcmV0/);
    const admin = await api.as('admin', undefined);
    const open = (await admin.get('/webhook-events?status=unrouted')).body.data.items;
    expect(open.map((item: { id: string }) => item.id)).toContain(unrouted);
    expect((await (await api.as('csr', companyId)).get('/webhook-events')).status).toBe(403);
  });

  test('redrive rings what waits and refuses what is applied', async () => {
    const { companyId } = await makeCompany(api.db);
    const manager = await api.as('manager', companyId, 'mia');
    const pending = await store({ companyId, status: 'dispatched', workflowId: 'call:x:y' });
    const pokes = api.state.pokes;
    const answer = await manager.post(`/webhook-events/${pending}/redrive`);
    expect([answer.status, answer.body.data.status]).toEqual([202, 'dispatched']);
    expect(api.state.pokes).toBe(pokes + 1);
    const applied = await store({ companyId, status: 'applied' });
    const refused = await manager.post(`/webhook-events/${applied}/redrive`);
    expect([refused.status, refused.body.code]).toEqual([409, 'already_applied']);
    expect((await manager.post(`/webhook-events/${randomUUID()}/redrive`)).status).toBe(404);
    const foreign = await store({ status: 'unrouted' });
    expect((await manager.post(`/webhook-events/${foreign}/redrive`)).status).toBe(404);
    expect((await (await api.as('executive', companyId)).post(`/webhook-events/${pending}/redrive`)).status).toBe(403);

    const log = (await manager.get('/audit?subject_kind=webhook_event')).body.data;
    expect(log).toMatchObject({
      total: 1,
      items: [{ action: 'webhook_event.redrive', actor_id: 'mia', subject_id: pending }],
    });
    expect((await (await api.as('csr', companyId)).get('/audit')).status).toBe(403);
  });
});
