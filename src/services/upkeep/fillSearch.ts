/** Makes calls that are older than the search index findable by it. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';

const BATCH_CALLS = 200;

/** Indexes some calls, in the order of their ids; whoever comes second waits for the next time. @returns how many */
export async function fillSearch(db: Database): Promise<number> {
  return db.transaction(async (tx) => {
    const [fill] = await tx.execute<{ position: string }>(
      sql`select position from unfinished_fills where name = 'call_search' for update skip locked`,
    );
    if (!fill) return 0;
    const [batch] = await tx.execute<{ count: number; last: string | null }>(sql`
      with batch as materialized (
        select id from calls where id > ${fill.position} order by id limit ${BATCH_CALLS} for no key update
      ), indexed as materialized (
        select batch.id, index_call(batch.id, part)
        from batch cross join (values ('caller'), ('summary'), ('transcript')) as parts(part)
      )
      select count(distinct id)::int as count, max(id) as last from indexed`);
    if (!batch || batch.last === null) await tx.execute(sql`delete from unfinished_fills where name = 'call_search'`);
    else await tx.execute(sql`update unfinished_fills set position = ${batch.last} where name = 'call_search'`);
    return batch?.count ?? 0;
  });
}
