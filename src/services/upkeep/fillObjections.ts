/** Makes calls that are older than the table of objections findable by them. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';

const BATCH_CALLS = 500;

/** Fills the objections of some calls; whoever comes second waits for the next time. @returns of how many calls */
export async function fillObjections(db: Database): Promise<number> {
  return db.transaction(async (tx) => {
    const [fill] = await tx.execute<{ position: string }>(
      sql`select position from unfinished_fills where name = 'call_objections' for update skip locked`,
    );
    if (!fill) return 0;
    const [batch] = await tx.execute<{ count: number; last: string | null }>(sql`
      with batch as materialized (select id from calls where id > ${fill.position} order by id limit ${BATCH_CALLS}),
        kept as materialized (
          select keep_call_objections(id) from batch where exists (select 1 from call_analyses where call_id = batch.id)
        )
      select (select count(*)::int from batch) as count, (select max(id) from batch) as last, (select count(*) from kept) as kept`);
    if (!batch || batch.last === null)
      await tx.execute(sql`delete from unfinished_fills where name = 'call_objections'`);
    else await tx.execute(sql`update unfinished_fills set position = ${batch.last} where name = 'call_objections'`);
    return batch?.count ?? 0;
  });
}
