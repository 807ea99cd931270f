/** Calls and what belongs to them, as the world sees them. */
import type { CallAnalysisRow, CallRow, findTranscript } from '../db/queries/calls.ts';
import { callWorkflowId } from '../domain/workflowIds.ts';
import { contactRefView } from './contact.ts';

/** A call with its contact, its pipeline and its current analysis. The provider's recording link stays inside. */
export function callView({ call, contact, analysis }: CallRow) {
  return {
    id: call.id,
    provider_call_id: call.providerCallId,
    status: call.status,
    direction: call.direction,
    answered: call.answered,
    spam: call.spam,
    started_at: call.startedAt.toISOString(),
    ended_at: endOf(call),
    duration_seconds: call.durationSeconds,
    tracking_number: call.trackingNumber,
    contact: contactRefView(contact),
    caller_number: call.callerNumber,
    caller_number_raw: call.callerNumberRaw,
    lead_id: call.leadId,
    csr_id: call.csrId,
    has_recording: call.recordingUrl !== null,
    pipeline: {
      workflow_id: callWorkflowId(call.companyId, call.providerCallId),
      stage: call.stage,
      needs_attention: call.needsAttention,
      reason: call.reason,
      blocked_on: call.blockedOn,
      attempts: call.attempts,
      updated_at: call.pipelineUpdatedAt.toISOString(),
    },
    analysis: analysis && callAnalysisView(analysis),
    created_at: call.createdAt.toISOString(),
    updated_at: call.updatedAt.toISOString(),
  };
}

/** When it ended, as far as its start and length tell; else when we heard of the end. */
function endOf({ startedAt, durationSeconds, endedAt }: CallRow['call']): string | null {
  if (endedAt === null) return null;
  const ended = durationSeconds === null ? endedAt : new Date(startedAt.getTime() + durationSeconds * 1000);
  return ended.toISOString();
}

/** An analysis as people see it: what Shunya said, then what people corrected. */
export function callAnalysisView(analysis: CallAnalysisRow) {
  return {
    qualification: analysis.qualification,
    booking_status: analysis.bookingStatus,
    call_outcome_category: analysis.callOutcomeCategory,
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
    appointment_date: analysis.appointmentDate,
    appointment_location: analysis.appointmentLocation,
    service_requested: analysis.serviceRequested,
    assigned_rep_id: analysis.assignedRepId,
    version: analysis.version,
    edited: analysis.edited,
    corrected_fields: analysis.humanFields,
    analyzed_at: analysis.analyzedAt.toISOString(),
    updated_at: analysis.updatedAt.toISOString(),
  };
}

type Transcript = NonNullable<Awaited<ReturnType<typeof findTranscript>>>;

/** What was said in a call. */
export function transcriptView(transcript: Transcript) {
  return {
    transcript_text: transcript.transcriptText,
    turns: transcript.turns.map((turn) => ({
      speaker: turn.speaker,
      text: turn.text,
      start_seconds: turn.startSeconds,
      end_seconds: turn.endSeconds,
    })),
    language: transcript.language,
    confidence: transcript.confidence,
  };
}
