/**
 * Sums for the metrics. Days are made by Postgres in the company's time zone, in the filter and in the trend alike,
 * so a day of 23 or 25 hours, or one without a midnight, is one day everywhere.
 */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { type AppointmentSums, type CallSums, topCategory } from '../../domain/metrics.ts';
import { FINAL_STAGES } from '../../domain/pipeline.ts';
import type { Queryable } from '../client.ts';
import { appointmentDaySums, callDaySums } from '../schema/index.ts';
import { type DayRange, localDay, onDays } from './days.ts';

/** Sums of the whole, of each day that has any, and of each person (null: nobody is named). */
export interface GroupedSums<Sums, DaySums> {
  total: Sums;
  byDay: Map<string, DaySums>;
  byPerson: Map<string | null, Sums>;
}

/** What the trends show of a day. */
const CALLS_OF_DAY = ['totalCalls', 'analyzedCalls', 'qualifiedCalls', 'bookedCalls'] as const;
const APPOINTMENTS_OF_DAY = ['totalAppointments', 'wonAppointments', 'lostAppointments'] as const;
export type CallDay = Pick<CallSums, (typeof CALLS_OF_DAY)[number]>;
export type AppointmentDay = Pick<AppointmentSums, (typeof APPOINTMENTS_OF_DAY)[number]>;

export interface CallMetrics extends GroupedSums<CallSums, CallDay> {
  topMissedBookingReason: string | null;
  topReasonByPerson: Map<string | null, string | null>;
}

/** Grows with every change of what is counted: sums that were made by older formulas are not read any more. */
export const METRICS_VERSION = 2;

/** Something that is counted by day and person: from its rows, or from sums of days that were made from them. */
interface Counted {
  kind: 'call' | 'appointment';
  sums: typeof callDaySums | typeof appointmentDaySums;
  /** The sum of each column over `judged`, the rows to count with their day and person. */
  figures: Record<string, SQL>;
  /** Those that are summed by day. */
  ofDay: readonly string[];
  /** Rows of `from`, which are rows of the table or some of them, that meet the condition. */
  judged: (of: { companyId: string; timeZone: string }, from: SQL, where: SQL) => SQL;
  table: SQL;
  /** When it counts. */
  moment: SQL;
}

const isQualified = sql`(coalesce(booking_status = 'booked', false) or coalesce(qualification in ('hot', 'warm', 'cold'), false))`;

const CALL_FIGURES: Record<keyof CallSums, SQL> = {
  totalCalls: sql`count(*) filter (where not spam)`,
  spamCalls: sql`count(*) filter (where spam)`,
  answeredCalls: sql`count(*) filter (where is_answered)`,
  missedCalls: sql`count(*) filter (where not spam and status in ('missed', 'abandoned', 'voicemail'))`,
  analyzedCalls: sql`count(*) filter (where is_analyzed)`,
  pendingAnalysisCalls: sql`count(*) filter (where is_pending)`,
  qualifiedCalls: sql`count(*) filter (where ${isQualified})`,
  bookedCalls: sql`count(*) filter (where booking_status = 'booked')`,
  serviceNotOfferedCalls: sql`count(*) filter (where ${isQualified} and booking_status = 'service_not_offered')`,
  qualifiedButUnbookedCalls: sql`count(*) filter (where ${isQualified} and booking_status = 'not_booked')`,
  objectionsOfQualified: sql`coalesce(sum(jsonb_array_length(objections)) filter (where ${isQualified}), 0)`,
  complianceSum: sql`coalesce(sum(compliance_score), 0)`,
  complianceCount: sql`count(compliance_score)`,
  sentimentSum: sql`coalesce(sum(sentiment_score), 0)`,
  sentimentCount: sql`count(sentiment_score)`,
  durationSum: sql`coalesce(sum(duration_seconds) filter (where is_answered), 0)`,
  durationCount: sql`count(duration_seconds) filter (where is_answered)`,
};

/**
 * Inbound calls with their day, their agent, and their current analysis: the one of the highest generation. Of spam nothing
 * but that it is spam counts.
 */
const CALLS: Counted = {
  kind: 'call',
  sums: callDaySums,
  figures: CALL_FIGURES,
  ofDay: CALLS_OF_DAY,
  table: sql`calls`,
  moment: sql`calls.started_at`,
  judged: ({ companyId, timeZone }, from, where) => sql`
    select
      ${localDay(sql`calls.started_at`, timeZone)} as day,
      calls.csr_id as person,
      calls.status,
      calls.spam,
      calls.duration_seconds,
      not calls.spam and calls.answered and calls.status in ('completed', 'in_progress') as is_answered,
      not calls.spam and calls.stage not in ${FINAL_STAGES} as is_pending,
      latest.id is not null as is_analyzed,
      latest.qualification,
      latest.booking_status,
      latest.objections,
      latest.compliance_score,
      latest.sentiment_score
    from ${from}
    left join call_analyses as latest on latest.call_id = calls.id and not calls.spam and latest.generation = case
      when calls.facet is null then (select max(generation) from call_analyses as each where each.call_id = calls.id)
      else calls.analysis_generation end
    where calls.company_id = ${companyId} and calls.direction = 'inbound' and ${where}`,
};

const APPOINTMENT_FIGURES: Record<keyof AppointmentSums, SQL> = {
  totalAppointments: sql`count(*)`,
  completedAppointments: sql`count(*) filter (where status = 'completed')`,
  wonAppointments: sql`count(*) filter (where outcome = 'won')`,
  lostAppointments: sql`count(*) filter (where outcome = 'lost')`,
  pendingAppointments: sql`count(*) filter (where outcome = 'pending')`,
  analyzedAppointments: sql`count(*) filter (where is_analyzed)`,
  objections: sql`coalesce(sum(jsonb_array_length(objections)), 0)`,
  complianceSum: sql`coalesce(sum(compliance_score), 0)`,
  complianceCount: sql`count(compliance_score)`,
  sentimentSum: sql`coalesce(sum(sentiment_score), 0)`,
  sentimentCount: sql`count(sentiment_score)`,
};

const appointmentMoment = sql`coalesce(appointments.scheduled_start, appointments.created_at)`;

/**
 * Appointments that are not cancelled, by `scheduled_start`, else by when they were made. The analysis is the newest one of
 * the latest session that has any.
 */
const APPOINTMENTS: Counted = {
  kind: 'appointment',
  sums: appointmentDaySums,
  figures: APPOINTMENT_FIGURES,
  ofDay: APPOINTMENTS_OF_DAY,
  table: sql`appointments`,
  moment: appointmentMoment,
  judged: ({ companyId, timeZone }, from, where) => sql`
    select
      ${localDay(appointmentMoment, timeZone)} as day,
      appointments.assigned_rep_id as person,
      appointments.status,
      appointments.outcome,
      latest.id is not null as is_analyzed,
      latest.objections,
      latest.compliance_score,
      latest.sentiment_score
    from ${from}
    left join lateral (
      select recording_analyses.*
      from recording_sessions
      join recording_analyses on recording_analyses.session_id = recording_sessions.id
      where recording_sessions.appointment_id = appointments.id
      order by recording_sessions.started_at desc, recording_sessions.id desc, recording_analyses.generation desc
      limit 1
    ) as latest on true
    where appointments.company_id = ${companyId} and appointments.status <> 'cancelled' and ${where}`,
};

/** What is counted, for whoever keeps the sums. */
export const COUNTED = [CALLS, APPOINTMENTS];

interface SumOptions {
  companyId: string;
  range: DayRange;
}

/**
 * Sums the company's inbound calls that started within the range.
 * @param agentId only calls that name this user as agent, and calls that name nobody
 */
export async function sumCalls(db: Queryable, options: SumOptions & { agentId?: string }): Promise<CallMetrics> {
  const { agentId } = options;
  const who = agentId === undefined ? sql`true` : sql`(person = ${agentId} or person is null)`;
  const { sums, reasonsByPerson } = await sumsOf<CallSums, CallDay>(db, CALLS, options, who);
  const ofAll = new Map<string, number>();
  const topReasonByPerson = new Map<string | null, string | null>();
  for (const [person, days] of reasonsByPerson) {
    const ofPerson = new Map<string, number>();
    for (const day of days) for (const category of Object.keys(day)) add(ofPerson, category, day[category] ?? 0);
    for (const [category, times] of ofPerson) add(ofAll, category, times);
    topReasonByPerson.set(person, topCategory(ofPerson));
  }
  return { ...sums, topMissedBookingReason: topCategory(ofAll), topReasonByPerson };
}

function add(counts: Map<string, number>, category: string, times: number): void {
  counts.set(category, (counts.get(category) ?? 0) + times);
}

/**
 * Sums the company's appointments within the range.
 * @param repId only those assigned to this user
 */
export async function sumAppointments(
  db: Queryable,
  options: SumOptions & { repId?: string },
): Promise<GroupedSums<AppointmentSums, AppointmentDay>> {
  const { repId } = options;
  const who = repId === undefined ? sql`true` : sql`person = ${repId}`;
  return (await sumsOf<AppointmentSums, AppointmentDay>(db, APPOINTMENTS, options, who)).sums;
}

/** How often each category was named against a booking, an object for each day on which one was. */
type ReasonsOfDays = Record<string, number>[];

interface SumsRead<Sums, DaySums> {
  people: (Sums & { person: string | null; reasonsOfDays?: ReasonsOfDays | null })[];
  days: (DaySums & { day: string })[];
}

/** Sums of days that are summed, and of the rows of the days that are not: all in one statement, so of one moment. */
async function sumsOf<Sums, DaySums>(
  db: Queryable,
  counted: Counted,
  options: SumOptions,
  who: SQL,
): Promise<{ sums: GroupedSums<Sums, DaySums>; reasonsByPerson: Map<string | null, ReasonsOfDays> }> {
  const columns = columnsOf(counted);
  const totals = (wanted: typeof columns) =>
    sql.join(
      wanted.map(
        ({ key, column, type }) => sql`coalesce(sum(${column}), 0)::${sql.raw(type)} as ${sql.identifier(key)}`,
      ),
      sql`, `,
    );
  const ofDay = columns.filter(({ key }) => counted.ofDay.includes(key));
  const listed = (select: SQL) => sql`(select coalesce(json_agg(each), '[]') from (${select}) as each)`;
  const fresh = sumRows(counted, options.companyId, sql`select * from judged where ${who}`);
  // Added up here and not by the database, which takes several times as long to take objects apart.
  const reasons = sql`, json_agg(unbooked_reasons) filter (where unbooked_reasons is not null) as "reasonsOfDays"`;
  const [{ people, days }] = (await rows<unknown>(
    db,
    sql`
      ${withDays(counted, options)}, parts as materialized (
        select ${fresh.columns} from ${counted.sums} where ${summedDays(options)} and ${who}
        union all
        select ${fresh.columns} from (${fresh.select}) as fresh
      )
      select
        ${listed(sql`select person, ${totals(columns)}${counted.kind === 'call' ? reasons : sql``} from parts group by person`)} as people,
        ${listed(sql`select day, ${totals(ofDay)} from parts group by day`)} as days`,
  )) as [SumsRead<Sums, DaySums>];
  // Not by the database: it would add up every day of everybody once more.
  const total = Object.fromEntries(
    columns.map(({ key }) => [key, people.reduce((sum, each) => sum + Number(each[key as keyof Sums]), 0)]),
  ) as Sums;
  const sums: GroupedSums<Sums, DaySums> = { total, byDay: new Map(), byPerson: new Map() };
  const reasonsByPerson = new Map<string | null, ReasonsOfDays>();
  for (const { day, ...rest } of days) sums.byDay.set(day, rest as DaySums);
  for (const { person, reasonsOfDays, ...rest } of people) {
    sums.byPerson.set(person, rest as Sums);
    if (reasonsOfDays) reasonsByPerson.set(person, reasonsOfDays);
  }
  return { sums, reasonsByPerson };
}

/** The columns of the sums with the names of the figures. */
function columnsOf({ sums, figures }: Counted) {
  return Object.entries(getTableColumns(sums)).flatMap(([key, column]) => {
    const figure = figures[key];
    const type = column.getSQLType() === 'integer' ? 'int' : 'float8';
    return figure ? [{ key, type, figure, column: sql.identifier(column.name) }] : [];
  });
}

const figuresOf = (counted: Counted): SQL =>
  sql.join(
    columnsOf(counted).map(({ figure, column }) => sql`${figure} as ${column}`),
    sql`, `,
  );

/** How often each category was named against a booking, by day and person. @param judged of calls */
const reasonsOf = (judged: SQL): SQL => sql`
  select day, person, objection ->> 'category' as category, count(*)::int as times
  from (${judged}) as judged cross join jsonb_array_elements(objections) as objection
  where ${isQualified} and booking_status = 'not_booked' and objection ->> 'category' <> ''
  group by day, person, category`;

/**
 * `since`: from when on there are sums · `marked`: days after that which have changed · `judged`: the rows of all days in the
 * range whose sums are not to be read.
 */
function withDays(counted: Counted, { companyId, range }: SumOptions): SQL {
  const { timeZone, from } = range;
  const { kind, table, moment } = counted;
  const of = { companyId, timeZone };
  const since = sql`(select day from since)`;
  const uncovered = sql`${since} > ${from}::date
    and ${moment} < ${since}::timestamp at time zone 'UTC' + interval '16 hours'
    and ${localDay(moment, timeZone)} < ${since} and ${onDays(moment, range)}`;
  return sql`
    with since as materialized (
      select coalesce(
        (select since from metric_coverage where company_id = ${companyId} and time_zone = ${timeZone}
          and version = ${METRICS_VERSION}::int),
        'infinity'::date) as day
    ), marked as materialized (
      select distinct ${localDay(sql`at`, timeZone)} as day from metric_changes
      where company_id = ${companyId} and kind = ${kind} and ${onDays(sql`at`, range)}
        and ${localDay(sql`at`, timeZone)} >= ${since}
    ), judged as (
      ${counted.judged(of, table, uncovered)}
      union all
      ${counted.judged(of, ofDays(counted, of, sql`marked`), sql`true`)}
    )`;
}

/** The rows of some days, each day by its range of the index. No zone is 16 hours from UTC. */
export const ofDays = ({ table, moment }: Counted, of: { companyId: string; timeZone: string }, days: SQL): SQL => sql`
  ${days} as days cross join lateral (
    select * from ${table} where ${table}.company_id = ${of.companyId}
      and ${moment} >= days.day::timestamp at time zone 'UTC' - interval '16 hours'
      and ${moment} < days.day::timestamp at time zone 'UTC' + interval '40 hours'
      and ${localDay(moment, of.timeZone)} = days.day
    offset 0) as ${table}`;

const summedDays = ({ companyId, range }: SumOptions): SQL => sql`
  company_id = ${companyId} and day between ${range.from}::date and ${range.to}::date
  and day >= (select day from since) and day not in (select day from marked)`;

/** Rows for the table of sums, made from the rows that `judged` gives, and the columns they fill. */
export function sumRows(counted: Counted, companyId: string, judged: SQL): { columns: SQL; select: SQL } {
  const columns = columnsOf(counted).map(({ column }) => column);
  const names = sql.join([sql`company_id`, sql`day`, sql`person`, ...columns], sql`, `);
  const figures = sql`select ${companyId}::text as company_id, day, person, ${figuresOf(counted)}
    from (${judged}) as judged group by day, person`;
  if (counted.kind !== 'call') return { columns: names, select: figures };
  const select = sql`
    select ${sql.join([sql`figures.company_id`, sql`figures.day`, sql`figures.person`, ...columns], sql`, `)}, named.unbooked_reasons
    from (${figures}) as figures
    left join (
      select day, person, jsonb_object_agg(category, times) as unbooked_reasons
      from (${reasonsOf(judged)}) as each group by day, person
    ) as named on named.day = figures.day and named.person is not distinct from figures.person`;
  return { columns: sql`${names}, unbooked_reasons`, select };
}

/** Days whose sums are not what their rows give, among those that are read; all in one statement, so of one moment. */
export async function findWrongSums(
  db: Queryable,
  of: { companyId: string; timeZone: string },
): Promise<{ kind: 'call' | 'appointment'; day: string; person: string | null }[]> {
  const wrong = [];
  for (const counted of COUNTED) {
    const { kind, moment, table, sums } = counted;
    const { companyId, timeZone } = of;
    const isRead = (day: SQL) => sql`${day} >= (select since from metric_coverage where company_id = ${companyId}
        and time_zone = ${timeZone} and version = ${METRICS_VERSION}::int)
      and not exists (select 1 from metric_changes as changed where changed.company_id = ${companyId}
        and changed.kind = ${kind} and ${localDay(sql`changed.at`, timeZone)} = ${day})`;
    const columns = columnsOf(counted).map(({ column, type }) =>
      type === 'int' ? column : sql`round(${column}::numeric, 6) as ${column}`,
    );
    const extra = kind === 'call' ? [sql`unbooked_reasons`] : [];
    const shown = sql.join([sql`day`, sql`person`, ...columns, ...extra], sql`, `);
    const found = await rows<{ day: string; person: string | null }>(
      db,
      sql`
        with judged as materialized (${counted.judged(of, table, isRead(localDay(moment, timeZone)))}),
          fresh as (${sumRows(counted, companyId, sql`select * from judged`).select}),
          kept as (select * from ${sums} where company_id = ${companyId} and ${isRead(sql`day`)})
        select distinct day::text as day, person from (
          (select ${shown} from fresh except all select ${shown} from kept)
          union all
          (select ${shown} from kept except all select ${shown} from fresh)
        ) as different`,
    );
    wrong.push(...found.map((each) => ({ kind, ...each })));
  }
  return wrong;
}

async function rows<Row>(db: Queryable, query: SQL): Promise<Row[]> {
  return [...(await db.execute(query))] as Row[];
}
