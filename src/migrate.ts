import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Connection } from '@temporalio/client';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { readCommandLine } from './config/commandLine.ts';
import { type Config, loadConfigOrExit } from './config/config.ts';
import { createLogger, errorFields } from './runtime/telemetry.ts';
import { clientConnectionOptions, createClient } from './temporal/connect.ts';
import { endFormerWorkflows } from './temporal/formerWorkflows.ts';
import { ensureSearchAttributes, SearchAttributesRefusedError } from './temporal/searchAttributes.ts';

/** Any number will do as long as nobody else in this database uses it. */
const MIGRATION_LOCK_KEY = 7_302_116;

/** Both `src/` and `dist/` lie beside `drizzle/`. */
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../drizzle', import.meta.url));

/** Brings the database to the newest schema. Several processes may do this at once: one works, the others wait. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  // Without a journal there is nothing to apply; drizzle would throw.
  if (!existsSync(path.join(MIGRATIONS_FOLDER, 'meta', '_journal.json'))) return;
  // One connection: an advisory lock belongs to its session.
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK_KEY})`;
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS_FOLDER });
  } finally {
    // Closing the session gives the lock back.
    await sql.end({ timeout: 5 });
  }
}

/** Adds our search attributes to the configured namespace. */
export async function registerSearchAttributes(config: Config): Promise<void> {
  const connection = await Connection.connect(clientConnectionOptions(config));
  try {
    await ensureSearchAttributes(connection, config.temporal.namespace);
  } finally {
    await connection.close();
  }
}

/** Ends pipelines of a form that the workflow code of this release cannot go on with; they start again from their rows. */
export async function endFormerPipelines(config: Config): Promise<void> {
  const { client, connection } = createClient(config);
  try {
    await endFormerWorkflows(client);
  } finally {
    await connection.close();
  }
}

async function main(): Promise<void> {
  readCommandLine('usage: npm run migrate, without options: it brings DATABASE_URL and Temporal up to date', {});
  const config = loadConfigOrExit({ needs: ['database', 'temporal'] });
  const logger = createLogger(config, 'migrate');
  for (const [step, work] of [
    ['database migrations', () => migrateDatabase(config.databaseUrl)],
    ['search attributes', () => registerSearchAttributes(config)],
    ['workflows of an earlier form', () => endFormerPipelines(config)],
  ] as const) {
    try {
      await work();
      logger.info({ step }, 'up to date');
    } catch (error) {
      const hint = error instanceof SearchAttributesRefusedError ? error.message : 'failed';
      logger.error({ step, ...errorFields(error) }, hint);
      process.exitCode = 1;
      return;
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
