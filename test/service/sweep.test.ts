/** Pipelines that do not go on are seen from their rows alone, rung, and let go when they move again. */
import { randomUUID } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { lockKey } from '../../src/db/locks.ts';
import { calls, callTombstones, recordingSessions, shunyaJobs, webhookEvents } from '../../src/db/schema/index.ts';
import { callWorkflowId, visitWorkflowId } from '../../src/domain/workflowIds.ts';
import type { SweepOptions } from '../../src/services/pipelines/overdue.ts';
import { setBlock, setStage } from '../../src/services/pipelines/state.ts';
import { SWEEP_DEFAULTS, sweepOnce } from '../../src/services/pipelines/sweep.ts';
import { createTestDatabase } from '../harness/infra.ts';
import { eventually } from '../harness/poll.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';
import { type Service, startService } from '../harness/service.ts';

const config = loadConfig({
  env: {
    DATA_DIR: '/nowhere',
    DATABASE_URL: 'postgres://nowhere/x',
    TEMPORAL_ADDRESS: '127.0.0.1:9',
    AUTH_JWT_SECRET: 'x',
    SHUNYA_API_KEY: 'x',
    SHUNYA_WEBHOOK_SECRETS: 'x',
  },
});
const LONG_AGO = new Date(0);
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const hoursAgo = (hours: number) => minutesAgo(hours * 60);

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let opened: ReturnType<typeof openDatabase>;
let company: CompanyRows;

beforeAll(async () => {
  database = await createTestDatabase();
  opened = openDatabase(database.databaseUrl);
});
afterAll(async () => {
  await opened?.close();
  await database?.drop();
});
// Each test sweeps everything: it begins with nothing.
afterEach(async () => {
  await opened.db.execute(sql`truncate companies, webhook_events, call_tombstones cascade`);
});

async function begin() {
  company = await makeCompany(opened.db);
  return company;
}

const sweep = async (options: Partial<SweepOptions> = {}) =>
  sweepOnce(opened.db, config, { ...SWEEP_DEFAULTS, since: LONG_AGO, ...options });

type CallGiven = Parameters<CompanyRows['call']>[0];
const openCall = (given: CallGiven) => company.call({ status: 'completed', ...given });

async function shown(kind: 'call' | 'visit', id: string) {
  const table = kind === 'call' ? calls : recordingSessions;
  const { stage, needsAttention, blockedOn, blockedSince, reason, attempts } = table;
  const [row] = await opened.db
    .select({ stage, needsAttention, blockedOn, blockedSince, reason, attempts })
    .from(table)
    .where(eq(table.id, id));
  return row;
}
const RAISED = { needsAttention: true, blockedOn: 'overdue', reason: 'stage_overdue' };
const LOWERED = { needsAttention: false, blockedOn: null, blockedSince: null, reason: null, attempts: 0 };

const restarts = async (workflowId: string) => {
  const rows = await opened.db
    .select({ status: webhookEvents.status, route: webhookEvents.route, receivedAt: webhookEvents.receivedAt })
    .from(webhookEvents)
    .where(and(eq(webhookEvents.workflowId, workflowId), sql`route like '%.restart'`));
  return rows;
};
const workflowOf = (call: { providerCallId: string }) => callWorkflowId(company.companyId, call.providerCallId);

async function event(given: Partial<typeof webhookEvents.$inferInsert> = {}) {
  const id = randomUUID();
  await opened.db.insert(webhookEvents).values({
    source: 'callrail',
    route: 'call.modified',
    companyId: company.companyId,
    status: 'dispatched',
    attempts: 4,
    body: Buffer.from('{}'),
    bodySha256: id,
    receivedAt: minutesAgo(20),
    dispatchedAt: minutesAgo(20),
    ...given,
    id,
  });
  return id;
}

async function job(callId: string, given: Partial<typeof shunyaJobs.$inferInsert>) {
  const id = randomUUID();
  await opened.db.insert(shunyaJobs).values({
    companyId: company.companyId,
    subjectKind: 'call',
    subjectId: callId,
    generation: 1,
    kind: 'transcription',
    state: 'submitted',
    idempotencyKey: id,
    shunyaCallId: 1,
    ...given,
    id,
  });
}

describe('stages', () => {
  it('raises attention for a call or visit that waits longer than it may, and leaves those in time', async () => {
    await begin();
    const since = hoursAgo(5);
    const lateEnd = await openCall({
      status: 'ringing',
      stage: 'awaiting_end',
      createdAt: hoursAgo(4.2),
      stageSince: since,
    });
    const inTime = await openCall({
      status: 'ringing',
      stage: 'awaiting_end',
      createdAt: hoursAgo(4.05),
      stageSince: since,
    });
    const lateRecording = await openCall({
      stage: 'awaiting_recording',
      recordingUrl: null,
      endedAt: hoursAgo(24.2),
      stageSince: hoursAgo(25),
    });
    const waiting = await openCall({
      stage: 'awaiting_recording',
      recordingUrl: null,
      endedAt: hoursAgo(20),
      stageSince: hoursAgo(25),
    });
    const lateApply = await openCall({ stage: 'applying', stageSince: minutesAgo(6) });
    const applying = await openCall({ stage: 'applying', stageSince: minutesAgo(4) });
    const appointment = await company.appointment();
    const other = await company.appointment();
    const lateVisit = await company.visit(appointment, {
      status: 'recording',
      stage: 'awaiting_end',
      startedAt: hoursAgo(12.2),
      stageSince: hoursAgo(12.2),
    });
    const visit = await company.visit(other, {
      status: 'recording',
      stage: 'awaiting_end',
      startedAt: hoursAgo(11),
      stageSince: hoursAgo(11),
    });

    expect(await sweep()).toEqual({ raised: 4, lowered: 0, rung: 4, withoutRow: [] });
    for (const call of [lateEnd, lateRecording, lateApply]) expect(await shown('call', call.id)).toMatchObject(RAISED);
    expect(await shown('visit', lateVisit)).toMatchObject(RAISED);
    for (const call of [inTime, waiting, applying]) expect(await shown('call', call.id)).toMatchObject(LOWERED);
    expect(await shown('visit', visit)).toMatchObject(LOWERED);
    expect(await restarts(workflowOf(lateEnd))).toMatchObject([{ status: 'pending', route: 'call.restart' }]);
    expect(await restarts(visitWorkflowId(lateVisit))).toMatchObject([{ status: 'pending', route: 'visit.restart' }]);
    expect(await sweep()).toEqual({ raised: 0, lowered: 0, rung: 0, withoutRow: [] });
  });

  it('judges an analysis by its run and its newest job', async () => {
    await begin();
    const stageSince = hoursAgo(30);
    const analyzing = async (run: 'running' | 'applied', ...jobs: Partial<typeof shunyaJobs.$inferInsert>[]) => {
      const call = await openCall({ stage: 'analyzing', stageSince });
      await company.run(call.id, { state: run, finishedAt: run === 'running' ? null : minutesAgo(10) });
      for (const given of jobs) await job(call.id, given);
      return call;
    };
    const hanging = await analyzing('running', { submittedAt: hoursAgo(25), updatedAt: minutesAgo(1) });
    const working = await analyzing('running', { submittedAt: hoursAgo(23), updatedAt: minutesAgo(1) });
    const between = await analyzing(
      'running',
      { state: 'completed', updatedAt: hoursAgo(20) },
      { kind: 'analysis', state: 'completed', updatedAt: minutesAgo(9) },
    );
    const ended = await analyzing('applied', { state: 'completed', updatedAt: minutesAgo(1) });
    // It waits for others of its company that are under way, and those are judged themselves.
    const queued = await analyzing('running', { state: 'waiting', updatedAt: hoursAgo(30) });

    expect(await sweep()).toMatchObject({ raised: 3, rung: 3 });
    for (const call of [hanging, between, ended]) expect(await shown('call', call.id)).toMatchObject(RAISED);
    for (const call of [working, queued]) expect(await shown('call', call.id)).toMatchObject(LOWERED);
  });

  it('lowers its flag when the pipeline goes on, by itself and with the next stage', async () => {
    await begin();
    const [one, other] = [
      await openCall({ stage: 'applying', stageSince: hoursAgo(1) }),
      await openCall({ stage: 'applying', stageSince: hoursAgo(1) }),
    ];
    expect(await sweep()).toMatchObject({ raised: 2 });
    const key = { companyId: company.companyId, subjectKind: 'call' as const, subjectId: one.id };
    await setStage(opened.db, key, 'applying');
    expect(await shown('call', one.id)).toMatchObject(RAISED);
    await setStage(opened.db, key, 'not_analyzable', 'no_speech');
    expect(await shown('call', one.id)).toEqual({ ...LOWERED, stage: 'not_analyzable', reason: 'no_speech' });

    await opened.db.update(calls).set({ stageSince: new Date() }).where(eq(calls.id, other.id));
    expect(await sweep()).toMatchObject({ raised: 0, lowered: 1 });
    expect(await shown('call', other.id)).toMatchObject(LOWERED);
  });

  it('leaves a pipeline that says itself what it is blocked on', async () => {
    await begin();
    const call = await openCall({ stage: 'transcribing', stageSince: hoursAgo(48) });
    await company.run(call.id, { state: 'running' });
    const key = { companyId: company.companyId, subjectKind: 'call' as const, subjectId: call.id };
    const block = { blockedOn: 'shunya_transcription', attempts: 9, reason: 'http_503', needsAttention: true } as const;
    await setBlock(opened.db, key, block);
    expect(await sweep()).toEqual({ raised: 0, lowered: 0, rung: 0, withoutRow: [] });
    expect(await shown('call', call.id)).toMatchObject(block);
    // Its workflow writes each try; when none comes any more, it may be gone.
    await opened.db
      .update(calls)
      .set({ pipelineUpdatedAt: minutesAgo(16) })
      .where(eq(calls.id, call.id));
    expect(await sweep()).toMatchObject({ raised: 0, rung: 1 });
    expect(await shown('call', call.id)).toMatchObject(block);
  });
});

describe('events without effect', () => {
  it('raises attention where an event was rung and not applied: a workflow task that keeps failing', async () => {
    await begin();
    const waiting = await openCall({ status: 'ringing', stage: 'awaiting_end', createdAt: minutesAgo(20) });
    const finished = await openCall({});
    const refused = await openCall({ stage: 'not_analyzable', reason: 'no_speech' });
    const fresh = await openCall({});
    const unreachable = await openCall({});
    const visit = await company.visit(await company.appointment(), { status: 'recording', stage: 'awaiting_end' });
    const idOf = (call: typeof waiting) => ({ providerCallId: call.providerCallId, workflowId: workflowOf(call) });
    const stuck = [await event(idOf(waiting)), await event(idOf(finished)), await event(idOf(refused))];
    stuck.push(await event({ source: 'internal', route: 'visit.stopped', workflowId: visitWorkflowId(visit) }));
    await event({ ...idOf(fresh), dispatchedAt: minutesAgo(3) });
    // Never rung, since Temporal is away: the inbox's depth says that, not every call.
    await event({ ...idOf(unreachable), status: 'pending', attempts: 0, dispatchedAt: null });

    // The relay rings these itself.
    expect(await sweep()).toEqual({ raised: 4, lowered: 0, rung: 0, withoutRow: [] });
    const notApplied = { needsAttention: true, blockedOn: 'overdue', reason: 'event_not_applied' };
    expect(await shown('call', waiting.id)).toMatchObject(notApplied);
    expect(await shown('call', finished.id)).toMatchObject(notApplied);
    expect(await shown('visit', visit)).toMatchObject(notApplied);
    expect(await shown('call', refused.id)).toMatchObject({ needsAttention: true, reason: 'no_speech' });
    for (const call of [fresh, unreachable]) expect(await shown('call', call.id)).toMatchObject(LOWERED);

    for (const id of stuck)
      await opened.db.update(webhookEvents).set({ status: 'applied' }).where(eq(webhookEvents.id, id));
    expect(await sweep()).toMatchObject({ raised: 0, lowered: 4 });
    expect(await shown('call', finished.id)).toMatchObject(LOWERED);
    expect(await shown('call', refused.id)).toEqual({ ...LOWERED, stage: 'not_analyzable', reason: 'no_speech' });
  });

  it('rings the call of a callback that no analysis takes', async () => {
    await begin();
    const call = await openCall({ stage: 'transcribing', stageSince: minutesAgo(20) });
    await company.run(call.id, { state: 'running' });
    await job(call.id, { submittedAt: minutesAgo(20), updatedAt: minutesAgo(1) });
    const [row] = await opened.db.select({ id: shunyaJobs.id }).from(shunyaJobs);
    await event({
      source: 'shunya',
      route: 'job',
      jobId: row?.id,
      workflowId: `analysis:call:${call.id}:1`,
      status: 'pending',
      dispatchedAt: null,
    });
    expect(await sweep()).toMatchObject({ raised: 1, rung: 1 });
    expect(await shown('call', call.id)).toMatchObject({ reason: 'event_not_applied' });
    expect(await restarts(workflowOf(call))).toHaveLength(1);
  });

  it('tells of new calls that have no row yet, where nothing can show it', async () => {
    await begin();
    const workflowId = callWorkflowId(company.companyId, 'CALnew');
    await event({ providerCallId: 'CALnew', workflowId });
    expect((await sweep())?.withoutRow).toEqual([workflowId]);
    await opened.db.insert(callTombstones).values({ companyId: company.companyId, providerCallId: 'CALold' });
  });
});

describe('rings', () => {
  it('rings an analysis of which nothing is heard, long before it counts as overdue', async () => {
    await begin();
    const make = async (heardMinutesAgo: number) => {
      const call = await openCall({ stage: 'transcribing', stageSince: hoursAgo(1) });
      await company.run(call.id, { state: 'running' });
      await job(call.id, { submittedAt: minutesAgo(heardMinutesAgo), updatedAt: minutesAgo(heardMinutesAgo) });
      return call;
    };
    const quiet = await make(16);
    const lively = await make(14);
    expect(await sweep()).toEqual({ raised: 0, lowered: 0, rung: 1, withoutRow: [] });
    expect(await restarts(workflowOf(quiet))).toHaveLength(1);
    expect(await restarts(workflowOf(lively))).toHaveLength(0);
  });

  it('rings once in half an hour, and keeps one such event per pipeline', async () => {
    await begin();
    const call = await openCall({ stage: 'applying', stageSince: hoursAgo(1) });
    const applied = (receivedAt: Date) =>
      opened.db
        .update(webhookEvents)
        .set({ status: 'applied', receivedAt })
        .where(eq(webhookEvents.workflowId, workflowOf(call)));
    expect(await sweep()).toMatchObject({ rung: 1 });
    await applied(minutesAgo(29));
    expect(await sweep()).toMatchObject({ rung: 0 });
    await applied(minutesAgo(31));
    expect(await sweep()).toMatchObject({ rung: 1 });
    expect(await restarts(workflowOf(call))).toHaveLength(1);
  });

  it('gives a worker that has just come back the same time to catch up, and keeps what was raised before', async () => {
    await begin();
    const flagged = await openCall({ stage: 'applying', stageSince: hoursAgo(2) });
    expect(await sweep()).toMatchObject({ raised: 1 });
    const call = await openCall({ stage: 'applying', stageSince: hoursAgo(1) });
    await event({ providerCallId: call.providerCallId, workflowId: workflowOf(call) });
    expect(await sweep({ since: minutesAgo(4) })).toMatchObject({ raised: 0, lowered: 0 });
    expect(await shown('call', flagged.id)).toMatchObject(RAISED);
    expect(await sweep({ since: minutesAgo(6) })).toMatchObject({ raised: 1, lowered: 0 });
  });

  it('leaves the work to one process at a time', async () => {
    await begin();
    await openCall({ stage: 'applying', stageSince: hoursAgo(1) });
    await opened.db.transaction(async (tx) => {
      await lockKey(tx, 'sweep');
      expect(await sweep()).toBeUndefined();
    });
    const both = await Promise.all([sweep(), sweep()]);
    expect(both.reduce((raised, result) => raised + (result?.raised ?? 0), 0)).toBe(1);
  });
});

describe('a pipeline whose workflow was terminated', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => {
    await service?.stop();
  });

  it('is seen, started again, and goes on to its end without a person', async () => {
    const owner = await service.company();
    const call = owner.simulate();
    await owner.play(call, ['incoming']);
    await owner.callIn(call, 'awaiting_end');
    const handle = service.temporal.workflow.getHandle(owner.workflowId(call));
    await handle.terminate('by a test');
    await service.sql`update calls set created_at = now() - interval '5 hours', stage_since = now() - interval '5 hours'
      where provider_call_id = ${call.id}`;
    const { db, close } = openDatabase(service.databaseUrl, { max: 2 });
    const result = await sweepOnce(db, config, { ...SWEEP_DEFAULTS, since: LONG_AGO });
    await close();
    expect(result).toMatchObject({ raised: 1, rung: 1 });
    const done = await owner.callIn(call, 'done');
    expect(done).toMatchObject({ status: 'abandoned', pipeline: { needs_attention: false, reason: null } });
    await eventually(async () => expect((await handle.describe()).status.name).toBe('COMPLETED'));
  });
});
