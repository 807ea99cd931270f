/** Writes that share a statement: a round trip and a snapshot for all of them. */
import { type SQLWrapper, sql } from 'drizzle-orm';
import type { Queryable } from './client.ts';

/**
 * A write that is not sent yet: await it to send it alone. It sees the rows as they were before the statement that sends it, so
 * no two of one statement may write the same row, or read what the other writes. Foreign keys are checked at its end.
 * What makes one is called by its -ing (`movingLead`); what writes at once is not (`moveLead`).
 */
export type Write = SQLWrapper & PromiseLike<unknown>;

/** Writes as parts of another statement: `tx.with(...alongside(tx, writes)).insert(…)`. */
export const alongside = (tx: Queryable, writes: readonly Write[]) =>
  writes.map((write, index) => tx.$with(`write_${index + 1}`, {}).as(write.getSQL()));

/** Sends writes as one statement. */
export async function writeTogether(tx: Queryable, writes: readonly Write[]): Promise<void> {
  if (writes.length === 0) return;
  const parts = writes.map((write, index) => sql`${sql.identifier(`write_${index + 1}`)} as (${write.getSQL()})`);
  await tx.execute(sql`with ${sql.join(parts, sql`, `)} select`);
}
