/** What lists and exports of calls can be filtered by. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { BOOKING_STATUSES, QUALIFICATIONS } from '../../domain/analysis.ts';
import { CALL_DIRECTIONS, CALL_STATUSES } from '../../domain/call.ts';
import { PIPELINE_STAGES } from '../../domain/pipeline.ts';
import type { Access } from '../http/permissions.ts';
import { booleanQuery, commaList, dayInput, parseQueryPhone } from '../http/schemas.ts';

export const callFilters = {
  status: commaList(CALL_STATUSES).optional(),
  direction: commaList(CALL_DIRECTIONS)
    .optional()
    .openapi({ description: '`inbound`: the contact called. `outbound`: the company called.' }),
  spam: booleanQuery
    .optional()
    .openapi({ description: '`true`: only calls that are flagged as spam. `false`: only the others.' }),
  stage: commaList(PIPELINE_STAGES).optional(),
  booking_status: commaList(BOOKING_STATUSES).optional(),
  qualification: commaList(QUALIFICATIONS).optional(),
  csr_id: z.string().max(255).optional().openapi({ description: 'Only calls that this user took.' }),
  handled_by: z
    .string()
    .max(4000)
    .transform((ids) => ids.split(','))
    .optional()
    .openapi({
      type: 'string',
      description:
        'Only calls that one of these users took: user ids, separated by commas. `none`: calls that name nobody.',
    }),
  analyzed: booleanQuery
    .optional()
    .openapi({ description: '`true`: only calls that have an analysis. `false`: only the others.' }),
  qualified: booleanQuery
    .optional()
    .openapi({ description: '`true`: only qualified calls (hot, warm or cold, or booked). `false`: only the others.' }),
  objection: z
    .string()
    .max(200)
    .optional()
    .openapi({ description: 'Only calls in which an objection of this category was heard.' }),
  phone_number: z
    .string()
    .max(64)
    .optional()
    .openapi({ description: 'Only calls with this number of the contact.', example: '+15551234567' }),
  date_from: dayInput
    .optional()
    .openapi({ description: 'Only calls that began on this day or later, in the company’s time zone.' }),
  date_to: dayInput.optional().openapi({ description: 'Only calls that began on this day or earlier.' }),
  q: z
    .string()
    .max(200)
    .optional()
    .openapi({
      description:
        'Only calls that contain all of these words in the summary or in the transcript, or this text in the caller’s name or ' +
        'number. The beginning of a word is enough.',
    }),
};

type CallFilters = z.output<z.ZodObject<typeof callFilters>>;

/** What the filters ask for, of the calls that somebody may see. */
export async function readCallFilter(db: Queryable, { companyId, repId }: Access<string>, query: CallFilters) {
  const { date_from: from, date_to: to } = query;
  return {
    companyId,
    repId,
    status: query.status,
    direction: query.direction,
    spam: query.spam,
    stage: query.stage,
    bookingStatus: query.booking_status,
    qualification: query.qualification,
    csrId: query.csr_id,
    handledBy: query.handled_by,
    analyzed: query.analyzed,
    qualified: query.qualified,
    objection: query.objection,
    // What is no phone number is nobody's.
    phoneNumber: query.phone_number === undefined ? undefined : (parseQueryPhone(query.phone_number) ?? ''),
    startedOn: from || to ? { from, to, timeZone: await companyTimeZone(db, companyId) } : undefined,
    text: query.q,
  };
}
