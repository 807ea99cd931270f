/** Shapes that many routes share. */
import { z } from '@hono/zod-openapi';
import { DateTime } from 'luxon';
import { parsePhone } from '../../domain/phone.ts';
import { timeZoneNames } from '../../domain/timeZone.ts';

/** Text a person enters, trimmed. NUL and halves of characters are refused for every body before this. */
export const text = (max: number) => z.string().trim().max(max);
export const requiredText = (max: number) => z.string().trim().min(1).max(max).openapi({ pattern: '\\S' });

/** Text that may be absent; `null` and '' take it away. */
export const optionalText = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .nullish()
    .transform((value) => (value === '' ? null : value))
    .openapi({ type: ['string', 'null'], maxLength: max });

/** An id of another row in a body. */
export const idText = z.string().min(1).max(255);

/** The filter of admins' lists. */
export const companyQuery = z
  .string()
  .max(255)
  .optional()
  .openapi({ description: 'Only rows of this company. For admins, who see every company.' });

/** Years that Postgres, JavaScript and every calendar agree on. */
const isSaneYear = (year: number) => year >= 1900 && year <= 2999;
const SANE_YEAR = '^(19|2\\d)\\d\\d-';

/** Luxon reads far more (weeks, ordinal days, a date alone): a day and a time must be there. */
const MOMENT = /^\d{4}-?\d\d-?\d\d[T ]\d\d/i;

/** A moment in any form of ISO 8601; without an offset it is local time of the company. As a function of its zone. */
export const momentInput = z
  .string()
  .transform((value, context) => {
    const text = value.toUpperCase().replace(' ', 'T');
    const moment = DateTime.fromISO(text, { zone: 'utc' });
    if (MOMENT.test(value) && moment.isValid && isSaneYear(moment.year))
      return (timeZone: string): Date => DateTime.fromISO(text, { zone: timeZone }).toJSDate();
    context.addIssue('must be ISO 8601 in the years 1900 to 2999, like 2026-03-14T09:00:00 or with an offset, …-04:00');
    return z.NEVER;
  })
  .openapi({
    type: 'string',
    pattern: SANE_YEAR,
    example: '2026-03-14T09:00:00-04:00',
    description: 'When the appointment starts, in ISO 8601. Without an offset it is local time of the company.',
  });

/** A calendar day, YYYY-MM-DD. */
export const dayInput = z.iso
  .date('must be a date, YYYY-MM-DD')
  .refine((value) => isSaneYear(Number(value.slice(0, 4))), 'must lie in the years 1900 to 2999')
  .openapi({ type: 'string', format: 'date', pattern: SANE_YEAR, example: '2026-03-14' });

/** A phone number in a body, as E.164. */
export const phoneInput = z
  .string()
  .max(64)
  .transform((value, context) => {
    const phone = parsePhone(value);
    if (phone === undefined) context.addIssue({ code: 'custom', message: 'must be a phone number' });
    return phone ?? z.NEVER;
  })
  .openapi({ type: 'string', example: '+15551234567' });

/** A phone number in a query, where a `+` may have come as a space. Undefined where it is none. */
export const parseQueryPhone = (value: string): string | undefined => parsePhone(value.replace(/^ +(?=\d)/, '+'));

export const timeZoneInput = z
  .string()
  .max(64)
  .refine((zone) => timeZoneNames(zone).length > 0, 'must be a place, like America/New_York')
  .openapi({
    example: 'America/New_York',
    description:
      'The company’s time zone: a place of the IANA time zone database, or UTC. Former names (US/Eastern) are stored as the present one; ' +
      'abbreviations (EST) and offsets are refused.',
  });

/** A comma-separated list of values, for filters. */
export const commaList = <T extends readonly [string, ...string[]]>(values: T) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .pipe(z.array(z.enum(values)).min(1, 'must name at least one value'))
    .openapi({
      type: 'string',
      pattern: `^(${values.join('|')})( *, *(${values.join('|')}))*$`,
      description: 'One or more of these values, separated by commas.',
      'x-values': [...values],
      example: values[0],
    });

export const booleanQuery = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .openapi({ type: 'string', enum: ['true', 'false'] });

/** The answer of an error. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:callwright:error:not_found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    appointment_id: z
      .string()
      .optional()
      .openapi({ description: 'The id of the appointment that replaced the one of the request.' }),
  })
  .openapi('Problem');
