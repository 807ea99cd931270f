/** CallRail never sends a webhook twice: what its webhooks did not bring, its list of calls does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CallRailApi, newResourceId, type SimulatedCall, startCallRailApi } from '../../simulators/callrail.ts';
import { createCallRailActivities, type ReconciliationActivities } from '../../src/activities/index.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { createCallRailClient } from '../../src/providers/callrail/client.ts';
import { ensureReconciliationSchedule } from '../../src/temporal/schedules.ts';
import { type CallRailReconciliationResult, RECONCILIATION_SCHEDULE_ID } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

const API_KEY = 'a key of the CallRail API';
const ACCOUNT_ID = newResourceId('ACC');
const RUNNER = fileURLToPath(new URL('../../dev/run.mjs', import.meta.url));
const MINUTE = 60_000;

let callrail: CallRailApi;
let service: Service;
/** The worker's own activities, for what a Schedule does not show. */
let activities: ReconciliationActivities;
let closeDatabase: () => Promise<void>;

beforeAll(async () => {
  callrail = await startCallRailApi({ apiKey: API_KEY, accountId: ACCOUNT_ID });
  service = await startService({
    CALLRAIL_BASE_URL: callrail.baseUrl,
    CALLRAIL_RECONCILE_SECONDS: '7200',
    RECORDING_HOSTS: '127.0.0.1,s3.amazonaws.com,*.s3.amazonaws.com',
  });
  const { db, close } = openDatabase(service.databaseUrl, { max: 2 });
  closeDatabase = close;
  const logger = pino({ level: 'silent' });
  activities = createCallRailActivities({ db, logger, callrail: createCallRailClient(callrail) });
});
afterEach(async () => {
  // One account serves all tests: what one made of it must not meet the next.
  await service.sql`delete from callrail_accounts`;
});
afterAll(async () => {
  await closeDatabase?.();
  await service?.stop();
  await callrail?.stop();
});

/** A company whose calls CallRail lists under an id of its own. */
async function listedCompany(settings: Record<string, unknown> = {}) {
  const callrailCompanyId = newResourceId('COM');
  const company = await service.company({
    callrail_account_id: ACCOUNT_ID,
    callrail_api_key: API_KEY,
    callrail_company_id: callrailCompanyId,
    ...settings,
  });
  return {
    ...company,
    /** A call that began some minutes ago. */
    call: (given: Partial<SimulatedCall> = {}, minutesAgo = 30) =>
      company.simulate({
        companyResourceId: callrailCompanyId,
        startedAt: new Date(Date.now() - minutesAgo * MINUTE),
        ...given,
      }),
  };
}

/** One run of the Schedule, from its start to its end. */
async function reconcile(): Promise<CallRailReconciliationResult> {
  const schedule = service.temporal.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger();
  const workflowId = await eventually(async () => {
    const { info } = await schedule.describe();
    expect(info.numActionsTaken).toBeGreaterThan(before);
    const action = info.recentActions.at(-1)?.action;
    if (action?.type !== 'startWorkflow') throw new Error('no workflow was started');
    return action.workflow.workflowId;
  });
  return service.temporal.workflow.getHandle(workflowId).result();
}

const eventsOf = (company: Pick<TestCompany, 'id'>, call: SimulatedCall) => service.sql<
  { route: string; status: string; body: Buffer }[]
>`select route, status, body from webhook_events
  where company_id = ${company.id} and provider_call_id = ${call.id} and source = 'callrail' order by sequence`;

const routesOf = async (company: Pick<TestCompany, 'id'>, call: SimulatedCall) =>
  (await eventsOf(company, call)).map(({ route }) => route);

const stateOf = async (company: Pick<TestCompany, 'id'>) => {
  const [row] = await service.sql<
    { reconciled_until: Date | null; last_error: string | null; failures: number; fed: number }[]
  >`select * from callrail_reconciliations where company_id = ${company.id}`;
  return row;
};

const appliedEvents = (company: Pick<TestCompany, 'id'>, call: SimulatedCall, count: number) =>
  eventually(async () => {
    const events = await eventsOf(company, call);
    expect(events.filter(({ status }) => status === 'applied')).toHaveLength(count);
  });

describe('what the webhooks missed', () => {
  it('brings in a call that no webhook told of, to its appointment, once', async () => {
    const company = await listedCompany();
    const call = company.call({ recording: recordingLink('booked') });
    callrail.addCall(call);
    expect(await reconcile()).toMatchObject({ failed: 0 });
    const found = await company.callIn(call, 'done');
    expect(found).toMatchObject({ status: 'completed', answered: true, duration_seconds: 184 });
    expect(found.analysis.booking_status).toBe('booked');
    expect(await routesOf(company, call)).toEqual(['call.modified']);
    await reconcile();
    expect(await routesOf(company, call)).toEqual(['call.modified']);
    expect(await stateOf(company)).toMatchObject({ fed: 1, last_error: null, failures: 0 });
  });

  it('brings the end of a call that rings here, and a recording that came late, and nothing else', async () => {
    const company = await listedCompany();
    const [missedEnd, lateRecording, whole] = [
      company.call(),
      company.call(),
      company.call({ recording: recordingLink('x') }),
    ];
    await company.play(missedEnd, ['incoming']);
    await company.play(lateRecording);
    await company.play(whole);
    await appliedEvents(company, missedEnd, 1);
    await appliedEvents(company, lateRecording, 3);
    await appliedEvents(company, whole, 3);
    const recorded = { ...lateRecording, recording: recordingLink('cold') };
    for (const call of [{ ...missedEnd, answered: false }, recorded, whole]) callrail.addCall(call);
    await reconcile();
    expect((await company.callIn(missedEnd, 'done')).status).toBe('missed');
    expect((await company.callIn(lateRecording, 'done')).has_recording).toBe(true);
    expect(await routesOf(company, missedEnd)).toEqual(['call.incoming', 'call.modified']);
    expect(await routesOf(company, whole)).not.toContain('call.modified');
    const counts = (await stateOf(company))?.fed;
    await reconcile();
    expect((await stateOf(company))?.fed).toBe(counts);
  });

  it('tells of a call that still goes on without ending it, then of its end', async () => {
    const company = await listedCompany();
    const call = company.call();
    callrail.addCall({ ...call, inProgress: true });
    await reconcile();
    await company.callIn(call, 'awaiting_end');
    await reconcile();
    expect(await routesOf(company, call)).toEqual(['call.modified']);
    callrail.addCall({ ...call, answered: false });
    await reconcile();
    expect((await company.callIn(call, 'done')).status).toBe('missed');
  });

  it('whose recording needs a key that is missing is blocked on CallRail until it is there', async () => {
    const company = await listedCompany({ callrail_api_key: null });
    const call = company.call();
    const recorded = { ...call, recording: callrail.recordingLink(call.id) };
    callrail.addCall(recorded, { audioUrl: recordingLink('booked') });
    await company.play(recorded);
    const { pipeline } = await eventually(async () => {
      const found = await company.findCall(call);
      expect(found.pipeline.blocked_on).toBe('callrail_recording');
      return found;
    });
    expect(pipeline).toMatchObject({ stage: 'transcribing', reason: 'callrail_unauthorized' });
    await service.admin.patch(`/companies/${company.id}`, { callrail_api_key: API_KEY });
    const done = await company.callIn(call, 'done');
    expect(done.pipeline).toMatchObject({ blocked_on: null, needs_attention: false, reason: null });
  });

  it('never brings a deleted call back', async () => {
    const company = await listedCompany();
    const call = company.call({ answered: false });
    callrail.addCall(call);
    await reconcile();
    const { id } = await company.callIn(call, 'done');
    await company.manager.delete(`/calls/${id}`);
    await reconcile();
    expect(await eventsOf(company, call)).toHaveLength(0);
  });
});

describe('whose a call is', () => {
  it('gives each of two companies of one account its own, and neither what is nobody’s', async () => {
    const first = await listedCompany();
    const second = await listedCompany({ callrail_company_id: null });
    const ofFirst = first.call({ answered: false });
    const ofSecond = second.call({ answered: false });
    const nobodys = second.call({ answered: false, trackingNumber: '+12125550999' });
    for (const call of [ofFirst, ofSecond, nobodys]) callrail.addCall(call);
    await reconcile();
    await first.callIn(ofFirst, 'done');
    await second.callIn(ofSecond, 'done');
    const rows = await service.sql`select company_id from webhook_events
      where provider_call_id in ${service.sql([ofFirst.id, ofSecond.id, nobodys.id])} order by sequence`;
    expect(rows.map((row) => row.company_id).sort()).toEqual([first.id, second.id].sort());
  });

  it('leaves a call with the company that had it before its number moved on', async () => {
    const before = await listedCompany({ callrail_company_id: null });
    const after = await listedCompany({ callrail_company_id: null });
    const call = before.call({ answered: false, recording: '' });
    await before.play(call, ['missed']);
    await before.callIn(call, 'done');
    await service.admin.delete(`/companies/${before.id}/tracking-numbers/${before.trackingNumber}`);
    await service.admin.post(`/companies/${after.id}/tracking-numbers`, { phone_number: before.trackingNumber });
    callrail.addCall({ ...call, recording: recordingLink('booked') });
    await reconcile();
    expect(await eventsOf(after, call)).toHaveLength(0);
  });
});

describe('failures', () => {
  const range = (minutes: number) => {
    const now = Date.now();
    return { from: new Date(now - minutes * MINUTE).toISOString(), to: new Date(now).toISOString() };
  };

  it('one company’s do not stop the others, and are told in its row until it works again', async () => {
    const broken = await listedCompany({ callrail_api_key: 'revoked' });
    const company = await listedCompany();
    const call = company.call({ answered: false });
    callrail.addCall(call);
    expect((await reconcile()).failed).toBe(1);
    await company.callIn(call, 'done');
    expect(await stateOf(broken)).toMatchObject({
      last_error: 'callrail_unauthorized',
      failures: 1,
      reconciled_until: null,
    });
    await service.admin.patch(`/companies/${broken.id}`, { callrail_api_key: API_KEY });
    await reconcile();
    expect(await stateOf(broken)).toMatchObject({ last_error: null, failures: 0 });
    expect((await stateOf(broken))?.reconciled_until).not.toBeNull();
  });

  it('goes on at the page where it failed, and is tried again for what passes by itself', async () => {
    const company = await listedCompany();
    // Three pages, newest first.
    const calls = Array.from({ length: 510 }, (_, index) => company.call({ answered: false }, 60 + index / 10));
    for (const call of calls.slice(1)) callrail.addCall(call);
    const input = { companyId: company.id, ...range(24 * 60) };
    // All but a few are known, so that the test does not feed hundreds.
    await service.sql`insert into call_tombstones (company_id, provider_call_id)
      select ${company.id}, unnest(${calls.slice(1, 505).map(({ id }) => id)}::text[])`;

    const beats: { to: string }[] = [];
    const first = new MockActivityEnvironment({ attempt: 1 });
    first.on('heartbeat', (details) => {
      beats.push(details);
      if (beats.length === 1) callrail.failNext(500);
    });
    await expect(first.run(activities.reconcileCompany, input)).rejects.toMatchObject({
      type: 'ProviderFailure',
      details: [{ code: 'callrail_unavailable' }],
    });
    expect(await stateOf(company)).toMatchObject({ last_error: 'callrail_unavailable' });
    expect(beats).toHaveLength(1);

    callrail.requests.length = 0;
    const second = new MockActivityEnvironment({ attempt: 2, heartbeatDetails: beats[0] });
    expect(await second.run(activities.reconcileCompany, input)).toMatchObject({ fed: 5, failed: null });
    expect(callrail.requests).toHaveLength(2);
    expect(await stateOf(company)).toMatchObject({ last_error: null, fed: 5, reconciled_until: new Date(input.to) });
  });

  it('leaves the account alone for minutes after a 429, for all its companies', async () => {
    const [one, other] = [await listedCompany(), await listedCompany()];
    const run = (company: { id: string }) =>
      new MockActivityEnvironment().run(activities.reconcileCompany, { companyId: company.id, ...range(60) });
    callrail.failNext(429);
    expect(await run(one)).toMatchObject({ failed: 'callrail_rate_limited' });
    callrail.requests.length = 0;
    expect(await run(other)).toMatchObject({ failed: 'callrail_account_busy' });
    expect(callrail.requests).toHaveLength(0);
    const [account] =
      await service.sql`select extract(epoch from blocked_until - now())::int as seconds from callrail_accounts`;
    expect(account?.seconds).toBeGreaterThan(9 * 60);
    await service.sql`update callrail_accounts set blocked_until = now()`;
    expect(await run(other)).toMatchObject({ failed: null });
    const [rested] = await service.sql`select refusals, blocked_until from callrail_accounts`;
    expect(rested).toEqual({ refusals: 0, blocked_until: null });
  });

  it('keeps to half of what CallRail allows in an hour and a day', async () => {
    const company = await listedCompany();
    const run = () =>
      new MockActivityEnvironment().run(activities.reconcileCompany, { companyId: company.id, ...range(60) });
    await run();
    await service.sql`update callrail_accounts set hour_requests = 500`;
    expect(await run()).toMatchObject({ failed: 'callrail_account_busy' });
    await service.sql`update callrail_accounts set hour = hour - interval '1 hour'`;
    expect(await run()).toMatchObject({ failed: null });
    await service.sql`update callrail_accounts set day_requests = 5000`;
    expect(await run()).toMatchObject({ failed: 'callrail_account_busy' });
    await service.sql`update callrail_accounts set day = day - interval '1 day'`;
    expect(await run()).toMatchObject({ failed: null });
  });

  it('looks back from the last success, however long ago that was', async () => {
    const company = await listedCompany();
    await service.sql`insert into callrail_reconciliations (company_id, reconciled_until)
      values (${company.id}, now() - interval '5 days')`;
    const environment = new MockActivityEnvironment();
    const turns = await environment.run(activities.listReconciliations, { lookbackSeconds: 3600 });
    const { companies } = turns as Awaited<ReturnType<ReconciliationActivities['listReconciliations']>>;
    const own = companies.find(({ companyId }) => companyId === company.id);
    const hours = (Date.now() - Date.parse(own?.from ?? '')) / 3_600_000;
    expect(hours).toBeCloseTo(5 * 24 + 1, 1);
  });
});

describe('the Schedule', () => {
  it('is made by the worker, once, and follows the configuration; paused, it stays so', async () => {
    const schedule = service.temporal.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
    expect(await schedule.describe()).toMatchObject({
      policies: { overlap: 'SKIP', catchupWindow: 7_200_000 },
      spec: { intervals: [{ every: 7_200_000 }] },
      action: { workflowType: 'CallRailReconciliation', args: [{ lookbackSeconds: 100_800 }] },
    });
    await schedule.pause('by a person');
    const config = loadConfig({
      env: {
        CALLRAIL_RECONCILE_SECONDS: '600',
        DATA_DIR: '/nowhere',
        DATABASE_URL: 'postgres://x/x',
        TEMPORAL_ADDRESS: '127.0.0.1:9',
      },
    });
    await ensureReconciliationSchedule(service.temporal, config);
    await ensureReconciliationSchedule(service.temporal, config);
    expect(await schedule.describe()).toMatchObject({
      spec: { intervals: [{ every: 600_000 }] },
      state: { paused: true, note: 'by a person' },
    });
    await schedule.unpause();
  });

  it('leaves no number, name, link or key in its histories', async () => {
    const company = await listedCompany();
    const call = company.call({ recording: recordingLink('booked') });
    callrail.addCall(call);
    await reconcile();
    const { info } = await service.temporal.schedule.getHandle(RECONCILIATION_SCHEDULE_ID).describe();
    const action = info.recentActions.at(-1)?.action;
    if (action?.type !== 'startWorkflow') throw new Error('no workflow was started');
    const history = await service.temporal.workflow.getHandle(action.workflow.workflowId).fetchHistory();
    const text = JSON.stringify(history);
    const payloads = text.replace(/"data":"([^"]+)"/g, (_, data) => Buffer.from(data, 'base64').toString('utf8'));
    expect(payloads).toContain(company.id);
    for (const secret of [API_KEY, call.customerNumber, call.customerNumber.slice(2), call.recording, 'Whitfield'])
      expect(payloads).not.toContain(secret);
  });
});

describe('backfill', () => {
  function startBackfill(args: string[]) {
    const child: ChildProcess = spawn(process.execPath, [RUNNER, 'src/backfill.ts', ...args], {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: process.env.HOME ?? '',
        DATABASE_URL: service.databaseUrl,
        CALLRAIL_BASE_URL: callrail.baseUrl,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(child, 'exit').then(([code]) => code as number | null);
    return { child, ended, output: () => Buffer.concat(chunks).toString('utf8') };
  }

  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

  it('feeds old calls, slowly; stopped by Ctrl-C it goes on where it was, and a repeat finds nothing to do', async () => {
    const company = await listedCompany({ time_zone: 'UTC' });
    const calls = Array.from({ length: 260 }, (_, index) => company.call({ answered: false }, 40 * 1440 + index));
    for (const call of calls) callrail.addCall(call);
    callrail.addCall(company.call({ answered: false }, 60 * 1440));
    // The first page is known but for three calls; the second page has ten, all unknown.
    await service.sql`insert into call_tombstones (company_id, provider_call_id)
      select ${company.id}, unnest(${calls.slice(3, 250).map(({ id }) => id)}::text[])`;
    const args = ['--company', company.id, '--from', daysAgo(42), '--to', daysAgo(39), '--per-second', '4'];

    const first = startBackfill(args);
    await eventually(async () => {
      const [row] = await service.sql`select listed, fed from callrail_backfills where company_id = ${company.id}`;
      expect(row).toEqual({ listed: 250, fed: 3 });
    });
    await eventually(async () => {
      const [row] = await service.sql`select count(*)::int as fed from webhook_events where company_id = ${company.id}`;
      expect(row?.fed).toBeGreaterThan(3);
    });
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(130);
    expect(first.output()).toMatch(/250 listed {2}3 fed[\s\S]*goes on from here/);

    const startedAt = Date.now();
    callrail.requests.length = 0;
    const second = startBackfill(args);
    expect(await second.ended, second.output()).toBe(0);
    expect(second.output()).toMatch(/finished: \d+ calls listed, \d+ fed/);
    // The page it had finished is not read again, and the rest comes at the pace that was asked for.
    expect(callrail.requests).toHaveLength(1);
    const fed = await service.sql`select provider_call_id from webhook_events where company_id = ${company.id}`;
    expect(new Set(fed.map((row) => row.provider_call_id)).size).toBe(13);
    expect(Date.now() - startedAt).toBeGreaterThan(1500);

    const third = startBackfill(args);
    expect(await third.ended).toBe(0);
    expect(third.output()).toContain('finished before');
    for (const call of calls.slice(250)) await company.callIn(call, 'done');
  });

  it('says in a line what is wrong with the command', async () => {
    for (const [args, problem] of [
      [['--company', 'none', '--from', '2026-01-01', '--to', '2026-01-02'], 'no such company'],
      [['--company', 'x', '--from', '2026-01-03', '--to', '2026-01-02'], '--from must not be after --to'],
      [['--company', 'x', '--from', '2026-02-31', '--to', '2026-03-02'], '--from must be a day'],
    ] as const) {
      const run = startBackfill([...args]);
      expect(await run.ended).toBe(1);
      expect(run.output()).toContain(problem);
      expect(run.output()).toContain('usage: npm run backfill');
    }
  });
});
