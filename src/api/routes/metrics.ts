/** The dashboards' numbers: CSRs by calls, sales reps by appointments, for oneself and for the company. */
import { z } from '@hono/zod-openapi';
import { DateTime } from 'luxon';
import type { Queryable } from '../../db/client.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import type { DayRange } from '../../db/queries/days.ts';
import { sumFollowUps } from '../../db/queries/followUps.ts';
import {
  type AppointmentDay,
  type CallMetrics,
  type GroupedSums,
  sumAppointments,
  sumCalls,
} from '../../db/queries/metrics.ts';
import { countObjections } from '../../db/queries/objections.ts';
import { listUserNames } from '../../db/queries/users.ts';
import {
  type AppointmentSums,
  countDays,
  csrFigures,
  csrTrendDay,
  datesBetween,
  NO_APPOINTMENTS,
  NO_CALLS,
  salesFigures,
  salesTrendDay,
} from '../../domain/metrics.ts';
import type { Role } from '../../domain/user.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidField } from '../http/errors.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { dayInput } from '../http/schemas.ts';

/** Today and the 29 days before. */
const DEFAULT_DAYS = 30;
/** Forty years: an answer of more has megabytes, and whoever serializes it answers nobody else meanwhile. */
const MAX_DAYS = 14_610;

const rangeQuery = z.object({
  date_from: dayInput
    .optional()
    .openapi({ description: 'The first day, in the company’s time zone; 29 days before the last one unless given.' }),
  date_to: dayInput
    .optional()
    .openapi({ description: 'The last day, inclusive; today unless given, or `date_from` if that is later.' }),
});
type RangeQuery = z.output<typeof rangeQuery>;

const rate = z.number().min(0).max(1).openapi({ example: 0.5 });
const count = z.int().openapi({ example: 4 });
const compliance = z.number().openapi({
  description: 'The average compliance score of the analyses, on a scale of 0 to 10; 0 where there is none.',
  example: 7.5,
});
const dayOut = z.string().openapi({ format: 'date', example: '2026-03-14' });
const average = z.number().openapi({ example: 1.5 });
const name = z.string().nullable().openapi({ example: 'Sam Ortiz' });
const userId = z.string().nullable().openapi({ example: EXAMPLE.userId });
const range = {
  date_from: dayOut,
  date_to: dayOut,
  time_zone: z.string().openapi({ example: 'America/New_York' }),
};

const csrFiguresShape = {
  total_calls: count,
  spam_calls: z
    .int()
    .openapi({ description: 'Calls that are flagged as spam; no other figure counts them.', example: 2 }),
  answered_calls: count,
  missed_calls: count,
  analyzed_calls: count,
  pending_analysis_calls: count,
  qualified_calls: count,
  qualified_rate: rate,
  booked_calls: count,
  booking_rate: rate,
  service_not_offered_calls: count,
  service_not_offered_rate: rate,
  qualified_but_unbooked_calls: count,
  avg_objections_per_qualified_call: average,
  avg_compliance_score: compliance,
  avg_sentiment_score: rate,
  avg_call_duration_seconds: average,
  top_missed_booking_reason: z.string().nullable().openapi({ example: 'price' }),
};

const followUpShape = {
  open_followups: count.openapi({ description: 'Follow-ups that are open or claimed now, whatever the range.' }),
  overdue_followups: count.openapi({ description: 'Of these, those that are more than 24 hours old.' }),
  median_callback_minutes: z.number().openapi({
    description:
      'Median minutes from an unanswered call of the range to the next conversation with its caller; 0 where there was none.',
    example: 42.5,
  }),
};

const csrOverviewShape = {
  ...range,
  ...csrFiguresShape,
  ...followUpShape,
  trend: z.array(
    z.object({
      date: dayOut,
      total_calls: count,
      qualified_calls: count,
      booked_calls: count,
      booking_rate: rate,
      qualified_rate: rate,
    }),
  ),
};

const salesFiguresShape = {
  total_appointments: count,
  completed_appointments: count,
  won_appointments: count,
  lost_appointments: count,
  pending_appointments: count,
  win_rate: rate,
  avg_objections_per_appointment: average,
  avg_compliance_score: compliance,
  avg_sentiment_score: rate,
};

const salesOverviewShape = {
  ...range,
  ...salesFiguresShape,
  trend: z.array(
    z.object({
      date: dayOut,
      total_appointments: count,
      won_appointments: count,
      lost_appointments: count,
    }),
  ),
};

const csrPartSchema = z.object(csrFiguresShape);
const csrSelfSchema = z
  .object({
    ...csrOverviewShape,
    mine: csrPartSchema.openapi({ description: 'The figures of calls that name you as agent.' }),
    unassigned: csrPartSchema.openapi({ description: 'The figures of calls that name no agent.' }),
  })
  .openapi('CsrOverview');
const salesOverviewSchema = z.object(salesOverviewShape).openapi('SalesOverview');
const csrOfCompanySchema = z
  .object({
    ...csrOverviewShape,
    by_csr: z.array(z.object({ csr_id: userId, name, ...csrFiguresShape })),
  })
  .openapi('CompanyCsrOverview');
const salesOfCompanySchema = z
  .object({
    ...salesOverviewShape,
    team_win_rate: rate,
    by_rep: z.array(z.object({ rep_id: userId, name, ...salesFiguresShape })),
  })
  .openapi('CompanySalesOverview');

const objectionsSchema = z
  .object({
    ...range,
    items: z.array(
      z.object({
        category: z.string().openapi({ description: 'The kind of objection.', example: 'Price' }),
        calls: count.openapi({ description: 'Calls in which it was heard.' }),
        objections: count.openapi({ description: 'How often it was heard.' }),
        overcome: count.openapi({ description: 'How often it was heard and overcome.' }),
      }),
    ),
  })
  .openapi('Objections');

/** The metrics endpoints. */
export function metricsRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const shared = { method: 'get', tag: 'Metrics', query: rangeQuery } as const;

  routes.add(
    {
      ...shared,
      path: '/metrics/csr/overview/self',
      permission: 'metrics.csr.self',
      summary: 'Read my call figures',
      description:
        'Counts inbound calls that name you as agent and calls that name no agent. `mine` and `unassigned` give the two ' +
        'apart; the other fields add them up.',
      data: csrSelfSchema,
    },
    async ({ db, query, access }) => {
      const days = await readRange(db, access.companyId, query);
      const agentId = access.actor.userId;
      const sums = await sumCalls(db, { companyId: access.companyId, range: days, agentId });
      const followUps = await followUpFigures(db, access.companyId, days, agentId);
      return {
        ...csrOverview(sums, days),
        ...followUps,
        mine: csrPart(sums, agentId),
        unassigned: csrPart(sums, null),
      };
    },
  );

  routes.add(
    {
      ...shared,
      path: '/metrics/sales/rep/overview/self',
      permission: 'metrics.sales.self',
      summary: 'Read my appointment figures',
      description: 'Appointments that are assigned to the user and not cancelled.',
      data: salesOverviewSchema,
    },
    async ({ db, query, access }) => {
      const days = await readRange(db, access.companyId, query);
      const repId = access.actor.userId;
      return salesOverview(await sumAppointments(db, { companyId: access.companyId, range: days, repId }), days);
    },
  );

  routes.add(
    {
      ...shared,
      path: '/metrics/exec/csr/overview',
      permission: 'metrics.exec',
      summary: 'Read the company’s call figures, in all and by agent',
      description: 'All inbound calls. `by_csr` adds up to the whole; `csr_id: null` are the calls that name nobody.',
      data: csrOfCompanySchema,
    },
    async ({ db, query, access }) => {
      const days = await readRange(db, access.companyId, query);
      const sums = await sumCalls(db, { companyId: access.companyId, range: days });
      const people = await peopleOf(db, access.companyId, 'csr', sums.byPerson);
      const by_csr = people.map(({ id, name }) => ({
        csr_id: id,
        name,
        ...csrPart(sums, id),
      }));
      return { ...csrOverview(sums, days), ...(await followUpFigures(db, access.companyId, days)), by_csr };
    },
  );

  routes.add(
    {
      ...shared,
      path: '/metrics/exec/sales/overview',
      permission: 'metrics.exec',
      summary: 'Read the company’s appointment figures, in all and by rep',
      description:
        'All appointments that are not cancelled. `by_rep` adds up to the whole; `rep_id: null` are unassigned.',
      data: salesOfCompanySchema,
    },
    async ({ db, query, access }) => {
      const days = await readRange(db, access.companyId, query);
      const sums = await sumAppointments(db, { companyId: access.companyId, range: days });
      const overview = salesOverview(sums, days);
      const people = await peopleOf(db, access.companyId, 'sales_rep', sums.byPerson);
      const by_rep = people.map(({ id, name }) => ({
        rep_id: id,
        name,
        ...salesFigures(sums.byPerson.get(id) ?? NO_APPOINTMENTS),
      }));
      return { ...overview, team_win_rate: overview.win_rate, by_rep };
    },
  );

  routes.add(
    {
      ...shared,
      path: '/metrics/exec/objections',
      permission: 'metrics.exec',
      summary: 'List objections by kind, the most frequent first',
      description:
        'Of inbound calls, whether qualified or not; at most 50 kinds. `GET /calls?objection=` has the calls.',
      data: objectionsSchema,
    },
    async ({ db, query, access }) => {
      const days = await readRange(db, access.companyId, query);
      return { ...rangeView(days), items: await countObjections(db, { companyId: access.companyId, range: days }) };
    },
  );

  return routes.app;
}

async function readRange(db: Queryable, companyId: string, query: RangeQuery): Promise<DayRange> {
  const timeZone = await companyTimeZone(db, companyId);
  const today = DateTime.now().setZone(timeZone).toFormat('yyyy-MM-dd');
  const to = query.date_to ?? (query.date_from !== undefined && query.date_from > today ? query.date_from : today);
  const from =
    query.date_from ??
    DateTime.fromISO(to)
      .minus({ days: DEFAULT_DAYS - 1 })
      .toFormat('yyyy-MM-dd');
  if (from > to) throw invalidField('date_from', 'must not be after date_to');
  if (countDays(from, to) > MAX_DAYS)
    throw invalidField('date_from', `must be at most ${MAX_DAYS} days before date_to`);
  return { from, to, timeZone };
}

const rangeView = ({ from, to, timeZone }: DayRange) => ({ date_from: from, date_to: to, time_zone: timeZone });

/** What waits now, and how fast callers of the range were called back. @param person also counts what nobody has */
async function followUpFigures(db: Queryable, companyId: string, days: DayRange, person?: string) {
  const { open, overdue, medianMinutes } = await sumFollowUps(db, { companyId, range: days, person });
  return {
    open_followups: open,
    overdue_followups: overdue,
    median_callback_minutes: medianMinutes === null ? 0 : Number(medianMinutes.toFixed(1)),
  };
}

/** The figures of one agent's calls, or of those that name nobody. */
const csrPart = (metrics: CallMetrics, agentId: string | null) => ({
  ...csrFigures(metrics.byPerson.get(agentId) ?? NO_CALLS),
  top_missed_booking_reason: metrics.topReasonByPerson.get(agentId) ?? null,
});

function csrOverview(metrics: CallMetrics, days: DayRange) {
  return {
    ...rangeView(days),
    ...csrFigures(metrics.total),
    top_missed_booking_reason: metrics.topMissedBookingReason,
    trend: datesBetween(days.from, days.to).map((date) => csrTrendDay(date, metrics.byDay.get(date) ?? NO_CALLS)),
  };
}

function salesOverview(sums: GroupedSums<AppointmentSums, AppointmentDay>, days: DayRange) {
  return {
    ...rangeView(days),
    ...salesFigures(sums.total),
    trend: datesBetween(days.from, days.to).map((date) => salesTrendDay(date, sums.byDay.get(date) ?? NO_APPOINTMENTS)),
  };
}

/** Everybody of a role, then others who have counts (with a name if we know one), then nobody if nobody has any. */
async function peopleOf(db: Queryable, companyId: string, role: Role, counted: ReadonlyMap<string | null, unknown>) {
  const users = await listUserNames(db, companyId);
  const ofRole = users.filter((user) => user.role === role);
  const shown = new Set<string | null>(ofRole.map((user) => user.id));
  const others = [...counted.keys()].filter((id) => id !== null && !shown.has(id)).sort();
  const named = others.map((id) => ({ id, name: users.find((user) => user.id === id)?.name ?? null }));
  return [
    ...ofRole.map(({ id, name }) => ({ id: id as string | null, name: name as string | null })),
    ...named,
    ...(counted.has(null) ? [{ id: null, name: null }] : []),
  ];
}
