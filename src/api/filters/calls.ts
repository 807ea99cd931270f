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
    .openapi({ description: 'Only calls that are flagged as spam, or only those that are not.' }),
  stage: commaList(PIPELINE_STAGES).optional(),
  booking_status: commaList(BOOKING_STATUSES).optional(),
  qualification: commaList(QUALIFICATIONS).optional(),
  csr_id: z.string().max(255).optional(),
  handled_by: z
    .string()
    .max(4000)
    .transform((ids) => ids.split(','))
    .optional()
    .openapi({
      type: 'string',
      description:
        'User ids with commas: calls that name any of them as agent. `none` stands for calls that name nobody.',
    }),
  analyzed: booleanQuery.optional().openapi({ description: 'Whether the call has an analysis.' }),
  qualified: booleanQuery
    .optional()
    .openapi({ description: 'Whether the call counts as qualified: hot, warm or cold, or booked.' }),
  objection: z.string().max(200).optional().openapi({ description: 'Category of an objection that was heard.' }),
  phone_number: z.string().max(64).optional().openapi({ description: 'The caller’s.', example: '+15551234567' }),
  date_from: dayInput.optional().openapi({ description: 'First day of the start, in the company’s time zone.' }),
  date_to: dayInput.optional().openapi({ description: 'Last day, included.' }),
  q: z
    .string()
    .max(200)
    .optional()
    .openapi({
      description:
        'Finds calls by words of the summary or the transcript, each written out or begun, or by any part of the caller’s name or ' +
        'number. All words must stand in one of these.',
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
