/** Objections that were heard, by kind. */
import { sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { type DayRange, onDays } from './days.ts';

export interface ObjectionKind {
  category: string;
  /** Calls in which it was heard. */
  calls: number;
  /** How often it was heard, and how often of those it was overcome. */
  objections: number;
  overcome: number;
}

const KINDS_MAX = 50;

/** Objections of a company's inbound calls within the days, the most frequent first. */
export async function countObjections(
  db: Queryable,
  { companyId, range }: { companyId: string; range: DayRange },
): Promise<ObjectionKind[]> {
  const rows = await db.execute(sql`
    select objection ->> 'category' as category,
      count(distinct calls.id)::int as calls,
      count(*)::int as objections,
      (count(*) filter (where objection ->> 'overcome' = 'true'))::int as overcome
    from calls
    join call_analyses as latest on latest.call_id = calls.id
      and latest.generation = (select max(generation) from call_analyses as each where each.call_id = calls.id)
    cross join jsonb_array_elements(latest.objections) as objection
    where calls.company_id = ${companyId} and calls.direction = 'inbound' and not calls.spam and ${onDays(sql`calls.started_at`, range)}
      and objection ->> 'category' <> ''
    group by 1
    order by objections desc, category
    limit ${KINDS_MAX}`);
  return [...rows] as unknown as ObjectionKind[];
}
