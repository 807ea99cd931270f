/** Calendar days of a company's time zone, made by Postgres so that filters, lists and metrics cannot disagree. */
import { type SQL, sql } from 'drizzle-orm';

/** Days in the company's time zone, both included. */
export interface DayRange {
  /** YYYY-MM-DD */
  from: string;
  to: string;
  timeZone: string;
}

/** The calendar day that a moment falls on in a time zone. */
export const localDay = (moment: SQL, timeZone: string): SQL => sql`((${moment}) at time zone ${timeZone}::text)::date`;

/** Whether a moment falls on one of the days; an open end has no bound. */
export function onDays(moment: SQL, { from, to, timeZone }: Partial<DayRange> & { timeZone: string }): SQL {
  // First a wider range of instants that an index can serve: no time zone is a whole day away from UTC. Then the day itself,
  // which only rows near the ends have to be asked for. Their bounds are subqueries, which Postgres computes once, not per row.
  const conditions = [
    from && sql`${moment} >= ${from}::date::timestamp at time zone 'UTC' - interval '1 day'`,
    to && sql`${moment} < ${to}::date::timestamp at time zone 'UTC' + interval '2 days'`,
    from &&
      sql`(${moment} >= (select ${from}::date::timestamp at time zone 'UTC' + interval '2 days')
        or ${localDay(moment, timeZone)} >= ${from}::date)`,
    to &&
      sql`(${moment} < (select ${to}::date::timestamp at time zone 'UTC' - interval '1 day')
        or ${localDay(moment, timeZone)} <= ${to}::date)`,
  ].filter((condition) => condition instanceof Object);
  return conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` and `)})`;
}
