/** A recording session of a visit, as the API answers it. */
import { z } from '@hono/zod-openapi';
import type { SessionRow } from '../../db/queries/recordings.ts';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import { RECORDING_SESSION_STATUSES } from '../../domain/appointment.ts';
import { BLOCKERS, PIPELINE_STAGES } from '../../domain/pipeline.ts';
import { visitWorkflowId } from '../../workflows/contracts.ts';
import { iso, isoOrNull, momentOut, objectionSchema, sopComplianceSchema } from '../schemas.ts';

export const sessionSchema = z
  .object({
    id: z.string(),
    appointment_id: z.string(),
    started_by: z.string(),
    status: z.enum(RECORDING_SESSION_STATUSES),
    started_at: momentOut,
    stopped_at: momentOut.nullable(),
    has_recording: z.boolean(),
    pipeline: z.object({
      workflow_id: z.string(),
      stage: z.enum(PIPELINE_STAGES),
      needs_attention: z.boolean(),
      blocked_on: z.enum(BLOCKERS).nullable(),
      attempts: z.int(),
      reason: z.string().nullable(),
      updated_at: momentOut,
    }),
    analysis: z
      .object({
        outcome: z.enum(APPOINTMENT_OUTCOMES).nullable(),
        objections: z.array(objectionSchema),
        sop_compliance: sopComplianceSchema,
        sentiment_score: z.number().nullable(),
        summary: z.string().nullable(),
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
  started_at: iso(session.startedAt),
  stopped_at: isoOrNull(session.stoppedAt),
  has_recording: session.hasRecording,
  pipeline: {
    workflow_id: visitWorkflowId(session.id),
    stage: session.stage,
    needs_attention: session.needsAttention,
    blocked_on: session.blockedOn,
    attempts: session.attempts,
    reason: session.reason,
    updated_at: iso(session.pipelineUpdatedAt),
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
    sentiment_score: analysis.sentimentScore,
    summary: analysis.summary,
    analyzed_at: iso(analysis.analyzedAt),
  },
  created_at: iso(session.createdAt),
  updated_at: iso(session.updatedAt),
});
