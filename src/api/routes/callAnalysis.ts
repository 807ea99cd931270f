/** The analysis of a call: what it was judged to be, what people say about that, and asking for it once more. */
import { z } from '@hono/zod-openapi';
import { findCall } from '../../db/queries/calls.ts';
import { BOOKING_STATUSES, CALL_OUTCOME_CATEGORIES, QUALIFICATIONS } from '../../domain/analysis.ts';
import { correctAnalysis } from '../../services/calls/correct.ts';
import { reanalyzeCall } from '../../services/calls/reanalyze.ts';
import { callAnalysisSchema, callAnalysisView } from '../../views/call.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiDeps } from '../deps.ts';
import { checkIfMatch, etagOf } from '../http/conditional.ts';
import { mustFind, notFound } from '../http/errors.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { optionalText, requiredText, text } from '../http/schemas.ts';

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

/** Everything about the analysis below /calls/{id}. */
export function callAnalysisRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Calls';

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
      const { analysis } = await mustFind(findCall(db, access, params.id));
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
      const { analysis } = await mustFind(findCall(tx, access, params.id));
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

  return routes.app;
}
