/**
 * The metrics of the demo's company, counted by hand. Its day: a booked call of Casey's (184 s, an objection that was
 * overcome, score 0.92, sentiment 0.86), a warm one of Morgan's (96 s, an objection, 0.64, 0.52), a missed call, a
 * voicemail of a cold lead (an objection, 0.7, 0.6); one visit, won (an objection, 0.95, 0.91).
 */

const NO_CALLS = {
  total_calls: 0,
  answered_calls: 0,
  missed_calls: 0,
  analyzed_calls: 0,
  pending_analysis_calls: 0,
  qualified_calls: 0,
  qualified_rate: 0,
  booked_calls: 0,
  booking_rate: 0,
  service_not_offered_calls: 0,
  service_not_offered_rate: 0,
  qualified_but_unbooked_calls: 0,
  avg_objections_per_qualified_call: 0,
  avg_compliance_score: 0,
  avg_sentiment_score: 0,
  avg_call_duration_seconds: 0,
  top_missed_booking_reason: null,
};

const NO_APPOINTMENTS = {
  total_appointments: 0,
  completed_appointments: 0,
  won_appointments: 0,
  lost_appointments: 0,
  pending_appointments: 0,
  win_rate: 0,
  avg_objections_per_appointment: 0,
  avg_compliance_score: 0,
  avg_sentiment_score: 0,
};

/** Before anything happened. */
export const EMPTY = { csr: NO_CALLS, sales: NO_APPOINTMENTS };

/** Casey: her booked call, and the two that name nobody. */
export const CSR_SELF = {
  ...NO_CALLS,
  total_calls: 3,
  answered_calls: 1,
  missed_calls: 2,
  analyzed_calls: 2,
  qualified_calls: 2,
  qualified_rate: 1,
  booked_calls: 1,
  booking_rate: 1 / 2,
  qualified_but_unbooked_calls: 1,
  avg_objections_per_qualified_call: 1,
  avg_compliance_score: (10 * (0.92 + 0.7)) / 2,
  avg_sentiment_score: (0.86 + 0.6) / 2,
  avg_call_duration_seconds: 184,
  top_missed_booking_reason: 'Timing',
};

/** The whole company. Price and Timing were each the reason once; the first by alphabet is shown. */
export const CSR_ALL = {
  ...NO_CALLS,
  total_calls: 4,
  answered_calls: 2,
  missed_calls: 2,
  analyzed_calls: 3,
  qualified_calls: 3,
  qualified_rate: 1,
  booked_calls: 1,
  booking_rate: 0.3333,
  qualified_but_unbooked_calls: 2,
  avg_objections_per_qualified_call: 1,
  avg_compliance_score: 7.533333,
  avg_sentiment_score: (0.86 + 0.52 + 0.6) / 3,
  avg_call_duration_seconds: (184 + 96) / 2,
  top_missed_booking_reason: 'Price',
};

/** The rep's one visit; the company has no other. */
export const SALES = {
  ...NO_APPOINTMENTS,
  total_appointments: 1,
  completed_appointments: 1,
  won_appointments: 1,
  win_rate: 1,
  avg_objections_per_appointment: 1,
  avg_compliance_score: 9.5,
  avg_sentiment_score: 0.91,
};
