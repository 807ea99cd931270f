/** Makes calls that are older than the search index findable by it. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { continueFill, type FilledBatch } from './fills.ts';

const BATCH_CALLS = 200;
const START = ['', '-infinity', ''];

/**
 * Indexes some calls, company by company in the order of their start, as new calls come, so that what a search reads lies
 * together.
 * @returns how many
 */
export async function fillSearch(db: Database): Promise<number> {
  return continueFill(db, 'call_search', async (tx, position) => {
    const [companyId, startedAt, id] = position === '' ? START : (JSON.parse(position) as string[]);
    const [batch] = await tx.execute<FilledBatch>(sql`
      with batch as materialized (
        select company_id, started_at, id from calls
        where (company_id, started_at, id) > (${companyId}, ${startedAt}::timestamptz, ${id})
        order by company_id, started_at, id limit ${BATCH_CALLS} for no key update
      ), indexed as materialized (
        select batch.id, index_call(batch.id, part)
        from batch cross join (values ('caller'), ('summary'), ('transcript')) as parts(part)
      )
      select (select count(distinct id)::int from indexed) as count, (
        select jsonb_build_array(company_id, started_at, id)::text from batch
        order by company_id desc, started_at desc, id desc limit 1
      ) as last`);
    return batch;
  });
}
