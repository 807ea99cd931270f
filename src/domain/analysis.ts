/** What an analysis says, in the values the service promises. Unknown provider values are absent here and kept raw. */

export const QUALIFICATIONS = ['hot', 'warm', 'cold', 'unqualified'] as const;
export type Qualification = (typeof QUALIFICATIONS)[number];

export const BOOKING_STATUSES = ['booked', 'not_booked', 'service_not_offered'] as const;
export type BookingStatus = (typeof BOOKING_STATUSES)[number];

export const CALL_OUTCOME_CATEGORIES = [
  'qualified_and_booked',
  'qualified_but_unbooked',
  'qualified_service_not_offered',
  'unqualified',
] as const;
export type CallOutcomeCategory = (typeof CALL_OUTCOME_CATEGORIES)[number];

export interface Objection {
  category: string | null;
  text: string | null;
  overcome: boolean | null;
  severity: string | null;
}

export interface SopCompliance {
  /** 0..1 */
  score: number | null;
  stagesFollowed: string[];
  stagesMissed: string[];
}

/** The part that calls and visits share. */
export interface ConversationAnalysis {
  objections: Objection[];
  sopCompliance: SopCompliance;
  /** 0..1 */
  sentimentScore: number | null;
  summary: string | null;
}

export interface CallAnalysis extends ConversationAnalysis {
  qualification: Qualification | null;
  bookingStatus: BookingStatus | null;
  callOutcomeCategory: CallOutcomeCategory | null;
  /** As the provider wrote it: ISO 8601 with or without an offset, a date alone, or words. */
  appointmentDate: string | null;
  appointmentLocation: string | null;
  serviceRequested: string | null;
  assignedRepId: string | null;
}

export interface VisitAnalysis extends ConversationAnalysis {
  outcome: AppointmentOutcome | null;
}

export const APPOINTMENT_OUTCOMES = ['pending', 'won', 'lost'] as const;
export type AppointmentOutcome = (typeof APPOINTMENT_OUTCOMES)[number];

/** The category that qualification and booking status give; null where they say too little. */
export function deriveCategory(analysis: {
  qualification: Qualification | null;
  bookingStatus: BookingStatus | null;
}): CallOutcomeCategory | null {
  if (analysis.bookingStatus === 'booked') return 'qualified_and_booked';
  if (analysis.qualification === 'unqualified') return 'unqualified';
  if (analysis.qualification === null) return null;
  if (analysis.bookingStatus === 'service_not_offered') return 'qualified_service_not_offered';
  if (analysis.bookingStatus === 'not_booked') return 'qualified_but_unbooked';
  return null;
}
