import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Queryable } from './client.ts';

const dialect = new PgDialect();

/**
 * Runs a statement that is prepared from its first time on; its text must not vary with its values. Inside of a
 * transaction it is one like all others.
 */
export async function executePrepared<Row>(db: Queryable, statement: SQL): Promise<Row[]> {
  if (!('$client' in db)) return [...(await db.execute(statement))] as Row[];
  const { sql, params } = dialect.sqlToQuery(statement);
  return [...(await db.$client.unsafe(sql, params as string[], { prepare: true }))] as Row[];
}
