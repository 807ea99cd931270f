/** The formulas of the metrics, over sums that the database made. Rates are 0..1, averages of nothing are 0. */

/** Inbound calls of one group (company, agent or day), summed. */
export interface CallSums {
  /** Without spam, as all that follows. */
  totalCalls: number;
  /** Flagged as spam; counted nowhere else. */
  spamCalls: number;
  /** Completed or in progress, and answered. */
  answeredCalls: number;
  /** Missed, abandoned or voicemail. */
  missedCalls: number;
  /** With an analysis, even an empty one. */
  analyzedCalls: number;
  /** Whose pipeline is in no final stage. */
  pendingAnalysisCalls: number;
  /** Hot, warm or cold, or booked. */
  qualifiedCalls: number;
  bookedCalls: number;
  /** Qualified and service_not_offered. */
  serviceNotOfferedCalls: number;
  /** Qualified and not_booked. */
  qualifiedButUnbookedCalls: number;
  /** Objections in qualified calls. */
  objectionsOfQualified: number;
  /** Compliance scores (0..1) and how many analyses have one; likewise below. */
  complianceSum: number;
  complianceCount: number;
  sentimentSum: number;
  sentimentCount: number;
  /** Seconds of answered calls that have a duration. */
  durationSum: number;
  durationCount: number;
}

/** Appointments that are not cancelled, of one group (company, rep or day), summed. */
export interface AppointmentSums {
  totalAppointments: number;
  /** Status completed. */
  completedAppointments: number;
  /** By outcome: the three add up to the total. */
  wonAppointments: number;
  lostAppointments: number;
  pendingAppointments: number;
  /** Appointments whose visit has an analysis, and the objections in those. */
  analyzedAppointments: number;
  objections: number;
  complianceSum: number;
  complianceCount: number;
  sentimentSum: number;
  sentimentCount: number;
}

export const NO_CALLS: CallSums = {
  totalCalls: 0,
  spamCalls: 0,
  answeredCalls: 0,
  missedCalls: 0,
  analyzedCalls: 0,
  pendingAnalysisCalls: 0,
  qualifiedCalls: 0,
  bookedCalls: 0,
  serviceNotOfferedCalls: 0,
  qualifiedButUnbookedCalls: 0,
  objectionsOfQualified: 0,
  complianceSum: 0,
  complianceCount: 0,
  sentimentSum: 0,
  sentimentCount: 0,
  durationSum: 0,
  durationCount: 0,
};

export const NO_APPOINTMENTS: AppointmentSums = {
  totalAppointments: 0,
  completedAppointments: 0,
  wonAppointments: 0,
  lostAppointments: 0,
  pendingAppointments: 0,
  analyzedAppointments: 0,
  objections: 0,
  complianceSum: 0,
  complianceCount: 0,
  sentimentSum: 0,
  sentimentCount: 0,
};

const roundTo = (decimals: number, value: number): number => Number(value.toFixed(decimals));

/** A part of a whole, 0..1, to four decimal places; 0 where the whole is nothing. */
export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : roundTo(4, part / whole));

/** An average, to six decimal places; 0 of nothing. */
const average = (sum: number, count: number): number => (count === 0 ? 0 : roundTo(6, sum / count));

/** Compliance is shown on a scale of 0..10. */
const COMPLIANCE_SCALE = 10;

/** What a CSR's dashboard shows of summed calls; the trend and the top reason are added by the caller. */
export function csrFigures(sums: CallSums) {
  return {
    total_calls: sums.totalCalls,
    spam_calls: sums.spamCalls,
    answered_calls: sums.answeredCalls,
    missed_calls: sums.missedCalls,
    analyzed_calls: sums.analyzedCalls,
    pending_analysis_calls: sums.pendingAnalysisCalls,
    qualified_calls: sums.qualifiedCalls,
    qualified_rate: ratio(sums.qualifiedCalls, sums.analyzedCalls),
    booked_calls: sums.bookedCalls,
    booking_rate: ratio(sums.bookedCalls, sums.qualifiedCalls),
    service_not_offered_calls: sums.serviceNotOfferedCalls,
    service_not_offered_rate: ratio(sums.serviceNotOfferedCalls, sums.qualifiedCalls),
    qualified_but_unbooked_calls: sums.qualifiedButUnbookedCalls,
    avg_objections_per_qualified_call: average(sums.objectionsOfQualified, sums.qualifiedCalls),
    avg_compliance_score: average(COMPLIANCE_SCALE * sums.complianceSum, sums.complianceCount),
    avg_sentiment_score: average(sums.sentimentSum, sums.sentimentCount),
    avg_call_duration_seconds: average(sums.durationSum, sums.durationCount),
  };
}

/** One day of a CSR's trend. */
export function csrTrendDay(
  date: string,
  sums: Pick<CallSums, 'totalCalls' | 'analyzedCalls' | 'qualifiedCalls' | 'bookedCalls'>,
) {
  return {
    date,
    total_calls: sums.totalCalls,
    qualified_calls: sums.qualifiedCalls,
    booked_calls: sums.bookedCalls,
    booking_rate: ratio(sums.bookedCalls, sums.qualifiedCalls),
    qualified_rate: ratio(sums.qualifiedCalls, sums.analyzedCalls),
  };
}

/** What a sales rep's dashboard shows of summed appointments; the trend is added by the caller. */
export function salesFigures(sums: AppointmentSums) {
  return {
    total_appointments: sums.totalAppointments,
    completed_appointments: sums.completedAppointments,
    won_appointments: sums.wonAppointments,
    lost_appointments: sums.lostAppointments,
    pending_appointments: sums.pendingAppointments,
    win_rate: ratio(sums.wonAppointments, sums.wonAppointments + sums.lostAppointments),
    avg_objections_per_appointment: average(sums.objections, sums.analyzedAppointments),
    avg_compliance_score: average(COMPLIANCE_SCALE * sums.complianceSum, sums.complianceCount),
    avg_sentiment_score: average(sums.sentimentSum, sums.sentimentCount),
  };
}

/** One day of a sales rep's trend. */
export function salesTrendDay(
  date: string,
  sums: Pick<AppointmentSums, 'totalAppointments' | 'wonAppointments' | 'lostAppointments'>,
) {
  return {
    date,
    total_appointments: sums.totalAppointments,
    won_appointments: sums.wonAppointments,
    lost_appointments: sums.lostAppointments,
  };
}

/**
 * The category counted most; among equals the first by alphabet, so that the answer does not flicker.
 * @param counts how often each was named
 */
export function topCategory(counts: ReadonlyMap<string, number>): string | null {
  let top: { category: string; count: number } | null = null;
  for (const [category, count] of counts) {
    const wins = top === null || count > top.count || (count === top.count && category < top.category);
    if (wins) top = { category, count };
  }
  return top?.category ?? null;
}

const DAY_MS = 86_400_000;
const utc = (date: string): number => Date.parse(`${date}T00:00:00Z`);

/** How many days a range of dates has, both ends counted. */
export const countDays = (from: string, to: string): number => (utc(to) - utc(from)) / DAY_MS + 1;

/** Every date of a range, both ends included. A date is a calendar day, so no clock change matters here. */
export function datesBetween(from: string, to: string): string[] {
  return Array.from({ length: Math.max(0, countDays(from, to)) }, (_, index) =>
    new Date(utc(from) + index * DAY_MS).toISOString().slice(0, 10),
  );
}
