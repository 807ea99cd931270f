/** Calls, leads and appointments as CSV: the filters, permissions and row scopes of the lists, without their pages. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Queryable } from '../../db/client.ts';
import { type AppointmentRow, listAppointments } from '../../db/queries/appointments.ts';
import { type CallRow, listCalls } from '../../db/queries/calls.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { type LeadRow, listLeads } from '../../db/queries/leads.ts';
import { errorFields } from '../../runtime/telemetry.ts';
import { recordExport } from '../../services/exports/record.ts';
import { appointmentView } from '../../views/appointment.ts';
import { callView } from '../../views/call.ts';
import { leadView } from '../../views/lead.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { appointmentFilters, readAppointmentFilter } from '../filters/appointments.ts';
import { callFilters, readCallFilter } from '../filters/calls.ts';
import { leadFilters, readLeadFilter } from '../filters/leads.ts';
import { CSV_PAGE_ROWS, type CsvColumn, type CsvFile, csvLines, csvResponse, localTime } from '../http/csv.ts';
import type { Access } from '../http/permissions.ts';
import { createPublicBase } from '../http/publicBase.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { booleanQuery } from '../http/schemas.ts';

/** Several values in one cell. */
const joined = (values: (string | null)[]) => values.filter((value) => value !== null).join('; ');

type Call = ReturnType<typeof callView>;
const CALL_COLUMNS: CsvColumn<Call>[] = [
  ['id', (call) => call.id],
  ['provider_call_id', (call) => call.provider_call_id],
  ['status', (call) => call.status],
  ['direction', (call) => call.direction],
  ['answered', (call) => call.answered],
  ['started_at', (call) => call.started_at],
  ['ended_at', (call) => call.ended_at],
  ['duration_seconds', (call) => call.duration_seconds],
  ['tracking_number', (call) => call.tracking_number],
  ['contact_id', (call) => call.contact.id],
  ['contact_name', (call) => call.contact.name],
  ['phone_number', (call) => call.contact.phone_number],
  ['lead_id', (call) => call.lead_id],
  ['csr_id', (call) => call.csr_id],
  ['has_recording', (call) => call.has_recording],
  ['stage', (call) => call.pipeline.stage],
  ['qualification', (call) => call.analysis?.qualification ?? null],
  ['booking_status', (call) => call.analysis?.booking_status ?? null],
  ['call_outcome_category', (call) => call.analysis?.call_outcome_category ?? null],
  ['objections', (call) => joined(call.analysis?.objections.map(({ category }) => category) ?? [])],
  ['compliance_score', (call) => call.analysis?.sop_compliance.score ?? null],
  ['sentiment_score', (call) => call.analysis?.sentiment_score ?? null],
  ['summary', (call) => call.analysis?.summary ?? null],
  ['edited', (call) => call.analysis?.edited ?? null],
  ['analyzed_at', (call) => call.analysis?.analyzed_at ?? null],
  ['created_at', (call) => call.created_at],
  ['updated_at', (call) => call.updated_at],
  ['started_at_local', (call, file) => localTime(call.started_at, file)],
  ['time_zone', (_, file) => file.timeZone],
  ['url', (call, file) => `${file.base}/calls/${call.id}`],
  ['spam', (call) => call.spam],
  ['caller_number', (call) => call.caller_number],
];

type Lead = ReturnType<typeof leadView>;
const LEAD_COLUMNS: CsvColumn<Lead>[] = [
  ['id', (lead) => lead.id],
  ['contact_id', (lead) => lead.contact.id],
  ['contact_name', (lead) => lead.contact.name],
  ['phone_number', (lead) => lead.contact.phone_number],
  ['status', (lead) => lead.status],
  ['qualification', (lead) => lead.qualification],
  ['source', (lead) => lead.source],
  ['assigned_rep_id', (lead) => lead.assigned_rep_id],
  ['call_ids', (lead) => joined(lead.call_ids)],
  ['notes', (lead) => lead.notes],
  ['created_at', (lead) => lead.created_at],
  ['updated_at', (lead) => lead.updated_at],
  ['created_at_local', (lead, file) => localTime(lead.created_at, file)],
  ['time_zone', (_, file) => file.timeZone],
];

type Appointment = ReturnType<typeof appointmentView>;
const APPOINTMENT_COLUMNS: CsvColumn<Appointment>[] = [
  ['id', (appointment) => appointment.id],
  ['lead_id', (appointment) => appointment.lead_id],
  ['call_id', (appointment) => appointment.call_id],
  ['contact_id', (appointment) => appointment.contact.id],
  ['contact_name', (appointment) => appointment.contact.name],
  ['phone_number', (appointment) => appointment.contact.phone_number],
  ['scheduled_start', (appointment) => appointment.scheduled_start],
  ['duration_minutes', (appointment) => appointment.duration_minutes],
  ['assigned_rep_id', (appointment) => appointment.assigned_rep_id],
  ['location', (appointment) => appointment.location],
  ['service_type', (appointment) => appointment.service_type],
  ['status', (appointment) => appointment.status],
  ['outcome', (appointment) => appointment.outcome],
  ['rescheduled_from_id', (appointment) => appointment.rescheduled_from_id],
  ['rescheduled_to_id', (appointment) => appointment.rescheduled_to_id],
  ['created_at', (appointment) => appointment.created_at],
  ['updated_at', (appointment) => appointment.updated_at],
  ['said_date', (appointment) => appointment.said_date],
  ['review', (appointment) => appointment.review?.reason ?? null],
  ['scheduled_start_local', (appointment, file) => localTime(appointment.scheduled_start, file)],
  ['time_zone', (_, file) => file.timeZone],
];

const fileQuery = {
  bom: booleanQuery.optional().openapi({
    description:
      '`true` (as by default): the file begins with a byte order mark, which Excel needs to read UTF-8. `false`: it does not.',
  }),
};

/** Everything below /exports. */
export function exportRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const publicBase = createPublicBase(deps.config);

  routes.add(
    {
      ...describeExport('calls', CALL_COLUMNS),
      path: '/exports/calls',
      permission: 'calls.read',
      summary: 'Export calls as CSV, newest first',
      query: z.object({ ...callFilters, ...fileQuery }),
    },
    async ({ c, db, query, access }) => {
      const file = await fileOf(db, access, query, publicBase(c));
      const filter = await readCallFilter(db, access, query);
      await recordExport(db, access, 'calls', filtersIn(query));
      const readPage = (last?: CallRow) =>
        listCalls(db, filter, {
          limit: CSV_PAGE_ROWS,
          after: last && { at: last.call.startedAt, id: last.call.id },
        });
      return csvResponse({
        name: 'calls',
        file,
        columns: CALL_COLUMNS,
        view: callView,
        readPage,
        onError: logTo(deps, c),
      });
    },
  );

  routes.add(
    {
      ...describeExport('leads', LEAD_COLUMNS),
      path: '/exports/leads',
      permission: 'leads.read',
      summary: 'Export leads as CSV, newest first',
      query: z.object({ ...leadFilters, ...fileQuery }),
    },
    async ({ c, db, query, access }) => {
      const file = await fileOf(db, access, query, publicBase(c));
      const filter = await readLeadFilter(db, access, query);
      await recordExport(db, access, 'leads', filtersIn(query));
      const readPage = (last?: LeadRow) =>
        listLeads(db, filter, {
          limit: CSV_PAGE_ROWS,
          after: last && { at: last.createdAt, id: last.id },
        });
      return csvResponse({
        name: 'leads',
        file,
        columns: LEAD_COLUMNS,
        view: leadView,
        readPage,
        onError: logTo(deps, c),
      });
    },
  );

  routes.add(
    {
      ...describeExport('appointments', APPOINTMENT_COLUMNS),
      path: '/exports/appointments',
      permission: 'appointments.read',
      summary: 'Export appointments as CSV, by start; those without a time last',
      query: z.object({ ...appointmentFilters, ...fileQuery }),
    },
    async ({ c, db, query, access }) => {
      const file = await fileOf(db, access, query, publicBase(c));
      const filter = await readAppointmentFilter(db, access, query);
      await recordExport(db, access, 'appointments', filtersIn(query));
      const readPage = (last?: AppointmentRow) =>
        listAppointments(db, filter, {
          limit: CSV_PAGE_ROWS,
          after: last && { at: last.scheduledStart, id: last.id },
        });
      const columns = APPOINTMENT_COLUMNS;
      const onError = logTo(deps, c);
      return csvResponse({ name: 'appointments', file, columns, view: appointmentView, readPage, onError });
    },
  );

  return routes.app;
}

function describeExport<Item>(name: string, columns: CsvColumn<Item>[]) {
  const header = csvLines([columns.map(([column]) => column)]);
  return {
    method: 'get',
    tag: 'Exports',
    description:
      `All rows that match, with the filters of \`GET /${name}\`. The header row is always there; columns are only ever added, at ` +
      "the end. UTF-8, RFC 4180. A cell that a spreadsheet would take for a formula begins with a `'`; numbers and E.164 " +
      'phone numbers stay as they are. Times are in UTC; columns whose name ends in `_local` have the company’s time; `url` ' +
      'opens the call in the console. Each export is in the audit log. If the connection ends without the last chunk, the ' +
      'file is not complete.',
    text: { type: 'text/csv', example: header },
  } as const;
}

async function fileOf(
  db: Queryable,
  { companyId }: Access<string>,
  query: { bom?: boolean },
  base: string,
): Promise<CsvFile> {
  return { timeZone: await companyTimeZone(db, companyId), bom: query.bom !== false, base };
}

const filtersIn = (query: object) => Object.keys(query).filter((name) => name !== 'bom');

const logTo = (deps: ApiDeps, c: Context<ApiEnv>) => (error: unknown) =>
  deps.logger.error({ requestId: c.get('requestId'), ...errorFields(error) }, 'an export was cut off');
