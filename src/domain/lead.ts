/** A lead's status and how calls move it. */
import type { BookingStatus, Qualification } from './analysis.ts';

export const LEAD_STATUSES = [
  'new',
  'hot',
  'warm',
  'cold',
  'unqualified',
  'qualified_booked',
  'qualified_service_not_offered',
  'closed_won',
  'closed_lost',
] as const;
export type LeadStatus = (typeof LEAD_STATUSES)[number];

/** A call of a contact whose lead is in one of these makes a new lead. */
export const NOT_OPEN_LEAD_STATUSES = [
  'closed_won',
  'closed_lost',
  'unqualified',
  'qualified_service_not_offered',
] as const satisfies readonly LeadStatus[];

const RANK: Partial<Record<LeadStatus, number>> = {
  new: 0,
  unqualified: 0.5,
  cold: 1,
  warm: 2,
  hot: 3,
  qualified_service_not_offered: 4,
  qualified_booked: 5,
};

/** The status an analysis asks for: booked first, then service not offered, else the qualification. */
export function leadStatusOf(analysis: {
  qualification: Qualification | null;
  bookingStatus: BookingStatus | null;
}): LeadStatus | null {
  if (analysis.bookingStatus === 'booked') return 'qualified_booked';
  if (analysis.bookingStatus === 'service_not_offered') return 'qualified_service_not_offered';
  return analysis.qualification;
}

/**
 * The status after one more analysis: it only raises (cold < warm < hot < qualified_service_not_offered <
 * qualified_booked), `unqualified` only follows new, and a closed lead stays closed.
 */
export function raiseLeadStatus(current: LeadStatus, wanted: LeadStatus | null): LeadStatus {
  if (wanted === null) return current;
  const from = RANK[current];
  const to = RANK[wanted];
  if (from === undefined || to === undefined) return current;
  return to > from ? wanted : current;
}
