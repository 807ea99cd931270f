/** A recording session of a visit, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { SessionRow } from '../db/queries/recordings.ts';
import { APPOINTMENT_OUTCOMES } from '../domain/analysis.ts';
import { RECORDING_SESSION_STATUSES } from '../domain/appointment.ts';
import { visitWorkflowId } from '../domain/workflowIds.ts';
import { EXAMPLE } from './examples.ts';
import { judgementShape, judgementView, momentOut, pipelineShape, pipelineStateView } from './shapes.ts';

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
      ...pipelineShape,
    }),
    analysis: z
      .object({
        outcome: z.enum(APPOINTMENT_OUTCOMES).nullable().openapi({ example: 'won' }),
        ...judgementShape,
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
    ...pipelineStateView(session),
  },
  analysis: analysis && {
    outcome: analysis.outcome,
    ...judgementView(analysis),
    analyzed_at: analysis.analyzedAt.toISOString(),
  },
  created_at: session.createdAt.toISOString(),
  updated_at: session.updatedAt.toISOString(),
});
