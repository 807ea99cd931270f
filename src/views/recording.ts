/** A recording session of a visit, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { SessionRow } from '../db/queries/recordings.ts';
import { APPOINTMENT_OUTCOMES } from '../domain/analysis.ts';
import { RECORDING_SESSION_STATUSES } from '../domain/appointment.ts';
import { BLOCKERS, PIPELINE_STAGES } from '../domain/pipeline.ts';
import { visitWorkflowId } from '../domain/workflowIds.ts';
import { EXAMPLE } from './examples.ts';
import { momentOut, objectionSchema, sopComplianceSchema } from './shapes.ts';

export const sessionSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.sessionId }),
    appointment_id: z.string().openapi({ example: EXAMPLE.appointmentId }),
    started_by: z.string().openapi({ example: EXAMPLE.userId }),
    status: z.enum(RECORDING_SESSION_STATUSES).openapi({ example: 'completed' }),
    started_at: momentOut,
    stopped_at: momentOut.nullable(),
    has_recording: z.boolean().openapi({ example: true }),
    pipeline: z.object({
      workflow_id: z.string().openapi({ example: visitWorkflowId(EXAMPLE.sessionId) }),
      stage: z.enum(PIPELINE_STAGES).openapi({ example: 'done' }),
      needs_attention: z.boolean().openapi({ example: false }),
      blocked_on: z.enum(BLOCKERS).nullable().openapi({ example: null }),
      attempts: z.int().openapi({ example: 0 }),
      reason: z.string().nullable(),
      updated_at: momentOut,
    }),
    analysis: z
      .object({
        outcome: z.enum(APPOINTMENT_OUTCOMES).nullable().openapi({ example: 'won' }),
        objections: z.array(objectionSchema),
        sop_compliance: sopComplianceSchema,
        scorecard_version: z.int().nullable().openapi({
          description: 'The version of the company’s scorecard by which it was scored; null where there was none.',
          example: null,
        }),
        weighted_score: z.number().nullable().openapi({
          description: 'The stages weighted by that scorecard, 0 to 1; stages that did not apply are left out.',
          example: null,
        }),
        sentiment_score: z
          .number()
          .nullable()
          .openapi({ description: 'The mood of the conversation, 0 (bad) to 1 (good).', example: 0.9 }),
        summary: z.string().nullable().openapi({ example: 'Signed for a new roof.' }),
        analyzed_at: momentOut,
      })
      .nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('RecordingSession');

/** A session with its pipeline and its current analysis. The link to the audio stays inside. */
export const sessionView = ({ session, analysis }: SessionRow) => ({
  id: session.id,
  appointment_id: session.appointmentId,
  started_by: session.startedBy,
  status: session.status,
  started_at: session.startedAt.toISOString(),
  stopped_at: session.stoppedAt?.toISOString() ?? null,
  has_recording: session.hasRecording,
  pipeline: {
    workflow_id: visitWorkflowId(session.id),
    stage: session.stage,
    needs_attention: session.needsAttention,
    blocked_on: session.blockedOn,
    attempts: session.attempts,
    reason: session.reason,
    updated_at: session.pipelineUpdatedAt.toISOString(),
  },
  analysis: analysis && {
    outcome: analysis.outcome,
    objections: analysis.objections.map(({ category, text, overcome, severity }) => ({
      category,
      text,
      overcome,
      severity,
    })),
    sop_compliance: {
      score: analysis.complianceScore,
      stages_followed: analysis.stagesFollowed,
      stages_missed: analysis.stagesMissed,
    },
    scorecard_version: analysis.scorecardVersion,
    weighted_score: analysis.weightedScore,
    sentiment_score: analysis.sentimentScore,
    summary: analysis.summary,
    analyzed_at: analysis.analyzedAt.toISOString(),
  },
  created_at: session.createdAt.toISOString(),
  updated_at: session.updatedAt.toISOString(),
});
