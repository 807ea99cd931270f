/** Pipelines as operators see them. */
import { z } from '@hono/zod-openapi';
import type { PipelineRow } from '../db/queries/pipelines.ts';
import { BLOCKERS, PIPELINE_STAGES, SUBJECT_KINDS } from '../domain/pipeline.ts';
import { pipelineWorkflowId, workflowUrl } from '../domain/workflowIds.ts';
import { EXAMPLE } from './examples.ts';
import { iso, momentOut } from './shapes.ts';

export const pipelineSchema = z
  .object({
    workflow_id: z.string().openapi({ example: EXAMPLE.workflowId }),
    kind: z.enum(SUBJECT_KINDS),
    subject_id: z.string().openapi({ description: 'The id of the call or visit.', example: EXAMPLE.callId }),
    company_id: z.string().openapi({ example: EXAMPLE.companyId }),
    stage: z.enum(PIPELINE_STAGES).openapi({ example: 'analyzing' }),
    needs_attention: z.boolean().openapi({ example: true }),
    blocked_on: z
      .enum(BLOCKERS)
      .nullable()
      .openapi({ description: 'What the failed step waits for; null where nothing is blocked.' }),
    reason: z.string().nullable().openapi({ example: 'http_503' }),
    hint: z.string().nullable().openapi({
      description:
        'Where and how the blocked step failed last; null where nothing is blocked or nothing more is known.',
      example: 'HTTP 503 api.shunya.ai',
    }),
    attempts: z.int().openapi({ example: 9 }),
    since: momentOut.openapi({
      description: 'When it was first blocked, or entered its stage where nothing is blocked, in UTC.',
    }),
    started_at: momentOut.openapi({ description: 'When the call or visit began, in UTC.' }),
    temporal_url: z
      .string()
      .nullable()
      .openapi({ example: 'http://127.0.0.1:8233/namespaces/default/workflows/call%3Aorg_2f8a%3ACAL81547' }),
  })
  .openapi('Pipeline');

/** One pipeline, with a link to its workflow where the Web UI is known. */
export function pipelineView(row: PipelineRow, temporal: { uiUrl: string | undefined; namespace: string }) {
  const workflowId = pipelineWorkflowId(row);
  return {
    workflow_id: workflowId,
    kind: row.kind,
    subject_id: row.subjectId,
    company_id: row.companyId,
    stage: row.stage,
    needs_attention: row.needsAttention,
    blocked_on: row.blockedOn,
    reason: row.reason,
    hint: row.hint,
    attempts: row.attempts,
    since: iso(row.since),
    started_at: iso(row.startedAt),
    temporal_url: workflowUrl(temporal, workflowId) ?? null,
  };
}
