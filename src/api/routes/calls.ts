/** Calls: what was said, what it was judged to be, and what people say about that. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { type CallRow, type CallScope, findCall, findTranscript, pageCalls } from '../../db/queries/calls.ts';
import { BOOKING_STATUSES, CALL_OUTCOME_CATEGORIES, QUALIFICATIONS } from '../../domain/analysis.ts';
import { correctAnalysis } from '../../services/calls/correct.ts';
import { reanalyzeCall } from '../../services/calls/reanalyze.ts';
import { recordLinkIssue } from '../../services/links/issueLink.ts';
import { stopWorkflows } from '../../services/pipelines/operate.ts';
import { deleteCall } from '../../services/privacy/deleteCall.ts';
import {
  callAnalysisSchema,
  callAnalysisView,
  callSchema,
  callView,
  transcriptSchema,
  transcriptView,
} from '../../views/call.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { iso, momentOut } from '../../views/shapes.ts';
import type { ApiDeps } from '../deps.ts';
import { describeMatches, MATCHED_FIELDS } from '../filters/callMatches.ts';
import { callFilters, readCallFilter } from '../filters/calls.ts';
import { checkIfMatch, etagOf } from '../http/conditional.ts';
import { notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { createPublicBase } from '../http/publicBase.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { optionalText, requiredText, text } from '../http/schemas.ts';

const listQuery = z.object({ ...pageQuery, ...callFilters });

const LIST_ITEMS_MAX = 100;
const share = z.number().min(0).max(1);
/** Part of an objection; absent is null. */
const nullableText = (max: number) => optionalText(max).transform((value) => value ?? null);
const stages = z.array(requiredText(200)).max(LIST_ITEMS_MAX);

const reason = requiredText(2000).openapi({ description: 'Why. The audit log keeps it.', example: 'Heard it myself' });
const reasonBody = z.object({ reason }).openapi('Reason', { example: { reason: 'Heard it myself' } });

const correctionBody = z
  .object({
    reason,
    qualification: z.enum(QUALIFICATIONS).nullable().optional(),
    booking_status: z.enum(BOOKING_STATUSES).nullable().optional(),
    call_outcome_category: z.enum(CALL_OUTCOME_CATEGORIES).nullable().optional(),
    objections: z
      .array(
        z.object({
          category: nullableText(200),
          text: nullableText(2000),
          overcome: z
            .boolean()
            .nullish()
            .transform((value) => value ?? null),
          severity: nullableText(50),
        }),
      )
      .max(LIST_ITEMS_MAX)
      .optional(),
    sop_compliance: z
      .object({
        score: share.nullable().optional(),
        stages_followed: stages.optional(),
        stages_missed: stages.optional(),
      })
      .optional()
      .openapi({ description: 'How far the sales procedure was followed. Parts that are absent stay as they are.' }),
    sentiment_score: share.nullable().optional(),
    summary: text(10_000).nullable().optional(),
    appointment_date: text(200).nullable().optional(),
    appointment_location: text(500).nullable().optional(),
    service_requested: text(500).nullable().optional(),
    assigned_rep_id: text(255).nullable().optional(),
  })
  .refine(({ reason: _, ...fields }) => Object.values(fields).some((value) => value !== undefined), {
    message: 'Name at least one field of the analysis',
  })
  .openapi('AnalysisCorrection', {
    minProperties: 2,
    example: { qualification: 'hot', booking_status: 'not_booked', reason: 'They only asked for a price.' },
  });

const reanalysisSchema = z
  .object({ workflow_id: z.string(), generation: z.int() })
  .openapi('Reanalysis', { example: { workflow_id: EXAMPLE.workflowId, generation: 2 } });
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
      // A search finds the rows and their number in one go.
      let found: Awaited<ReturnType<typeof pageCalls>> = { rows: [], count: { total: 0 } };
      let matches: Awaited<ReturnType<typeof describeMatches>> | undefined;
      return listPage(query, {
        rows: async (page) => {
          found = await pageCalls(db, filter, page);
          matches = q === undefined ? undefined : await describeMatches(db, access.companyId, q, found.rows);
          return found.rows;
        },
        count: async () => found.count,
        key: byMoment(({ call }: CallRow) => ({ at: call.startedAt, id: call.id })),
        view: (row) => ({ ...callView(row), ...(matches && { match: matches.get(row.call.id) ?? null }) }),
      });
    },
  );

  routes.add(
    { method: 'get', path: '/calls/{id}', permission: 'calls.read', summary: 'Read a call', tag, data: callSchema },
    async ({ db, params, access }) => callView(await mustFindCall(db, access, params.id)),
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
      const { call } = await mustFindCall(db, access, params.id);
      const transcript = await findTranscript(db, call.id);
      if (!transcript) throw notFound();
      return transcriptView(transcript);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/calls/{id}/analysis',
      permission: 'calls.read',
      summary: 'Read the analysis of a call',
      tag,
      data: callAnalysisSchema,
    },
    async ({ db, params, access }) => {
      const { analysis } = await mustFindCall(db, access, params.id);
      if (!analysis) throw notFound();
      return reply(callAnalysisView(analysis), { etag: etagOf(analysis) });
    },
  );

  routes.add(
    {
      method: 'patch',
      path: '/calls/{id}/analysis',
      permission: 'analyses.correct',
      summary: 'Correct the analysis of a call',
      description:
        'Takes effect at once. The lead gets the status of the corrected analysis, also a lower one; a lead that is closed_won ' +
        'stays so. Setting `booking_status` to `booked` creates the appointment if there is none; changing it from `booked` ' +
        'keeps the appointment. Later analyses do not change what a person set.',
      tag,
      body: correctionBody,
      data: callAnalysisSchema,
    },
    async ({ c, tx, params, body, access }) => {
      await correctAnalysis(tx, access, params.id, body, (current) => {
        if (c.req.header('if-match')?.replaceAll('"', '') !== String(current.version)) checkIfMatch(c, current);
      });
      const { analysis } = await mustFindCall(tx, access, params.id);
      if (!analysis) throw notFound();
      return reply(callAnalysisView(analysis), { etag: etagOf(analysis) });
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/calls/{id}/reanalyze',
      permission: 'calls.reanalyze',
      summary: 'Transcribe and analyze a call again',
      tag,
      body: reasonBody,
      status: 202,
      creates: true,
      data: reanalysisSchema,
      errors: ['conflict', 'analysis_running', 'no_recording'],
    },
    async ({ tx, params, body, access, afterCommit }) => {
      const { workflowId, generation } = await reanalyzeCall(tx, access, params.id, body.reason);
      afterCommit(() => deps.inbox.poke());
      return { workflow_id: workflowId, generation };
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
      const { call } = await mustFindCall(db, access, params.id);
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

async function mustFindCall(db: Queryable, scope: CallScope, id: string) {
  const row = await findCall(db, scope, id);
  if (!row) throw notFound();
  return row;
}
