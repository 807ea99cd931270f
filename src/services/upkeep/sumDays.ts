/** Keeps the sums of days that the metrics read. Whatever is missing here, the metrics count from the rows themselves. */
import { type SQL, sql } from 'drizzle-orm';
import type { Database, Queryable, Transaction } from '../../db/client.ts';
import { tryLockKey } from '../../db/locks.ts';
import { COUNTED, METRICS_VERSION, ofDays, sumRows } from '../../db/queries/metrics.ts';

/** A day is summed again after this long without a change, or after so many changes that counting its rows would cost more. */
const QUIET_MINUTES = 10;
const MANY_CHANGES = 500;
/** Days that one step sums, going back, where a company has no sums yet. */
const STEP_DAYS = 31;
const COMPANIES_AT_ONCE = 50;

/** Companies whose sums are to be made, extended or made anew. */
export async function companiesToSum(db: Queryable): Promise<string[]> {
  const found = await db.execute<{ id: string }>(sql`
    select companies.id from companies left join metric_coverage as coverage on coverage.company_id = companies.id
    where coverage.company_id is null or coverage.since > '-infinity' or coverage.time_zone <> companies.time_zone
      or coverage.version <> ${METRICS_VERSION}::int
    union
    select company_id from metric_changes group by company_id
    having count(*) >= ${MANY_CHANGES}::int or max(created_at) < now() - make_interval(mins => ${QUIET_MINUTES}::int)
    limit ${COMPANIES_AT_ONCE}`);
  return [...found].map(({ id }) => id);
}

/**
 * Computes a company's sums again for the days that changed, and one step further back where there are none yet. Each is one
 * statement: a change that is recorded meanwhile is not seen, and stays recorded. One process at a time for each company.
 * @returns whether days without sums are left
 */
export async function sumCompanyDays(db: Database, companyId: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`set local statement_timeout = '10min'`);
    if (!(await tryLockKey(tx, 'metric sums', companyId))) return false;
    const [company] = await tx.execute<{ timeZone: string }>(
      sql`select time_zone as "timeZone" from companies where id = ${companyId} for key share`,
    );
    if (!company) {
      await tx.execute(sql`delete from metric_changes where company_id = ${companyId}`);
      return false;
    }
    const of = { companyId, timeZone: company.timeZone };
    const since = await readCoverage(tx, of);
    await sumChangedDays(tx, of, since);
    return since === '-infinity' ? false : goBack(tx, of, since);
  });
}

/** From when on the company has sums, in its zone and by today's formulas; others are removed. */
async function readCoverage(tx: Transaction, { companyId, timeZone }: { companyId: string; timeZone: string }) {
  const [coverage] = await tx.execute<{ since: string }>(sql`
    select since::text from metric_coverage
    where company_id = ${companyId} and time_zone = ${timeZone} and version = ${METRICS_VERSION}::int`);
  if (coverage) return coverage.since;
  for (const { sums } of COUNTED) await tx.execute(sql`delete from ${sums} where company_id = ${companyId}`);
  await tx.execute(sql`
    insert into metric_coverage (company_id, time_zone, version, since)
    values (${companyId}, ${timeZone}, ${METRICS_VERSION}::int, 'infinity')
    on conflict (company_id) do update set time_zone = excluded.time_zone, version = excluded.version, since = excluded.since`);
  return 'infinity';
}

type Of = { companyId: string; timeZone: string };

async function sumChangedDays(tx: Transaction, of: Of, since: string): Promise<void> {
  for (const counted of COUNTED) {
    const judged = counted.judged(of, ofDays(counted, of, sql`changed`), sql`true`);
    await tx.execute(sql`
      with gone as (
        delete from metric_changes where company_id = ${of.companyId} and kind = ${counted.kind} returning at
      ), changed as materialized (
        select distinct (at at time zone ${of.timeZone}::text)::date as day from gone
        where (at at time zone ${of.timeZone}::text)::date >= ${since}::date
      ), cleared as (
        delete from ${counted.sums} where company_id = ${of.companyId} and day in (select day from changed)
      )
      ${insertSums(counted, of.companyId, judged)}`);
  }
}

function insertSums(counted: (typeof COUNTED)[number], companyId: string, judged: SQL): SQL {
  const { columns, select } = sumRows(counted, companyId, judged);
  return sql`insert into ${counted.sums} (${columns}) ${select}`;
}

/** @returns whether there is more before the days that are summed now */
async function goBack(tx: Transaction, of: Of, since: string): Promise<boolean> {
  const until = sql`${since}::date`;
  const before = (moment: SQL) => sql`${moment} < ${until}::timestamp at time zone 'UTC' + interval '16 hours'
    and (${moment} at time zone ${of.timeZone}::text)::date < ${until}`;
  const newest = COUNTED.map(
    ({ table, moment }) => sql`(select (${moment} at time zone ${of.timeZone}::text)::date as day from ${table}
      where company_id = ${of.companyId} and ${before(moment)} order by ${moment} desc limit 1)`,
  );
  const [step] = await tx.execute<{ from: string | null }>(
    sql`select (max(day) - ${STEP_DAYS}::int)::text as from from (${sql.join(newest, sql` union all `)}) as newest`,
  );
  const from = step?.from ?? '-infinity';
  if (step?.from)
    for (const counted of COUNTED) {
      const { moment, table } = counted;
      const within = sql`${before(moment)} and (${moment} at time zone ${of.timeZone}::text)::date >= ${from}::date
        and ${moment} >= ${from}::date::timestamp at time zone 'UTC' - interval '16 hours'`;
      await tx.execute(insertSums(counted, of.companyId, counted.judged(of, table, within)));
    }
  await tx.execute(sql`update metric_coverage set since = ${from}::date where company_id = ${of.companyId}`);
  return from !== '-infinity';
}
