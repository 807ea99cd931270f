/** Calls by their words: of the caller's name and number, the summary and the transcript. */
import { desc, type SQL, sql } from 'drizzle-orm';
import { DateTime } from 'luxon';
import type { Queryable } from '../client.ts';
import { callSearch, callTranscripts, unfinishedFills } from '../schema/index.ts';
import { isAnyOf, textArray } from './conditions.ts';
import type { DayRange } from './days.ts';
import { type Count, countOf, EXACT_TOTAL, LARGE_TOTAL, type Page } from './paging.ts';

/** Of a call, what the words are in. */
const SEARCH_PARTS = ['caller', 'summary', 'transcript'] as const;
export type SearchPart = (typeof SEARCH_PARTS)[number];

export interface SearchedPage {
  /** Newest first. */
  found: { id: string; parts: SearchPart[] }[];
  count: Count;
}

/** What else must hold for a call, besides its words. */
export interface SearchCondition {
  /** Of the call of this id. */
  isMet: (id: SQL) => SQL;
  /** The ids of all calls that it holds for, of these that began from one moment up to before another. */
  met: (from: string, to: string) => SQL;
}

export interface CallSearch {
  companyId: string;
  text: string;
  where: SearchCondition | undefined;
  /** Days on which the calls began, where the condition asks for that. */
  startedOn: Partial<DayRange> | undefined;
}

/** Of so many calls with the words each is asked whether it meets the condition; of more, all calls that do are read at once. */
const ASKED_MAX = 500;

/**
 * Finds calls by words, month after month, newest first: after each step as many months as, by what was found so far, complete
 * the page and the total. So a frequent word is found in the last month, and a rare one costs two statements.
 * @param known so many are known to match
 * @returns undefined while old calls are still to be indexed: until then the calls themselves have to be read
 */
export async function searchCalls(
  db: Queryable,
  { companyId, text, where, startedOn }: CallSearch,
  page: Page,
  known = 0,
): Promise<SearchedPage | undefined> {
  const { after } = page;
  const beyond = after ? sql`(started_at, call_id) < (${after.at.toISOString()}::timestamptz, ${after.id})` : sql`true`;
  const months = await monthsToSearch(db, companyId, startedOn);
  if (!months) return undefined;
  const found: SearchedPage['found'] = [];
  let total = known;
  for (let start = 0, size = 1; start < months.length; start += size, size = nextSize(start, total)) {
    const isCounted = total > EXACT_TOTAL;
    if (isCounted && found.length >= page.limit) break;
    const some = months.slice(start, start + size);
    // Older than the rows before the page, or newer than all of it: nothing to find here.
    if (isCounted && after && (some.at(-1) as string) > monthOf(after.at)) continue;
    const limit = page.limit - found.length;
    const [step] = await db.execute<{ count: number; page: SearchedPage['found'] }>(sql`
      with said as materialized (
        select each.* from unnest(${textArray(some)}) as months(month) cross join lateral (
          select call_id, started_at, part from ${callSearch}
          where company_id = ${companyId} and words @@ call_search_query(${companyId}, array[month], ${text})
          offset 0) as each
      ), found as materialized (${where ? meeting(where, some) : sql`select * from said`}
      ), newest as (
        select * from found where ${beyond} order by started_at desc, call_id desc limit ${limit * SEARCH_PARTS.length}
      ), page as (
        select call_id as id, started_at, array_agg(part) as parts from newest
        group by started_at, call_id order by started_at desc, call_id desc limit ${limit}
      )
      select (select count(*)::int from (select distinct call_id from found) as calls) as count,
        coalesce((select json_agg(json_build_object('id', id, 'parts', parts) order by started_at desc, id desc) from page), '[]')
          as page`);
    total += step?.count ?? 0;
    found.push(...(step?.page ?? []));
  }
  return { found, count: countOf(total) };
}

/** Of what was said in these months, what meets the condition. */
function meeting(where: SearchCondition, months: readonly string[]): SQL {
  const isFew = sql`(select count(*) from said) <= ${sql.raw(String(ASKED_MAX))}`;
  const [newest, oldest] = [months[0], months.at(-1)] as [string, string];
  return sql`
    select * from said where ${isFew} and ${where.isMet(sql`said.call_id`)}
    union all
    select * from said where not ${isFew} and call_id in (
      select id from (${where.met(startOf(oldest), startOf(newest, 1))}) as met offset 0)`;
}

/** When a month begins, or one that comes so much later. */
const startOf = (month: string, later = 0): string =>
  DateTime.fromFormat(month, 'yyyyMM', { zone: 'utc' }).plus({ months: later }).toISO() as string;

/** How many months more, where so many calls were found in the months before them. */
const nextSize = (months: number, total: number): number =>
  total === 0 ? MONTHS_MAX : Math.max(1, Math.ceil(((LARGE_TOTAL - total) * months) / total));

const MONTHS_MAX = 12_000;

const monthOf = (at: Date): string => at.toISOString().slice(0, 7).replace('-', '');

/**
 * From the newest call's month to the oldest's, of those that the days lie in; undefined while not all calls are indexed.
 * A day of any time zone begins and ends within a day of the one in UTC.
 */
async function monthsToSearch(
  db: Queryable,
  companyId: string,
  { from, to }: Partial<DayRange> = {},
): Promise<string[] | undefined> {
  const month = (direction: SQL) => sql`to_char((select started_at from calls where company_id = ${companyId}
    order by started_at ${direction} limit 1) at time zone 'UTC', 'YYYY-MM')`;
  const [range] = await db.execute<{ oldest: string | null; newest: string | null; unfinished: boolean }>(
    sql`select ${month(sql`asc`)} as oldest, ${month(sql`desc`)} as newest,
      exists (select 1 from ${unfinishedFills} where name = 'call_search') as unfinished`,
  );
  if (range?.unfinished) return undefined;
  if (!range?.oldest || !range.newest) return [];
  const monthAt = (day: string, days: number) =>
    DateTime.fromISO(day, { zone: 'utc' }).plus({ days }).toFormat('yyyy-MM');
  const first = from && monthAt(from, -1) > range.oldest ? monthAt(from, -1) : range.oldest;
  const last = to && monthAt(to, 1) < range.newest ? monthAt(to, 1) : range.newest;
  const [oldest, newest] = [first, last].map((each) => {
    const [year, month] = each.split('-').map(Number) as [number, number];
    return year * 12 + month - 1;
  }) as [number, number];
  return Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, index) => {
    const at = newest - index;
    return `${String(Math.floor(at / 12)).padStart(4, '0')}${String((at % 12) + 1).padStart(2, '0')}`;
  });
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
    .where(isAnyOf(callTranscripts.callId, callIds))
    .orderBy(callTranscripts.callId, desc(callTranscripts.generation));
  return new Map(rows.map(({ callId, text }) => [callId, text]));
}
