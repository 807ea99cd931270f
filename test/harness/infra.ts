import { randomBytes } from 'node:crypto';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import { inject } from 'vitest';
import { waitUntil } from '../../dev/local/processes.ts';
import { ensureSearchAttributes } from '../../src/temporal/searchAttributes.ts';

const uniqueName = () => `t_${randomBytes(6).toString('hex')}`;

/**
 * A fresh migrated database of the suite's own, copied from a template: some 100 ms.
 * @param settings of Postgres, for every session in it
 */
export async function createTestDatabase(
  settings: Record<string, string> = {},
): Promise<{ databaseUrl: string; drop(): Promise<void> }> {
  const { databaseUrl, templateDatabase } = inject('servers');
  const name = uniqueName();
  // As files: page by page through the log it takes twice the processor time.
  await asAdmin(
    databaseUrl,
    (sql) => sql`create database ${sql(name)} template ${sql(templateDatabase)} strategy file_copy`,
  );
  for (const [setting, value] of Object.entries(settings))
    await asAdmin(databaseUrl, (sql) => sql.unsafe(`alter database ${name} set ${setting} = '${value}'`));
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return {
    databaseUrl: url.href,
    drop: () => asAdmin(databaseUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`),
  };
}

/** A fresh namespace with our search attributes, so that suites never see each other's workflows. */
export async function createTestNamespace(): Promise<{ address: string; namespace: string; uiUrl: string }> {
  const { temporalAddress, temporalUiUrl } = inject('servers');
  const namespace = uniqueName();
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    const workflowExecutionRetentionPeriod = { seconds: (2 * 86_400) as never };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    // The server's parts learn of a namespace one after the other.
    let lastError: unknown;
    const isThere = () =>
      ensureSearchAttributes(connection, namespace).then(
        () => true,
        (error) => {
          lastError = error;
          return false;
        },
      );
    if (!(await waitUntil(isThere, 30))) throw lastError;
  } finally {
    await connection.close();
  }
  return { address: temporalAddress, namespace, uiUrl: temporalUiUrl };
}

async function asAdmin(databaseUrl: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
