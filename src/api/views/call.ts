/** Calls and what belongs to them, as the API answers them. */
import { z } from '@hono/zod-openapi';
import type { CallAnalysisRow, CallRow, findTranscript } from '../../db/queries/calls.ts';
import { BOOKING_STATUSES, CALL_OUTCOME_CATEGORIES, QUALIFICATIONS } from '../../domain/analysis.ts';
import { CALL_DIRECTIONS, CALL_STATUSES } from '../../domain/call.ts';
import { BLOCKERS, PIPELINE_STAGES } from '../../domain/pipeline.ts';
import { callWorkflowId } from '../../workflows/contracts.ts';
import { contactRefSchema, momentOut, objectionSchema, sopComplianceSchema } from '../schemas.ts';

export const callAnalysisSchema = z
  .object({
    qualification: z.enum(QUALIFICATIONS).nullable(),
    booking_status: z.enum(BOOKING_STATUSES).nullable(),
    call_outcome_category: z.enum(CALL_OUTCOME_CATEGORIES).nullable(),
    objections: z.array(objectionSchema),
    sop_compliance: sopComplianceSchema,
    sentiment_score: z.number().nullable().openapi({ description: '0..1' }),
    summary: z.string().nullable(),
    appointment_date: z.string().nullable().openapi({ description: 'As it was said; the appointment has the time.' }),
    appointment_location: z.string().nullable(),
    service_requested: z.string().nullable(),
    assigned_rep_id: z.string().nullable(),
    version: z.int(),
    edited: z.boolean().openapi({ description: 'A person corrected it.' }),
    corrected_fields: z.array(z.string()).openapi({ description: 'Set by people; no later analysis changes them.' }),
    analyzed_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('CallAnalysis');

export const pipelineStateSchema = z
  .object({
    workflow_id: z.string(),
    stage: z.enum(PIPELINE_STAGES),
    needs_attention: z.boolean(),
    reason: z.string().nullable(),
    blocked_on: z.enum(BLOCKERS).nullable(),
    attempts: z.int(),
    updated_at: momentOut,
  })
  .openapi('PipelineState');

export const callSchema = z
  .object({
    id: z.string(),
    provider_call_id: z.string(),
    status: z.enum(CALL_STATUSES),
    direction: z.enum(CALL_DIRECTIONS),
    answered: z.boolean(),
    started_at: momentOut,
    ended_at: momentOut.nullable(),
    duration_seconds: z.int().nullable(),
    tracking_number: z.string().nullable(),
    contact: contactRefSchema,
    lead_id: z.string(),
    csr_id: z.string().nullable(),
    has_recording: z.boolean(),
    pipeline: pipelineStateSchema,
    analysis: callAnalysisSchema.nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Call');

export const transcriptSchema = z
  .object({
    transcript_text: z.string(),
    turns: z.array(
      z.object({
        speaker: z.string().nullable(),
        text: z.string(),
        start_seconds: z.number().nullable(),
        end_seconds: z.number().nullable(),
      }),
    ),
    language: z.string().nullable(),
    confidence: z.number().nullable().openapi({ description: '0..1' }),
  })
  .openapi('Transcript');

/** A call with its contact, its pipeline and its current analysis. The provider's recording link stays inside. */
export function callView({ call, contact, analysis }: CallRow) {
  return {
    id: call.id,
    provider_call_id: call.providerCallId,
    status: call.status,
    direction: call.direction,
    answered: call.answered,
    started_at: call.startedAt.toISOString(),
    ended_at: call.endedAt?.toISOString() ?? null,
    duration_seconds: call.durationSeconds,
    tracking_number: call.trackingNumber,
    contact: { id: contact.id, phone_number: contact.phoneNumber, name: contact.name },
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
