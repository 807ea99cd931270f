import { sql } from 'drizzle-orm';
import type { Queryable } from './client.ts';

/** Takes a lock of this name, which no row stands for, until the transaction ends; whoever takes the same name waits. */
export async function lockKey(tx: Queryable, ...name: string[]): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify(name)}, 0))`);
}
