/** Leads: read, and moved by people. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { countLeads, findLead, type LeadRow, type LeadScope, listLeads } from '../../db/queries/leads.ts';
import { QUALIFICATIONS } from '../../domain/analysis.ts';
import { LEAD_STATUSES } from '../../domain/lead.ts';
import { updateLead } from '../../services/leads/update.ts';
import { leadSchema, leadView } from '../../views/lead.ts';
import type { ApiDeps } from '../deps.ts';
import { leadFilters, readLeadFilter } from '../filters/leads.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { idText, optionalText } from '../http/schemas.ts';

const listQuery = z.object({ ...pageQuery, ...leadFilters });

const leadPatch = z
  .object({
    status: z.enum(LEAD_STATUSES).optional(),
    qualification: z.enum(QUALIFICATIONS).nullish(),
    notes: optionalText(10_000),
    assigned_rep_id: idText.nullish(),
    source: optionalText(200),
  })
  .openapi('LeadPatch', { example: { status: 'hot', notes: 'Call back on Monday.' } });

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
      return listPage(query, {
        rows: (page) => listLeads(db, filter, page),
        count: () => countLeads(db, filter),
        key: byMoment((row: LeadRow) => ({ at: row.createdAt, id: row.id })),
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
        'Fields that are absent stay as they are. Analyses of calls that started before do not change a status that is set here. A csr ' +
        'may set status and notes.',
      body: leadPatch,
      data: leadSchema,
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const fields = Object.keys(leadPatch.shape).filter((field) => field in body);
      const { status, qualification, notes, source, assigned_rep_id: assignedRepId } = body;
      const change = { status, qualification, notes, source, assignedRepId };
      await updateLead(tx, access, id, { change, fields }, ifMatch(c));
      return readLead(tx, access, id);
    },
  );

  return routes.app;
}

async function readLead(db: Queryable, scope: LeadScope, id: string) {
  const lead = await mustFind(findLead(db, scope, id));
  return reply(leadView(lead), { etag: etagOf(lead) });
}
