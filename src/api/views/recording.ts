/** A recording session of a visit, as the API answers it. */
import { z } from '@hono/zod-openapi';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import { RECORDING_SESSION_STATUSES } from '../../domain/appointment.ts';
import { BLOCKERS, PIPELINE_STAGES } from '../../domain/pipeline.ts';
import { visitWorkflowId } from '../../domain/workflowIds.ts';
import { EXAMPLE } from '../http/examples.ts';
import { momentOut, objectionSchema, sopComplianceSchema } from '../http/schemas.ts';

export { sessionView } from '../../views/recording.ts';

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
        sentiment_score: z.number().nullable().openapi({ description: '0..1', example: 0.9 }),
        summary: z.string().nullable().openapi({ example: 'Signed for a new roof.' }),
        analyzed_at: momentOut,
      })
      .nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('RecordingSession');
