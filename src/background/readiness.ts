/** Whether the service can do its work: for start-up scripts and operators. Traffic is routed by /healthz. */
import { readFileSync } from 'node:fs';
import type { Connection } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { writeFailure } from '../db/errors.ts';
import { workerHeartbeats } from '../db/schema/index.ts';
import { kept } from '../runtime/kept.ts';
import type { Readiness } from '../runtime/readiness.ts';
import { missingSearchAttributes } from '../temporal/searchAttributes.ts';

/** A worker writes one this often … */
export const HEARTBEAT_SECONDS = 5;
/** … and counts as gone after this: Temporal itself lists a killed one for five minutes more. */
const STALE_SECONDS = 15;
const PART_TIMEOUT_MS = 3000;
/** Whoever asks more often gets the same answer. */
const KEPT_MS = 1000;
const WRITES_KEPT_MS = 10_000;
const PROVIDERS_KEPT_MS = 15_000;

/**
 * Asks every part, each within three seconds, and says what is wrong with those that fail. Providers are told of, but a
 * service without them is ready: it takes webhooks and keeps what waits.
 */
export function createReadiness(deps: {
  db: Database;
  /** Its requests must end by themselves: nobody waits for them for more than three seconds. */
  connection: Connection;
  config: Config;
  /** What is told and does not count, by name: each says what is wrong, or nothing. */
  informative?: Record<string, () => Promise<string | undefined>>;
}): () => Promise<Readiness> {
  const { db, connection, config, informative = {} } = deps;
  const canWrite = kept(WRITES_KEPT_MS, () => probeWrite(db));
  const checks: Record<string, () => Promise<string | undefined>> = {
    database: async () => {
      await db.execute(sql`select 1`);
      return undefined;
    },
    writes: canWrite,
    migrations: async () => {
      const [row] = await db.execute<{ applied: number }>(
        sql`select count(*)::int as applied from drizzle.__drizzle_migrations`,
      );
      const missing = migrationCount() - (row?.applied ?? 0);
      return missing > 0 ? `${missing} migration(s) are not applied: run npm run migrate` : undefined;
    },
    temporal: async () => {
      const { namespace } = config.temporal;
      const missing = await missingSearchAttributes(connection, namespace);
      return missing.length > 0
        ? `search attributes missing: ${missing.join(', ')}: run npm run migrate, or add them in Temporal`
        : undefined;
    },
    worker: async () => {
      const { taskQueue } = config.temporal;
      const [row] = await db
        .select({ alive: sql<number>`count(*)::int` })
        .from(workerHeartbeats)
        .where(
          sql`${workerHeartbeats.taskQueue} = ${taskQueue} and ${workerHeartbeats.beatAt} > now() - make_interval(secs => ${STALE_SECONDS})`,
        );
      return row?.alive ? undefined : `no worker polls the task queue ${taskQueue}`;
    },
  };
  const keptChecks = Object.entries(informative).map(([name, check]) => [name, kept(PROVIDERS_KEPT_MS, check)]);
  const providers: typeof checks = Object.fromEntries(keptChecks);
  return kept(KEPT_MS, async () => {
    const [required, others] = await Promise.all([askAll(checks), askAll(providers)]);
    const told = Object.entries(others).map(([name, part]) => [name, { ...part, informative: true }]);
    const parts = { ...required, ...Object.fromEntries(told) };
    return { ready: Object.values(required).every((part) => part.ok), parts };
  });
}

type Part = Awaited<ReturnType<typeof outcome>>;

const askAll = async (checks: Record<string, () => Promise<string | undefined>>): Promise<Record<string, Part>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await outcome(check)] as const)),
  );

/**
 * Whether a commit that needs new space on the disk goes through: a full disk, or a server that only reads, answers every
 * query as ever. A temporary table of this transaction takes space and leaves none taken.
 */
async function probeWrite(db: Database): Promise<string | undefined> {
  try {
    await db.transaction((tx) =>
      tx.execute(sql`create temporary table write_probe on commit drop as select repeat('x', 100) as text`),
    );
    return undefined;
  } catch (error) {
    return writeFailure(error);
  }
}

async function outcome(check: () => Promise<string | undefined>): Promise<{ ok: boolean; reason?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('does not answer'), PART_TIMEOUT_MS);
  });
  try {
    const reason = await Promise.race([check(), late]);
    return reason ? { ok: false, reason } : { ok: true };
  } catch {
    // The error itself may carry SQL; which part it is says enough.
    return { ok: false, reason: 'cannot be reached' };
  } finally {
    clearTimeout(timer);
  }
}

/** Migrations this code comes with. */
function migrationCount(): number {
  const journal = new URL('../../drizzle/meta/_journal.json', import.meta.url);
  return (JSON.parse(readFileSync(journal, 'utf8')) as { entries: unknown[] }).entries.length;
}
