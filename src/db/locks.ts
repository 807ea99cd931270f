/** Locks that no row stands for, by name. They end with the transaction. */
import { type SQL, sql } from 'drizzle-orm';
import type { Queryable, Transaction } from './client.ts';

/** Takes the lock of this name; whoever takes the same name waits. */
export const lockKey = (tx: Queryable, ...name: string[]): Promise<void> => takeLock(tx, locking(...name));

/** Takes a lock that `locking` made. */
export async function takeLock(tx: Queryable, lock: SQL): Promise<void> {
  await tx.execute(sql`select ${lock}`);
}

/** The same for a statement that does something else as well: whatever comes after it sees what others did under the lock. */
export const locking = (...name: string[]): SQL => sql`pg_advisory_xact_lock(${keyOf(name)})`;

/** Takes the lock of this name unless somebody has it. @returns whether it was free */
export async function tryLockKey(tx: Transaction, ...name: string[]): Promise<boolean> {
  const [lock] = await tx.execute<{ taken: boolean }>(sql`select pg_try_advisory_xact_lock(${keyOf(name)}) as taken`);
  return lock?.taken ?? false;
}

const keyOf = (name: readonly string[]): SQL => sql`hashtextextended(${JSON.stringify(name)}, 0)`;
