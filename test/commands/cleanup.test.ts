/** `npm run cleanup` removes all of one company, in Postgres and in Temporal, and nothing of another. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { auditLog, callTombstones, idempotencyKeys, shunyaJobs, webhookEvents } from '../../src/db/schema/index.ts';
import { COMPANY_TABLES } from '../../src/services/companies/delete.ts';
import { callAttributes } from '../../src/workflows/contracts.ts';
import { createTestDatabase, createTestNamespace } from '../harness/infra.ts';
import { eventually } from '../harness/poll.ts';
import { makeCompany } from '../harness/rows.ts';

const RUNNER = path.resolve('dev/run.mjs');

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let temporalServer: Awaited<ReturnType<typeof createTestNamespace>>;
let sql: postgres.Sql;
let connection: Connection;
let client: Client;
let dataDir: string;

beforeAll(async () => {
  [database, temporalServer] = await Promise.all([createTestDatabase(), createTestNamespace()]);
  sql = postgres(database.databaseUrl, { max: 2, onnotice: () => {} });
  connection = await Connection.connect({ address: temporalServer.address });
  client = new Client({ connection, namespace: temporalServer.namespace });
  dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-cleanup-'));
});

afterAll(async () => {
  await connection?.close();
  await sql?.end({ timeout: 5 });
  await database?.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The command as an operator runs it, without a terminal to be asked on. */
async function cleanup(...args: string[]): Promise<{ code: number; output: string }> {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    DATA_DIR: dataDir,
    DATABASE_URL: database.databaseUrl,
    TEMPORAL_ADDRESS: temporalServer.address,
    TEMPORAL_NAMESPACE: temporalServer.namespace,
  };
  try {
    const child = promisify(execFile)(process.execPath, [RUNNER, 'dev/cleanup.ts', ...args], { env, cwd: dataDir });
    child.child.stdin?.end();
    const { stdout, stderr } = await child;
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

/** A company with rows wherever the pipeline leaves some, and a running workflow. */
async function companyWithData(isDemo: boolean): Promise<string> {
  const { db, close } = openDatabase(database.databaseUrl, { max: 2 });
  const company = await makeCompany(db, { isDemo, callrailSigningKeys: ['key'] });
  const { companyId } = company;
  await company.user('rep', 'sales_rep');
  const call = await company.call();
  await company.run(call.id, { state: 'applied' });
  await company.transcript(call.id, 'hello');
  await company.analysis(call.id);
  const appointmentId = await company.appointment({ callId: call.id, contactId: call.contactId, leadId: call.leadId });
  await company.visitAnalysis(await company.visit(appointmentId));
  const shunyaCallId = Math.floor(Math.random() * 2 ** 50);
  const event = { source: 'callrail', route: 'call.completed', body: Buffer.from(companyId), bodySha256: companyId };
  await db.insert(webhookEvents).values([
    { ...event, source: 'callrail', id: `event-${companyId}`, companyId, status: 'applied' },
    // Never matched, so it names no company, only a job of this one.
    { ...event, source: 'shunya', id: `stray-${companyId}`, route: 'job', status: 'unrouted', shunyaCallId },
  ]);
  await db.insert(shunyaJobs).values({
    id: `job-${companyId}`,
    companyId,
    subjectKind: 'call',
    subjectId: call.id,
    generation: 1,
    kind: 'analysis',
    state: 'submitted',
    idempotencyKey: `key-${companyId}`,
    shunyaCallId,
  });
  const audit = { id: `audit-${companyId}`, actorId: 'a', actorRole: 'admin', action: 'company.create' };
  await db.insert(auditLog).values({ ...audit, companyId, subjectKind: 'company', subjectId: companyId });
  await db.insert(idempotencyKeys).values({ companyId, userId: 'u', route: 'r', key: 'k', bodySha256: 's' });
  await db.insert(callTombstones).values({ companyId, providerCallId: 'CALgone' });
  await sql`insert into tracking_numbers (phone_number, company_id) values (${`+1${String(Math.random()).slice(2, 12)}`}, ${companyId})`;
  await close();

  // No worker polls this queue: it stays running.
  await client.workflow.start('CallLifecycle', {
    workflowId: `call:${companyId}:CAL1`,
    taskQueue: 'nobody',
    args: [],
    typedSearchAttributes: callAttributes(companyId, call.id),
  });
  await eventually(async () => expect(await countRunning(companyId)).toBe(1));
  return companyId;
}

const countRunning = async (companyId: string): Promise<number> =>
  (await client.workflow.count(`CompanyId = '${companyId}' and ExecutionStatus = 'Running'`)).count;

/** Rows of a company in every table of the database that has a company in it, by the database's own catalogue. */
async function rowsOf(companyId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { table_name: table, column_name: column } of await companyColumns()) {
    const [row] = await sql`select count(*)::int as rows from ${sql(table)} where ${sql(column)} = ${companyId}`;
    counts[table] = row?.rows ?? 0;
  }
  return counts;
}

const companyColumns = () => sql<{ table_name: string; column_name: string }[]>`
  select table_name, column_name from information_schema.columns
  where table_schema = 'public' and (column_name = 'company_id' or (table_name, column_name) = ('companies', 'id'))`;

const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);

it('knows every table that has a company in it', async () => {
  const inDatabase = (await companyColumns()).map(({ table_name: table }) => table);
  expect(COMPANY_TABLES.map(({ name }) => name).sort()).toEqual(inDatabase.sort());
});

it('refuses without --yes where nobody can be asked, and changes nothing in a dry run', async () => {
  const companyId = await companyWithData(false);
  const before = await rowsOf(companyId);

  const refused = await cleanup('--company', companyId);
  expect(refused.code).toBe(1);
  expect(refused.output).toContain('--yes');

  const dry = await cleanup('--company', companyId, '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.output).toMatch(/^ {2}calls +1$/m);
  expect(dry.output).toMatch(/^ {2}webhook_events +2$/m);
  expect(dry.output).toMatch(/^ {2}workflows, running +1$/m);
  expect(await rowsOf(companyId)).toEqual(before);
  expect(await countRunning(companyId)).toBe(1);
});

it('removes a company from every table and from Temporal, leaves the others, and can be repeated', async () => {
  const [gone, stays] = [await companyWithData(false), await companyWithData(false)];
  const before = await rowsOf(stays);
  expect(total(before)).toBeGreaterThan(10);

  expect(await cleanup('--company', gone, '--yes')).toMatchObject({ code: 0 });
  expect(total(await rowsOf(gone))).toBe(0);
  expect(await sql`select 1 from webhook_events where id = ${`stray-${gone}`}`).toHaveLength(0);
  await eventually(async () => expect(await countRunning(gone)).toBe(0));

  expect(await rowsOf(stays)).toEqual(before);
  expect(await sql`select 1 from webhook_events where id = ${`stray-${stays}`}`).toHaveLength(1);
  const description = await client.workflow.getHandle(`call:${stays}:CAL1`).describe();
  expect(description.status.name).toBe('RUNNING');

  // Temporal takes its time to forget closed workflows; there is nothing else left to remove.
  const again = await cleanup('--company', gone, '--yes');
  expect(again.code).toBe(0);
  expect(again.output).toMatch(/^Nothing to remove\.$|: 0 rows\./m);
});

it('removes demo companies, and only those, with --demo', async () => {
  const [demo, real] = [await companyWithData(true), await companyWithData(false)];
  const before = await rowsOf(real);
  expect(await cleanup('--demo', '--yes')).toMatchObject({ code: 0 });
  expect(total(await rowsOf(demo))).toBe(0);
  expect(await rowsOf(real)).toEqual(before);
});
