/** Makes calls that are older than the table of objections findable by them. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { continueFill, type FilledBatch } from './fills.ts';

const BATCH_CALLS = 500;

/** Fills the objections of some calls. @returns of how many calls */
export async function fillObjections(db: Database): Promise<number> {
  return continueFill(db, 'call_objections', async (tx, position) => {
    const [batch] = await tx.execute<FilledBatch>(sql`
      with batch as materialized (select id from calls where id > ${position} order by id limit ${BATCH_CALLS}),
        kept as materialized (
          select keep_call_objections(id) from batch where exists (select 1 from call_analyses where call_id = batch.id)
        )
      select (select count(*)::int from batch) as count, (select max(id) from batch) as last, (select count(*) from kept) as kept`);
    return batch;
  });
}
