/** Sums by day that the metrics read in place of the rows they count. Rebuilt from the rows at any time, and never needed. */
import { bigserial, date, doublePrecision, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/**
 * A moment on whose day a metric of the company has changed: written by triggers in the transaction of the change, one row
 * each time. The sums of that day are not read until they have been made anew and the row is gone.
 */
export const metricChanges = pgTable(
  'metric_changes',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    companyId: text('company_id').notNull(),
    kind: text('kind').$type<'call' | 'appointment'>().notNull(),
    at: moment('at').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('metric_changes_day').on(table.companyId, table.kind, table.at)],
);

/** For which days a company has sums, and in which zone and by which formulas they were made. */
export const metricCoverage = pgTable('metric_coverage', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id, { onDelete: 'cascade' }),
  timeZone: text('time_zone').notNull(),
  version: integer('version').notNull(),
  /** Every day from this one on has its sums; a day without rows had nothing to count. */
  since: date('since', { mode: 'string' }).notNull(),
});

const dayColumns = {
  companyId: text('company_id').notNull(),
  /** In the company's time zone. */
  day: date('day', { mode: 'string' }).notNull(),
  /** The agent of the calls, or the rep of the appointments; null: those that name nobody. */
  person: text('person'),
};
const count = (name: string) => integer(name).notNull();
const sum = (name: string) => doublePrecision(name).notNull();

/** See CallSums for what each counts. */
export const callDaySums = pgTable(
  'call_day_sums',
  {
    ...dayColumns,
    totalCalls: count('total_calls'),
    spamCalls: count('spam_calls').default(0),
    answeredCalls: count('answered_calls'),
    missedCalls: count('missed_calls'),
    analyzedCalls: count('analyzed_calls'),
    pendingAnalysisCalls: count('pending_analysis_calls'),
    qualifiedCalls: count('qualified_calls'),
    bookedCalls: count('booked_calls'),
    serviceNotOfferedCalls: count('service_not_offered_calls'),
    qualifiedButUnbookedCalls: count('qualified_but_unbooked_calls'),
    objectionsOfQualified: count('objections_of_qualified'),
    complianceSum: sum('compliance_sum'),
    complianceCount: count('compliance_count'),
    sentimentSum: sum('sentiment_sum'),
    sentimentCount: count('sentiment_count'),
    durationSum: sum('duration_sum'),
    durationCount: count('duration_count'),
    /** How often each category of objection was named in calls that are qualified and not booked. */
    unbookedReasons: jsonb('unbooked_reasons').$type<Record<string, number>>(),
  },
  (table) => [index('call_day_sums_day').on(table.companyId, table.day)],
);

/** See AppointmentSums for what each counts. */
export const appointmentDaySums = pgTable(
  'appointment_day_sums',
  {
    ...dayColumns,
    totalAppointments: count('total_appointments'),
    completedAppointments: count('completed_appointments'),
    wonAppointments: count('won_appointments'),
    lostAppointments: count('lost_appointments'),
    pendingAppointments: count('pending_appointments'),
    analyzedAppointments: count('analyzed_appointments'),
    objections: count('objections'),
    complianceSum: sum('compliance_sum'),
    complianceCount: count('compliance_count'),
    sentimentSum: sum('sentiment_sum'),
    sentimentCount: count('sentiment_count'),
  },
  (table) => [index('appointment_day_sums_day').on(table.companyId, table.day)],
);
