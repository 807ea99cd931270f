/** Calls by their words: of the caller's name and number, the summary and the transcript. */
import { and, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { callSearch, unfinishedFills } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';
import { type Count, countUpTo, type Page, totalOf } from './paging.ts';

/** What else must hold for a call, besides its words. */
export interface SearchCondition {
  /** Named selects that the other two read. */
  named: SQL[];
  /** Of the call of this id. */
  isMet: (id: SQL) => SQL;
  /** The ids of all calls that it holds for, of these that began from one moment up to before another. */
  met: (from: SQL, to: SQL) => SQL;
  /** Whether `met` finds the first of them, or that there is none, by an index. */
  isMetByIndex: boolean;
}

export interface CallSearch {
  companyId: string;
  text: string;
  where: SearchCondition | undefined;
  /** Days on which the calls began, where the condition asks for that. */
  startedOn: (Partial<DayRange> & { timeZone: string }) | undefined;
}

/** Of so many calls of a week with the words each is asked whether it meets the condition; of more, all that do are read at once. */
const ASKED_MAX = 100;

/** Whether all calls of a company are in the index of words. */
export async function isIndexed(db: Queryable, companyId: string): Promise<boolean> {
  const [row] = await db.execute<{ indexed: boolean }>(sql`select ${indexed(companyId)} as indexed`);
  return row?.indexed === true;
}

/** Old calls are indexed company by company. */
const indexed = (companyId: string): SQL<boolean> => sql`not exists (
  select 1 from ${unfinishedFills} where name = 'call_search'
  and case position when '' then true else position::jsonb ->> 0 <= ${companyId} end)`;

/**
 * The calls of a page, as a select that stands alone: `id`, `parts` that have the words, and as `total` how many match, where
 * that is asked for. It finds nothing while calls of the company are still to be indexed.
 */
export function searchPage(search: CallSearch, { after, limit }: Page, isCounted: boolean): SQL {
  const key = after && sql`${after.at.toISOString()}::timestamptz`;
  // Where nothing is counted, what is newer than the page is not looked at.
  const found = namedFound(search, isCounted ? undefined : key && sql`started_at <= ${key}`);
  const total = isCounted ? totalOf(sql`select from found`) : sql`null::int`;
  const within = after && sql`where (started_at, id) < (${key}, ${after.id})`;
  return sql`${found} select id, parts, ${total} as total from found ${within} limit ${sql.raw(String(limit))}`;
}

/** How many calls match. */
export const countFound = (db: Queryable, search: CallSearch): Promise<Count> =>
  countUpTo(db, sql`${namedFound(search)} select from found`);

/**
 * The calls that match, newest first: week after week, in the order in which `weeks` come. Postgres computes a row of `found`
 * when it is asked for, so a frequent word is found in the last week, and weeks without calls cost nothing.
 * @param among where the calls are that are looked at
 */
function namedFound({ companyId, text, where, startedOn }: CallSearch, among?: SQL): SQL {
  const weekOf = (older?: SQL) => sql`(
    select search_week(started_at) from calls where ${and(
      sql`company_id = ${companyId}`,
      startedOn && onDays(sql`started_at`, startedOn),
      among,
      older,
    )} order by started_at desc limit 1)`;
  const said = sql`
    select call_id, started_at, part from ${callSearch} where company_id = ${companyId} and words @@ weeks.query`;
  return sql`
    with recursive week as (
      select ${weekOf()} as week where ${indexed(companyId)}
      union all
      select ${weekOf(sql`started_at < search_week_start(week.week)`)} from week where week is not null
    ), asked as materialized (
      select call_search_query(${text}) as query
    ), weeks as materialized (
      select week, replace(query, chr(1), search_key(${companyId}, week))::tsquery as query
      from asked cross join week where week is not null
    ), ${sql.join(where?.named.map((each) => sql`${each}, `) ?? [])} found as materialized (
      select each.* from weeks cross join lateral (
        select call_id as id, started_at, array_agg(part) as parts
        from (${where ? meeting(where, said) : said}) as said
        group by started_at, call_id order by started_at desc, call_id desc offset 0
      ) as each
    )`;
}

/** Of what was said in a week, what meets the condition. */
function meeting(where: SearchCondition, said: SQL): SQL {
  const isFew = sql`(select count(*) from said) <= ${sql.raw(String(ASKED_MAX))}`;
  const met = where.met(sql`search_week_start(weeks.week)`, sql`search_week_start(weeks.week + 1)`);
  // Where a week has none that meets it, its words are not looked up.
  const isMetAtAll = where.isMetByIndex ? sql`exists (select from (${met}) as met)` : sql`true`;
  return sql`
    with said as materialized (select * from (${said}) as said where ${isMetAtAll})
    select * from said where ${isFew} and ${where.isMet(sql`said.call_id`)}
    union all
    select * from said where not ${isFew} and call_id in (select id from (${met}) as met offset 0)`;
}
