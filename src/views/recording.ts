/** A recording session of a visit, as the world sees it. */
import type { SessionRow } from '../db/queries/recordings.ts';
import { visitWorkflowId } from '../domain/workflowIds.ts';

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
    sentiment_score: analysis.sentimentScore,
    summary: analysis.summary,
    analyzed_at: analysis.analyzedAt.toISOString(),
  },
  created_at: session.createdAt.toISOString(),
  updated_at: session.updatedAt.toISOString(),
});
