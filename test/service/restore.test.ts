/**
 * Restores: Postgres older than Temporal and Shunya, Temporal lost, Temporal older, both older. Whatever CallRail still lists
 * ends analyzed by itself. A dump is a copy of the database, or of the Temporal server's file, as it was at one moment.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { freePort } from '../../dev/local/processes.ts';
import { startTemporal } from '../../dev/local/temporal.ts';
import { type CallRailApi, newResourceId, type SimulatedCall, startCallRailApi } from '../../simulators/callrail.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { sweepOnce } from '../../src/services/pipelines/sweep.ts';
import { ensureSearchAttributes } from '../../src/temporal/searchAttributes.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

// Servers stop and start several times.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 180_000 });

const ACCOUNT = { apiKey: 'a key of the CallRail API', accountId: newResourceId('ACC') };
const COMPANY_RESOURCE = newResourceId('COM');
const NAMESPACE = 'default';
const TEMPORAL_FILES = ['temporal.db', 'temporal.db-wal', 'temporal.db-shm'];

let callrail: CallRailApi;
let temporal: Awaited<ReturnType<typeof startOwnTemporal>>;
let service: Service;
let company: TestCompany;
/** As the dumps of Postgres and of Temporal know them, which are of the same moment; both are done since. */
let doneAtDump: SimulatedCall;
let underWayAtDump: SimulatedCall;

/** A Temporal server of this file's own, whose data can be copied, lost and put back. */
async function startOwnTemporal() {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-restore-'));
  const copyDir = path.join(dataDir, 'copy');
  const [port, uiPort] = [await freePort(), await freePort()];
  const address = `127.0.0.1:${port}`;
  const start = async () => {
    const part = await startTemporal({ dataDir, port, uiPort, namespace: NAMESPACE });
    // What `npm run migrate` does.
    const connection = await Connection.connect({ address });
    await ensureSearchAttributes(connection, NAMESPACE);
    await connection.close();
    return part;
  };
  const copy = (from: string, to: string) => {
    mkdirSync(to, { recursive: true });
    for (const file of TEMPORAL_FILES) {
      rmSync(path.join(to, file), { force: true });
      if (existsSync(path.join(from, file))) cpSync(path.join(from, file), path.join(to, file));
    }
  };
  let running = await start();
  const whileStopped = async (work: () => void) => {
    await running.stop();
    work();
    running = await start();
  };
  return {
    address,
    dump: () => whileStopped(() => copy(dataDir, copyDir)),
    restore: () => whileStopped(() => copy(copyDir, dataDir)),
    lose: () =>
      whileStopped(() => {
        for (const file of TEMPORAL_FILES) rmSync(path.join(dataDir, file), { force: true });
      }),
    async stop() {
      await running.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Runs while neither the API nor the worker does, and nobody is connected to the database. */
async function whileDown(work: (admin: postgres.Sql, database: string) => Promise<unknown>): Promise<void> {
  await Promise.all([service.api.stop(), service.worker.stop()]);
  const database = new URL(service.databaseUrl).pathname.slice(1);
  const admin = postgres(inject('servers').databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database}`;
    await work(admin, database);
  } finally {
    await admin.end({ timeout: 5 });
  }
  service.api.start();
  service.worker.start();
  await service.untilReady();
}

const dumpPostgres = async (admin: postgres.Sql, database: string) => {
  await admin`drop database if exists ${admin(`${database}_dump`)} with (force)`;
  await admin`create database ${admin(`${database}_dump`)} template ${admin(database)}`;
};
const restorePostgres = async (admin: postgres.Sql, database: string) => {
  await admin`drop database ${admin(database)} with (force)`;
  await admin`create database ${admin(database)} template ${admin(`${database}_dump`)}`;
};

beforeAll(async () => {
  [callrail, temporal] = await Promise.all([startCallRailApi(ACCOUNT), startOwnTemporal()]);
  service = await startService({
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: NAMESPACE,
    CALLRAIL_BASE_URL: callrail.baseUrl,
    // Often enough; what it costs is missing elsewhere.
    CALLRAIL_RECONCILE_SECONDS: '4',
    RECORDING_HOSTS: '127.0.0.1,s3.amazonaws.com,*.s3.amazonaws.com',
    SHUNYA_POLL_SECONDS: '1',
  });
  company = await service.company({
    callrail_account_id: ACCOUNT.accountId,
    callrail_api_key: ACCOUNT.apiKey,
    callrail_company_id: COMPANY_RESOURCE,
  });
  doneAtDump = await listedCall('booked');
  await company.callIn(doneAtDump, 'done');
  const underWay = await heldCall();
  underWayAtDump = underWay.call;
  await whileDown(async (admin, database) => {
    await dumpPostgres(admin, database);
    await temporal.dump();
  });
  await underWay.finish();
  await company.callIn(underWayAtDump, 'done');
});
afterAll(async () => {
  if (service) {
    const admin = postgres(inject('servers').databaseUrl, { max: 1, onnotice: () => {} });
    await admin`drop database if exists ${admin(`${new URL(service.databaseUrl).pathname.slice(1)}_dump`)}`;
    await admin.end();
  }
  await service?.stop();
  await callrail?.stop();
  await temporal?.stop();
});

/** A call that CallRail lists from now on, and whose webhooks have come. */
async function listedCall(words: string): Promise<SimulatedCall> {
  const call = company.simulate({ companyResourceId: COMPANY_RESOURCE, recording: recordingLink(words) });
  callrail.addCall(call);
  await company.play(call);
  return call;
}

/** A call whose transcription Shunya does not finish until it is told to. */
async function heldCall() {
  const removeFault = await service.shunya.fault({ type: 'job_never_answers', match: 'held-', times: 1 });
  const call = await listedCall('booked-held');
  const job = await eventually(async () => {
    const [job] = await company.jobs(call);
    if (!job?.task_id) throw new Error('not submitted yet');
    return job;
  });
  await removeFault();
  return { call, finish: () => service.shunya.finish(job.task_id as string) };
}

/** All of them analyzed and done; the sweep that runs by itself is run here with short times. */
async function expectDone(calls: SimulatedCall[]): Promise<void> {
  const env = { DATA_DIR: tmpdir(), DATABASE_URL: service.databaseUrl };
  const { db, close } = openDatabase(service.databaseUrl, { max: 1 });
  const times = { marginSeconds: 5, quietSeconds: 2, ringEverySeconds: 5, since: new Date(0) };
  try {
    await eventually(async () => {
      await sweepOnce(db, loadConfig({ env }), times);
      const stages = await service.sql`
        select provider_call_id as id, stage, reason, blocked_on from calls
        where company_id = ${company.id} and stage in ('done', 'not_analyzable', 'failed') is distinct from true`;
      expect([...stages]).toEqual([]);
      for (const call of calls) {
        const { pipeline, analysis } = await company.findCall(call);
        expect([call.id, pipeline.stage, pipeline.needs_attention, analysis?.booking_status]).toEqual([
          call.id,
          'done',
          false,
          'booked',
        ]);
      }
    }, 120);
    for (const call of calls) {
      const { contact } = await company.findCall(call);
      expect((await company.manager.get(`/contacts/${contact.id}`)).appointments).toHaveLength(1);
    }
  } finally {
    await close();
  }
}

/** One call is done and one is under way when this happens; both, those of the dump and one that comes after it end as they should. */
async function expectSurvived(happens: (admin: postgres.Sql, database: string) => Promise<unknown>): Promise<void> {
  const done = await listedCall('booked');
  await company.callIn(done, 'done');
  const underWay = await heldCall();
  await whileDown(happens);
  await underWay.finish();
  const after = await listedCall('booked');
  await expectDone([doneAtDump, underWayAtDump, done, underWay.call, after]);
}

it('brings every call to its end when Postgres is restored and all else is newer', () =>
  expectSurvived(restorePostgres));

it('brings every call to its end when Temporal has lost all it had', () => expectSurvived(() => temporal.lose()));

it('brings every call to its end when Temporal is restored and all else is newer', () =>
  expectSurvived(() => temporal.restore()));

it('brings every call to its end when Postgres and Temporal are restored and CallRail and Shunya are newer', () =>
  expectSurvived(async (admin, database) => {
    await restorePostgres(admin, database);
    await temporal.restore();
  }));
