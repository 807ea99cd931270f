/** Leads: read, and moved by people. */
import { z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { writeAudit } from '../../db/queries/audit.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { findLead, type LeadRow, type LeadScope, leadsOf, listLeads, lockLead } from '../../db/queries/leads.ts';
import { findUser } from '../../db/queries/users.ts';
import { leads } from '../../db/schema/index.ts';
import { QUALIFICATIONS } from '../../domain/analysis.ts';
import { LEAD_STATUSES } from '../../domain/lead.ts';
import { changeLead } from '../../services/leads/change.ts';
import type { ApiDeps } from '../deps.ts';
import { checkIfMatch, etagOf } from '../http/conditional.ts';
import { ApiError, invalidField, notFound } from '../http/errors.ts';
import {
  countUpTo,
  decodeMomentCursor,
  encodeMomentCursor,
  listOf,
  olderThan,
  pageQuery,
  toList,
} from '../http/pagination.ts';
import type { Access } from '../http/permissions.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { booleanQuery, commaList, dayInput, idText, optionalText } from '../http/schemas.ts';
import { leadSchema, leadView } from '../views/lead.ts';

/** Filters of the list and of the export. */
export const leadFilters = {
  status: commaList(LEAD_STATUSES).optional(),
  qualification: commaList(QUALIFICATIONS).optional(),
  assigned_rep_id: z.string().max(255).optional(),
  contact_id: z.string().max(255).optional(),
  has_open_appointment: booleanQuery.optional().openapi({
    description: '`false`: only leads without a scheduled or confirmed appointment. `true`: only those with one.',
  }),
  date_from: dayInput.optional().openapi({ description: 'Made on this day or later, in the company’s time zone.' }),
  date_to: dayInput.optional(),
};
const listQuery = z.object({ ...pageQuery, ...leadFilters });
type LeadFilters = Omit<z.output<typeof listQuery>, keyof typeof pageQuery>;

const leadPatch = z
  .object({
    status: z.enum(LEAD_STATUSES).optional(),
    qualification: z.enum(QUALIFICATIONS).nullish(),
    notes: optionalText(10_000),
    assigned_rep_id: idText.nullish(),
    source: optionalText(200),
  })
  .openapi('LeadPatch', { example: { status: 'hot', notes: 'Call back on Monday.' } });

/** What the role table leaves to a csr. */
const CSR_FIELDS = ['status', 'notes'];

export function leadRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);

  routes.add(
    {
      method: 'get',
      path: '/leads',
      permission: 'leads.read',
      tag: 'Leads',
      summary: 'List leads, newest first',
      query: listQuery,
      data: listOf(leadSchema),
    },
    async ({ db, query, access }) => {
      const filter = await readLeadFilter(db, access, query);
      const after = olderThan(leads.createdAt, leads.id, decodeMomentCursor(query.cursor));
      return toList(await listLeads(db, filter, { limit: query.limit + 1, after }), {
        limit: query.limit,
        count: await countUpTo(db, sql`select 1 from ${leads} where ${leadsOf(filter)}`),
        cursorOf: (row: LeadRow) => encodeMomentCursor({ at: row.createdAt, id: row.id }),
        view: leadView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/leads/{id}',
      permission: 'leads.read',
      tag: 'Leads',
      summary: 'Read a lead',
      data: leadSchema,
    },
    async ({ db, params, access }) => readLead(db, access, params.id),
  );

  routes.add(
    {
      method: 'patch',
      path: '/leads/{id}',
      permission: 'leads.write',
      tag: 'Leads',
      summary: 'Change a lead',
      description:
        'What is not named stays. A status that is set here holds against analyses of calls that started before. A csr ' +
        'may set status and notes.',
      body: leadPatch,
      data: leadSchema,
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const fields = Object.keys(leadPatch.shape).filter((field) => field in body);
      const isCsr = access.actor.role === 'csr';
      if (isCsr && fields.some((field) => !CSR_FIELDS.includes(field)))
        throw new ApiError('forbidden', { detail: 'A csr may set status and notes of a lead.' });
      const before = await lockLead(tx, access, id);
      if (!before) throw notFound();
      checkIfMatch(c, before);
      if (fields.length === 0) return readLead(tx, access, id);

      await assertUserOfCompany(tx, access.companyId, body.assigned_rep_id);
      const { status, qualification, notes, source, assigned_rep_id: assignedRepId } = body;
      await changeLead(tx, before, { status, qualification, notes, source, assignedRepId });
      await writeAudit(tx, {
        companyId: access.companyId,
        actor: access.actor,
        action: 'lead.update',
        subjectKind: 'lead',
        subjectId: id,
        details: { fields, ...(status && { status: { from: before.status, to: status } }) },
      });
      return readLead(tx, access, id);
    },
  );

  return routes.app;
}

/** What the filters ask for, of the leads that somebody may see. */
export async function readLeadFilter(db: Queryable, { companyId, repId }: Access<string>, query: LeadFilters) {
  const { status, qualification, assigned_rep_id: assignedRepId, contact_id: contactId } = query;
  const { has_open_appointment: hasOpenAppointment } = query;
  const { date_from: from, date_to: to } = query;
  const createdOn = from || to ? { from, to, timeZone: await companyTimeZone(db, companyId) } : undefined;
  return { companyId, repId, status, qualification, assignedRepId, contactId, createdOn, hasOpenAppointment };
}

async function readLead(db: Queryable, scope: LeadScope, id: string) {
  const lead = await findLead(db, scope, id);
  if (!lead) throw notFound();
  return reply(leadView(lead), { etag: etagOf(lead) });
}

/** 422 that names `assigned_rep_id` where it is no user of the company. */
export async function assertUserOfCompany(db: Queryable, companyId: string, id: string | null | undefined) {
  if (id && !(await findUser(db, { companyId, id })))
    throw invalidField('assigned_rep_id', 'is not a user of the company');
}
