/** Fills of old rows that go on where the last step ended. A migration begins one with its row; its end takes the row away. */
import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';

/** What a step has filled: how many, and the place of the last; null where nothing was left. */
export type FilledBatch = { count: number; last: string | null };

/**
 * One step of a fill, in a transaction; whoever comes second waits for the next time.
 * @param fill fills some rows after a place, which is '' at first
 * @returns how many were filled
 */
export async function continueFill(
  db: Database,
  name: string,
  fill: (tx: Transaction, position: string) => Promise<FilledBatch | undefined>,
): Promise<number> {
  return db.transaction(async (tx) => {
    const [unfinished] = await tx.execute<{ position: string }>(
      sql`select position from unfinished_fills where name = ${name} for update skip locked`,
    );
    if (!unfinished) return 0;
    const batch = await fill(tx, unfinished.position);
    if (!batch || batch.last === null) await tx.execute(sql`delete from unfinished_fills where name = ${name}`);
    else await tx.execute(sql`update unfinished_fills set position = ${batch.last} where name = ${name}`);
    return batch?.count ?? 0;
  });
}
