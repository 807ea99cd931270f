/** Calls by their words: of the caller's name and number, the summary and the transcript. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { callSearch, callTranscripts, unfinishedFills } from '../schema/index.ts';
import { type Count, EXACT_TOTAL, type Page } from './paging.ts';

export interface SearchedPage {
  /** Newest first. */
  ids: string[];
  count: Count;
}

/** Whether old calls are still to be indexed: until then a search reads the calls themselves. */
export async function isSearchUnfinished(db: Queryable): Promise<boolean> {
  const [row] = await db
    .select({ name: unfinishedFills.name })
    .from(unfinishedFills)
    .where(eq(unfinishedFills.name, 'call_search'));
  return row !== undefined;
}

/**
 * Finds calls by words, month after month, newest first, in steps that grow: a frequent word is found in the last month, a rare one
 * costs little in any. Ends as soon as the page and the total are known.
 * @param where what else must hold for a call; undefined: nothing
 */
export async function searchCalls(
  db: Queryable,
  search: { companyId: string; text: string; where: SQL | undefined },
  page: Page,
): Promise<SearchedPage> {
  const { companyId, text, where } = search;
  const { after } = page;
  const beyond = after ? sql`(started_at, id) < (${after.at.toISOString()}::timestamptz, ${after.id})` : sql`true`;
  const months = await monthsWithCalls(db, companyId);
  const ids: string[] = [];
  let total = 0;
  for (let start = 0, size = 1; start < months.length; start += size, size = start) {
    const isCounted = total > EXACT_TOTAL;
    if (isCounted && ids.length >= page.limit) break;
    const some = months.slice(start, start + size);
    // Older than the rows before the page, or newer than all of it: nothing to find here.
    if (isCounted && after && (some.at(-1) as string) > monthOf(after.at)) continue;
    const also = where && sql`and exists (select 1 from calls where calls.id = call_search.call_id and ${where})`;
    const [found] = await db.execute<{ count: number; ids: string[] }>(sql`
      with found as materialized (
        select call_id as id, started_at from ${callSearch}
        where company_id = ${companyId}
          and words @@ call_search_query(${companyId}, array[${sql.join(
            some.map((month) => sql`${month}`),
            sql`, `,
          )}]::text[], ${text})
          ${also}
        group by call_id, started_at
      ), page as (
        select id, started_at from found where ${beyond} order by started_at desc, id desc limit ${page.limit - ids.length}
      )
      select (select count(*)::int from found) as count,
        coalesce((select json_agg(id order by started_at desc, id desc) from page), '[]') as ids`);
    total += found?.count ?? 0;
    ids.push(...(found?.ids ?? []));
  }
  return { ids, count: total > EXACT_TOTAL ? { total: EXACT_TOTAL, total_is_estimate: true } : { total } };
}

const monthOf = (at: Date): string => at.toISOString().slice(0, 7).replace('-', '');

/** From the newest call's month to the oldest's, as the index has them. */
async function monthsWithCalls(db: Queryable, companyId: string): Promise<string[]> {
  const one = (direction: SQL) => sql`(select started_at from calls where company_id = ${companyId}
    order by started_at ${direction} limit 1)`;
  const [range] = await db.execute<{ oldest: string | null; newest: string | null }>(
    sql`select to_char(${one(sql`asc`)} at time zone 'UTC', 'YYYY-MM') as oldest,
      to_char(${one(sql`desc`)} at time zone 'UTC', 'YYYY-MM') as newest`,
  );
  if (!range?.oldest || !range.newest) return [];
  const [oldest, newest] = [range.oldest, range.newest].map((each) => {
    const [year, month] = each.split('-').map(Number) as [number, number];
    return year * 12 + month - 1;
  }) as [number, number];
  return Array.from({ length: newest - oldest + 1 }, (_, index) => {
    const at = newest - index;
    return `${String(Math.floor(at / 12)).padStart(4, '0')}${String((at % 12) + 1).padStart(2, '0')}`;
  });
}

/** In which parts each of these calls has the words. */
export async function findMatchedParts(
  db: Queryable,
  search: { companyId: string; text: string },
  calls: { id: string; startedAt: Date }[],
) {
  if (calls.length === 0) return [];
  const months = [...new Set(calls.map(({ startedAt }) => monthOf(startedAt)))];
  const query = sql`call_search_query(${search.companyId}, array[${sql.join(
    months.map((month) => sql`${month}`),
    sql`, `,
  )}]::text[], ${search.text})`;
  return db
    .select({ callId: callSearch.callId, part: callSearch.part })
    .from(callSearch)
    .where(
      and(
        inArray(
          callSearch.callId,
          calls.map(({ id }) => id),
        ),
        // Not by the index of words: these few rows are known.
        sql`(words || ''::tsvector) @@ ${query}`,
      ),
    );
}

/** The newest transcript of each of these calls, as text. */
export async function findTranscriptTexts(db: Queryable, callIds: string[]): Promise<Map<string, string>> {
  if (callIds.length === 0) return new Map();
  const rows = await db
    .selectDistinctOn([callTranscripts.callId], {
      callId: callTranscripts.callId,
      text: callTranscripts.transcriptText,
    })
    .from(callTranscripts)
    .where(inArray(callTranscripts.callId, callIds))
    .orderBy(callTranscripts.callId, desc(callTranscripts.generation));
  return new Map(rows.map(({ callId, text }) => [callId, text]));
}
