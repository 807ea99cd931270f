/** Value lists and rules of appointments and visits. */
import { DateTime } from 'luxon';

export const APPOINTMENT_STATUSES = ['scheduled', 'confirmed', 'completed', 'cancelled', 'no_show'] as const;
export type AppointmentStatus = (typeof APPOINTMENT_STATUSES)[number];

export const RECORDING_SESSION_STATUSES = ['recording', 'completed', 'failed'] as const;
export type RecordingSessionStatus = (typeof RECORDING_SESSION_STATUSES)[number];

/** Only these are still to come, and take a rep's time. */
export const OPEN_APPOINTMENT_STATUSES = ['scheduled', 'confirmed'] as const satisfies readonly AppointmentStatus[];
export const isOpenStatus = (status: AppointmentStatus): boolean =>
  (OPEN_APPOINTMENT_STATUSES as readonly string[]).includes(status);

/** Why a person should look at an appointment, the most urgent first; `src/api/http/meanings.ts` says what each means. */
export const REVIEW_REASONS = [
  'possible_duplicate',
  'second_open_appointment',
  'overlap',
  'unusual_hour',
  'no_open_appointment',
] as const;
export type ReviewReason = (typeof REVIEW_REASONS)[number];

/** Local hours between which visits start; a start outside is more likely a wrong offset than a wish. */
const USUAL_HOURS = { from: 6, to: 21 };

/** Whether a start lies outside of 06:00 to 21:00 of the company's local time. */
export function isUnusualHour(start: Date, timeZone: string): boolean {
  const local = DateTime.fromJSDate(start, { zone: timeZone });
  const hour = local.hour + local.minute / 60;
  return hour < USUAL_HOURS.from || hour > USUAL_HOURS.to;
}

/** The longest an appointment can take: a week. Also bounds how far back an overlap is looked for. */
export const MAX_APPOINTMENT_MINUTES = 7 * 24 * 60;

/** Minutes an appointment takes when nobody says. */
export const DEFAULT_APPOINTMENT_MINUTES = 60;
