/** Calls: who called, what was said, what can be heard. */
import { z } from '@hono/zod-openapi';
import { type CallRow, findCall, findTranscript, isPlannedOnce, pageCalls } from '../../db/queries/calls.ts';
import { createLargeLists } from '../../db/queries/paging.ts';
import { recordLinkIssue } from '../../services/links/recordLinkIssue.ts';
import { stopWorkflows } from '../../services/pipelines/operate.ts';
import { deleteCall } from '../../services/privacy/deleteCall.ts';
import { callSchema, callView, transcriptSchema, transcriptView } from '../../views/call.ts';
import { iso, momentOut } from '../../views/shapes.ts';
import type { ApiDeps } from '../deps.ts';
import { describeMatches, MATCHED_FIELDS, type Match } from '../filters/callMatches.ts';
import { callFilters, readCallFilter } from '../filters/calls.ts';
import { mustFind, notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { createPublicBase } from '../http/publicBase.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';

const listQuery = z.object({ ...pageQuery, ...callFilters });

const recordingLinkSchema = z
  .object({
    url: z
      .string()
      .openapi({ format: 'uri', example: 'http://127.0.0.1:3000/api/v1/recordings/eyJhbGci.eyJjb250.V1Z0' }),
    expires_at: momentOut,
  })
  .openapi('RecordingLink', { description: 'A link that plays the recording without a bearer token.' });

/** Where a search found a call. */
const listedCallSchema = z
  .object({
    ...callSchema.shape,
    match: z
      .object({
        field: z.enum(MATCHED_FIELDS).openapi({ example: 'transcript' }),
        excerpt: z.string().openapi({
          description: 'The text around the first hit, escaped for HTML, with `<mark>` around each hit.',
          example: '…we have a <mark>leak</mark> above the kitchen…',
        }),
      })
      .nullable()
      .optional()
      .openapi({ description: 'Where the words of `q` were found. Present only where `q` is given.' }),
  })
  .openapi('ListedCall');

/** Everything below /calls. */
export function callRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const large = createLargeLists();
  const publicBase = createPublicBase(deps.config);
  const tag = 'Calls';

  routes.add(
    {
      method: 'get',
      path: '/calls',
      permission: 'calls.read',
      summary: 'List calls, newest first',
      tag,
      query: listQuery,
      data: listOf(listedCallSchema),
    },
    async ({ db, query, access }) => {
      const filter = await readCallFilter(db, access, query);
      const { q } = query;
      let matches = new Map<string, Match>();
      return listPage(query, {
        page: async (page) => {
          const from = isPlannedOnce(filter) ? deps.pools.pages : db;
          const found = await pageCalls(from, filter, page, large);
          if (q !== undefined) matches = describeMatches(q, found);
          return found;
        },
        key: byMoment(({ call }: CallRow) => ({ at: call.startedAt, id: call.id })),
        view: (row) =>
          q === undefined ? callView(row) : { ...callView(row), match: matches.get(row.call.id) ?? null },
      });
    },
  );

  routes.add(
    { method: 'get', path: '/calls/{id}', permission: 'calls.read', summary: 'Read a call', tag, data: callSchema },
    async ({ db, params, access }) => callView(await mustFind(findCall(db, access, params.id))),
  );

  routes.add(
    {
      method: 'get',
      path: '/calls/{id}/transcript',
      permission: 'calls.read',
      summary: 'Read the transcript of a call',
      tag,
      data: transcriptSchema,
    },
    async ({ db, params, access }) => {
      const { call } = await mustFind(findCall(db, access, params.id));
      return transcriptView(await mustFind(findTranscript(db, call.id)));
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/calls/{id}/recording',
      permission: 'calls.read',
      summary: 'Get a short-lived link to the recording',
      description:
        'Playing must begin within five minutes; listening and seeking may then go on for four hours. The audit log records ' +
        'that the link was issued and that it was opened. 404 where the call has no recording.',
      tag,
      data: recordingLinkSchema,
    },
    async ({ c, db, params, access }) => {
      const { call } = await mustFind(findCall(db, access, params.id));
      if (call.recordingUrl === null) throw notFound();
      await recordLinkIssue(db, access, call);
      const { userId, role } = access.actor;
      const content = { companyId: call.companyId, callId: call.id, userId, role };
      const { token, expiresAt } = await deps.recordingLinks.sign(content);
      const path = new URL(c.req.url).pathname.replace(/\/calls\/[^/]+\/recording$/, '');
      return { url: `${publicBase(c)}${path}/recordings/${token}`, expires_at: iso(expiresAt) };
    },
  );

  routes.add(
    {
      method: 'delete',
      path: '/calls/{id}',
      permission: 'calls.delete',
      summary: 'Delete a call for privacy',
      description:
        'Removes the audio link, the transcript, the analyses and the raw events. Late webhooks do not bring the call back.',
      tag,
      status: 204,
    },
    async ({ tx, params, access, afterCommit }) => {
      const { workflowIds } = await deleteCall(tx, access, params.id);
      afterCommit(() => stopWorkflows(deps, workflowIds));
    },
  );

  return routes.app;
}
