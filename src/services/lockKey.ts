import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';

/** Takes a lock of this name, which no row stands for, until the transaction ends. */
export async function lockKey(tx: Transaction, ...name: string[]): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify(name)}, 0))`);
}
