/**
 * Sums for the metrics. Days are made by Postgres in the company's time zone, in the filter and in the trend alike,
 * so a day of 23 or 25 hours, or one without a midnight, is one day everywhere.
 */
import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type AppointmentSums, type CallSums, type CategoryCount, topCategory } from '../../domain/metrics.ts';
import { FINAL_STAGES } from '../../domain/pipeline.ts';
import type { Role } from '../../domain/user.ts';
import type { Queryable } from '../client.ts';
import { users } from '../schema/index.ts';
import { type DayRange, localDay, onDays } from './days.ts';

/** Sums of the whole, of each day that has any, and of each person (null: nobody is named). */
export interface GroupedSums<Sums> {
  total: Sums;
  byDay: Map<string, Sums>;
  byPerson: Map<string | null, Sums>;
}

export interface CallMetrics extends GroupedSums<CallSums> {
  topMissedBookingReason: string | null;
  topReasonByPerson: Map<string | null, string | null>;
}

type GroupRow<Sums> = Sums & {
  groupOf: 'total' | 'day' | 'person';
  day: string | null;
  person: string | null;
};

/**
 * Sums the company's inbound calls that started within the range.
 * @param agentId only calls that name this user as agent, and calls that name nobody
 */
export async function sumCalls(
  db: Queryable,
  options: { companyId: string; range: DayRange; agentId?: string },
): Promise<CallMetrics> {
  const judged = judgedCalls(options);
  const groups = await rows<GroupRow<CallSums>>(
    db,
    sql`
      with judged as (${judged})
      select
        ${groupColumns},
        count(*)::int as "totalCalls",
        (count(*) filter (where is_answered))::int as "answeredCalls",
        (count(*) filter (where status in ('missed', 'abandoned', 'voicemail')))::int as "missedCalls",
        (count(*) filter (where is_analyzed))::int as "analyzedCalls",
        (count(*) filter (where is_pending))::int as "pendingAnalysisCalls",
        (count(*) filter (where is_qualified))::int as "qualifiedCalls",
        (count(*) filter (where booking_status = 'booked'))::int as "bookedCalls",
        (count(*) filter (where is_qualified and booking_status = 'service_not_offered'))::int
          as "serviceNotOfferedCalls",
        (count(*) filter (where is_qualified and booking_status = 'not_booked'))::int as "qualifiedButUnbookedCalls",
        coalesce(sum(jsonb_array_length(objections)) filter (where is_qualified), 0)::int as "objectionsOfQualified",
        coalesce(sum(compliance_score), 0)::float8 as "complianceSum",
        count(compliance_score)::int as "complianceCount",
        coalesce(sum(sentiment_score), 0)::float8 as "sentimentSum",
        count(sentiment_score)::int as "sentimentCount",
        coalesce(sum(duration_seconds) filter (where is_answered), 0)::float8 as "durationSum",
        (count(duration_seconds) filter (where is_answered))::int as "durationCount"
      from judged
      group by grouping sets ((), (day), (person))`,
  );
  const reasons = await rows<CategoryCount & { groupOf: 'total' | 'person'; person: string | null }>(
    db,
    sql`
      with judged as (${judged})
      select
        case when grouping(person) = 0 then 'person' else 'total' end as "groupOf",
        person, category, count(*)::int as count
      from (
        select person, objection ->> 'category' as category
        from judged, jsonb_array_elements(objections) as objection
        where is_qualified and booking_status = 'not_booked'
      ) as named
      where category <> ''
      group by grouping sets ((category), (category, person))`,
  );

  const ofPerson = new Map<string | null, CategoryCount[]>();
  for (const row of reasons.filter((each) => each.groupOf === 'person')) {
    ofPerson.set(row.person, [...(ofPerson.get(row.person) ?? []), row]);
  }
  return {
    ...collect(groups),
    topMissedBookingReason: topCategory(reasons.filter((row) => row.groupOf === 'total')),
    topReasonByPerson: new Map([...ofPerson].map(([person, counts]) => [person, topCategory(counts)])),
  };
}

/** One row per inbound call with its day, its agent, and its current analysis: the one of the highest generation. */
function judgedCalls({ companyId, range, agentId }: { companyId: string; range: DayRange; agentId?: string }): SQL {
  return sql`
    select
      ${localDay(sql`calls.started_at`, range.timeZone)}::text as day,
      calls.csr_id as person,
      calls.status,
      calls.duration_seconds,
      calls.answered and calls.status in ('completed', 'in_progress') as is_answered,
      calls.stage not in ${FINAL_STAGES} as is_pending,
      latest.id is not null as is_analyzed,
      coalesce(latest.booking_status = 'booked', false)
        or coalesce(latest.qualification in ('hot', 'warm', 'cold'), false) as is_qualified,
      latest.booking_status,
      latest.objections,
      latest.compliance_score,
      latest.sentiment_score
    from calls
    left join lateral (
      select * from call_analyses where call_analyses.call_id = calls.id order by generation desc limit 1
    ) as latest on true
    where calls.company_id = ${companyId}
      and calls.direction = 'inbound'
      and ${onDays(sql`calls.started_at`, range)}
      ${agentId === undefined ? sql`` : sql`and (calls.csr_id = ${agentId} or calls.csr_id is null)`}`;
}

/**
 * Sums the company's appointments within the range that are not cancelled: by `scheduled_start`, else by when they
 * were made. The analysis is the newest one of the latest session that has any.
 * @param repId only those assigned to this user
 */
export async function sumAppointments(
  db: Queryable,
  options: { companyId: string; range: DayRange; repId?: string },
): Promise<GroupedSums<AppointmentSums>> {
  const { companyId, range, repId } = options;
  const groups = await rows<GroupRow<AppointmentSums>>(
    db,
    sql`
    with visits as (
      select
        ${localDay(sql`coalesce(appointments.scheduled_start, appointments.created_at)`, range.timeZone)}::text as day,
        appointments.assigned_rep_id as person,
        appointments.status,
        appointments.outcome,
        latest.id is not null as is_analyzed,
        latest.objections,
        latest.compliance_score,
        latest.sentiment_score
      from appointments
      left join lateral (
        select recording_analyses.*
        from recording_sessions
        join recording_analyses on recording_analyses.session_id = recording_sessions.id
        where recording_sessions.appointment_id = appointments.id
        order by recording_sessions.started_at desc, recording_sessions.id desc, recording_analyses.generation desc
        limit 1
      ) as latest on true
      where appointments.company_id = ${companyId}
        and appointments.status <> 'cancelled'
        and (
          ${onDays(sql`appointments.scheduled_start`, range)}
          or (appointments.scheduled_start is null and ${onDays(sql`appointments.created_at`, range)})
        )
        ${repId === undefined ? sql`` : sql`and appointments.assigned_rep_id = ${repId}`}
    )
    select
      ${groupColumns},
      count(*)::int as "totalAppointments",
      (count(*) filter (where status = 'completed'))::int as "completedAppointments",
      (count(*) filter (where outcome = 'won'))::int as "wonAppointments",
      (count(*) filter (where outcome = 'lost'))::int as "lostAppointments",
      (count(*) filter (where outcome = 'pending'))::int as "pendingAppointments",
      (count(*) filter (where is_analyzed))::int as "analyzedAppointments",
      coalesce(sum(jsonb_array_length(objections)), 0)::int as "objections",
      coalesce(sum(compliance_score), 0)::float8 as "complianceSum",
      count(compliance_score)::int as "complianceCount",
      coalesce(sum(sentiment_score), 0)::float8 as "sentimentSum",
      count(sentiment_score)::int as "sentimentCount"
    from visits
    group by grouping sets ((), (day), (person))`,
  );
  return collect(groups);
}

/** Id, name and role of all users of a company, by name. */
export async function listUserNames(db: Queryable, companyId: string, role?: Role) {
  return db
    .select({ id: users.id, name: users.name, role: users.role })
    .from(users)
    .where(and(eq(users.companyId, companyId), role ? eq(users.role, role) : undefined))
    .orderBy(users.name, users.id);
}

const groupColumns = sql`
  case when grouping(day) = 0 then 'day' when grouping(person) = 0 then 'person' else 'total' end as "groupOf",
  day, person`;

async function rows<Row>(db: Queryable, query: SQL): Promise<Row[]> {
  return [...(await db.execute(query))] as Row[];
}

function collect<Sums extends object>(rows: readonly GroupRow<Sums>[]): GroupedSums<Sums> {
  const groups: GroupedSums<Sums> = {
    total: {} as Sums,
    byDay: new Map(),
    byPerson: new Map(),
  };
  for (const { groupOf, day, person, ...rest } of rows) {
    const sums = rest as unknown as Sums;
    if (groupOf === 'total') groups.total = sums;
    else if (groupOf === 'day') groups.byDay.set(day as string, sums);
    else groups.byPerson.set(person, sums);
  }
  return groups;
}
