import { DateTime } from 'luxon';

const DATE_AND_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/i;

/**
 * Reads the appointment date of an analysis.
 * @param text ISO 8601; without an offset it is the company's local time
 * @param timeZone IANA name of the company's zone
 * @returns the moment, or null for a date alone, words, or nonsense
 */
export function parseAppointmentDate(text: string | null, timeZone: string): Date | null {
  const trimmed = text?.trim() ?? '';
  if (!DATE_AND_TIME.test(trimmed)) return null;
  const parsed = DateTime.fromISO(trimmed.replace(' ', 'T').replaceAll(' ', ''), { zone: timeZone });
  return parsed.isValid ? parsed.toJSDate() : null;
}
