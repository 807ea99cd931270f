/** Follow-ups: the queue of callers to call, and what people do about each. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { countFollowUps, type FollowUpRow, findFollowUp, listFollowUps } from '../../db/queries/followUps.ts';
import { FOLLOW_UP_KINDS, FOLLOW_UP_STATUSES } from '../../domain/followUp.ts';
import { updateFollowUp } from '../../services/followUps/update.ts';
import { followUpSchema, followUpView } from '../../views/followUp.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { booleanQuery, commaList, idText, optionalText } from '../http/schemas.ts';

const listQuery = z.object({
  ...pageQuery,
  status: commaList(FOLLOW_UP_STATUSES)
    .optional()
    .openapi({ description: 'Only follow-ups with one of these statuses, separated by commas.' }),
  overdue: booleanQuery.optional().openapi({
    description: '`true`: only open and claimed follow-ups whose `due_at` has passed. `false`: only the others.',
  }),
  reason: commaList(FOLLOW_UP_KINDS)
    .optional()
    .openapi({ description: 'Only follow-ups of one of these kinds, separated by commas.' }),
  assigned_to: z.string().max(255).optional().openapi({ description: 'Only those that this user works on.' }),
  contact_id: z.string().max(255).optional().openapi({ description: 'Only those of this contact.' }),
});

const followUpPatch = z
  .object({
    status: z.enum(FOLLOW_UP_STATUSES).optional().openapi({ description: 'The new status.' }),
    assigned_to: idText.nullish().openapi({ description: 'The user who works on it.' }),
    note: optionalText(10_000).openapi({ description: 'A note for colleagues.' }),
    reason: optionalText(1000).openapi({ description: 'Why it is dismissed; required to dismiss.' }),
  })
  .openapi('FollowUpPatch', { example: { status: 'done', note: 'Booked for Monday.' } });

export function followUpRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Follow-ups';

  routes.add(
    {
      method: 'get',
      path: '/follow-ups',
      permission: 'followUps.read',
      tag,
      summary: 'List follow-ups, the first due first',
      description:
        'Callers whom nobody has spoken to since their missed, abandoned or voicemail call, and qualified callers who did ' +
        'not book. A later conversation or booking closes the follow-up automatically. A contact has at most one that is open.',
      query: listQuery,
      data: listOf(followUpSchema),
    },
    async ({ db, query, access: { companyId } }) => {
      const { status, overdue, reason: kind, assigned_to: assignedTo, contact_id: contactId } = query;
      const filter = { companyId, status, overdue, kind, assignedTo, contactId };
      return listPage(query, {
        rows: (page) => listFollowUps(db, filter, page),
        count: () => countFollowUps(db, filter),
        key: byMoment((row: FollowUpRow) => ({ at: row.dueAt, id: row.id })),
        view: followUpView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/follow-ups/{id}',
      permission: 'followUps.read',
      tag,
      summary: 'Read a follow-up',
      description: 'One entry of the queue, open or closed.',
      data: followUpSchema,
    },
    async ({ db, params, access }) => readFollowUp(db, access.companyId, params.id),
  );

  routes.add(
    {
      method: 'patch',
      path: '/follow-ups/{id}',
      permission: 'followUps.write',
      tag,
      summary: 'Claim, close or annotate a follow-up',
      description:
        '`claimed` assigns it to you unless `assigned_to` names somebody. `open` gives it back. `dismissed` needs a `reason`.',
      body: followUpPatch,
      data: followUpSchema,
      errors: ['conflict'],
    },
    async ({ c, tx, params: { id }, body, access }) => {
      const { status, note, reason, assigned_to: assignedTo } = body;
      await updateFollowUp(tx, access, id, { status, note, reason, assignedTo }, ifMatch(c));
      return readFollowUp(tx, access.companyId, id);
    },
  );

  return routes.app;
}

async function readFollowUp(db: Queryable, companyId: string, id: string) {
  const row = await mustFind(findFollowUp(db, companyId, id));
  return reply(followUpView(row), { etag: etagOf(row) });
}
