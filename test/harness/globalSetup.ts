import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../dev/local/postgres.ts';
import { freePort } from '../../dev/local/processes.ts';
import { startTemporal } from '../../dev/local/temporal.ts';
import { migrateDatabase } from '../../src/migrate.ts';
import { buildService } from './build.ts';
import { LOG_LINE_PREFIX } from './statements.ts';

/** What the servers started for the tests are called; see infra.ts for how a test uses them. */
export interface TestServers {
  databaseUrl: string;
  /** A migrated database that is only copied from. */
  templateDatabase: string;
  temporalAddress: string;
  temporalUiUrl: string;
  /** For files; removed at the end. */
  dataDir: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: TestServers;
    /** The folder that has the built service; only where tests start it. */
    built: string;
  }
}

const TEMPLATE_DATABASE = 'callwright_template';

/** Runs once for each project that has files in this run. The servers are started by the first, for all. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { servers, built } = project.vitest.getProvidedContext();
  if (!servers) return startServers(project);
  if (startsTheService(project) && !built) project.vitest.provide('built', await buildService(servers.dataDir));
  return async () => {};
}

const startsTheService = ({ name }: TestProject) => name !== 'api';

/** Starts one Postgres and one Temporal server, in a folder of their own, and builds the service beside. */
async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-test-'));
  const port = await freePort();
  const temporalPort = await freePort();
  const uiPort = await freePort();
  const databaseUrl = `postgres://callwright:test@127.0.0.1:${port}/callwright`;
  const progress = (line: string) => void process.stderr.write(`${line}\n`);

  // The data is thrown away, so it need not reach the disk, and its password need not be hard to guess.
  const unsafe = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', scram_iterations: '1' };
  // Whose statements a log holds, for who counts them: see statements.ts.
  const settings = { ...unsafe, log_line_prefix: LOG_LINE_PREFIX };
  const postgresPart = startPostgres({ dataDir, port, databaseUrl, settings });
  const pragmas = ['journal_mode=MEMORY', 'synchronous=OFF'];
  // Temporal's garbage may grow, also in servers that tests start: a fifth of its processor time is for finding it.
  process.env.GOGC = '400';
  const temporalPart = startTemporal({ dataDir, port: temporalPort, uiPort, namespace: 'default', pragmas, progress });
  const teardown = async () => {
    const parts = await Promise.allSettled([postgresPart, temporalPart]);
    await Promise.all(parts.map((part) => (part.status === 'fulfilled' ? part.value.stop() : undefined)));
    rmSync(dataDir, { recursive: true, force: true });
  };
  const steps = await Promise.allSettled([
    postgresPart.then(() => makeTemplate(databaseUrl)),
    temporalPart,
    startsTheService(project) ? buildService(dataDir) : undefined,
  ]);
  const [, , built] = steps;
  const failed = steps.find((step) => step.status === 'rejected');
  if (failed) {
    await teardown();
    throw failed.reason;
  }
  project.vitest.provide('servers', {
    databaseUrl,
    templateDatabase: TEMPLATE_DATABASE,
    temporalAddress: `127.0.0.1:${temporalPort}`,
    temporalUiUrl: `http://127.0.0.1:${uiPort}`,
    dataDir,
  });
  if (built.status === 'fulfilled' && built.value) project.vitest.provide('built', built.value);
  return teardown;
}

async function makeTemplate(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  // Stored when the data was made, with more rounds.
  const { username, password } = new URL(databaseUrl);
  await sql.unsafe(`alter role ${username} password '${password}'`);
  await sql`create database ${sql(TEMPLATE_DATABASE)}`;
  await sql.end();
  const template = new URL(databaseUrl);
  template.pathname = `/${TEMPLATE_DATABASE}`;
  await migrateDatabase(template.href);
}
