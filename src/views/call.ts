/** Calls and what belongs to them, as people see them: schemas, views, examples. */

import { z } from '@hono/zod-openapi';
import type { CallAnalysisRow, CallRow, findTranscript } from '../db/queries/calls.ts';
import { BOOKING_STATUSES, CALL_OUTCOME_CATEGORIES, QUALIFICATIONS } from '../domain/analysis.ts';
import { CALL_DIRECTIONS, CALL_STATUSES } from '../domain/call.ts';
import { callWorkflowId } from '../domain/workflowIds.ts';
import { contactRefView } from './contact.ts';
import { EXAMPLE } from './examples.ts';
import {
  contactRefSchema,
  judgementShape,
  judgementView,
  momentOut,
  pipelineShape,
  pipelineStateView,
} from './shapes.ts';

export const callAnalysisSchema = z
  .object({
    qualification: z.enum(QUALIFICATIONS).nullable(),
    booking_status: z.enum(BOOKING_STATUSES).nullable(),
    call_outcome_category: z.enum(CALL_OUTCOME_CATEGORIES).nullable(),
    ...judgementShape,
    summary: z.string().nullable().openapi({ example: 'A leak above the kitchen; a visit on Saturday morning.' }),
    appointment_date: z.string().nullable().openapi({
      description: 'The date as the caller said it; the appointment has the resolved time.',
      example: '2026-03-14T09:00:00-04:00',
    }),
    appointment_location: z.string().nullable().openapi({ example: '1 Main St, Springfield' }),
    service_requested: z.string().nullable().openapi({ example: 'Roof repair' }),
    assigned_rep_id: z.string().nullable().openapi({ example: EXAMPLE.userId }),
    version: z.int().openapi({ example: 2 }),
    edited: z.boolean().openapi({ description: 'Whether a person corrected the analysis.', example: true }),
    corrected_fields: z
      .array(z.string())
      .openapi({ description: 'The fields that people set; later analyses do not change them.', example: ['summary'] }),
    analyzed_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('CallAnalysis');

export const pipelineStateSchema = z
  .object({
    workflow_id: z.string().openapi({ example: EXAMPLE.workflowId }),
    ...pipelineShape,
  })
  .openapi('PipelineState');

export const callSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.callId }),
    provider_call_id: z.string().openapi({ example: EXAMPLE.providerCallId }),
    status: z.enum(CALL_STATUSES).openapi({
      example: 'completed',
    }),
    direction: z.enum(CALL_DIRECTIONS).openapi({
      description: '`inbound`: the contact called. `outbound`: the company called.',
    }),
    answered: z.boolean().openapi({ example: true }),
    spam: z.boolean().openapi({
      description: 'Whether CallRail flags the call as spam; the metrics do not count it.',
      example: false,
    }),
    started_at: momentOut,
    ended_at: momentOut.nullable().openapi({
      description:
        'When the call ended, in UTC: its start plus its duration, or when the end was reported. Null until then.',
    }),
    duration_seconds: z.int().nullable().openapi({ example: 184 }),
    tracking_number: z.string().nullable().openapi({ example: EXAMPLE.trackingNumber }),
    contact: contactRefSchema,
    caller_number: z.string().nullable().openapi({
      description: 'The contact’s number in this call, as E.164; null where it was withheld.',
      example: '+12125550147',
    }),
    caller_number_raw: z.string().nullable().openapi({
      description: 'The carrier’s text where it is not a number that can be called; else null.',
      example: null,
    }),
    lead_id: z.string().nullable().openapi({
      description:
        'The id of the lead. Null for spam, and for an unanswered outbound call to a contact without an open lead.',
      example: EXAMPLE.leadId,
    }),
    csr_id: z.string().nullable().openapi({ example: EXAMPLE.csrId }),
    has_recording: z.boolean().openapi({ example: true }),
    pipeline: pipelineStateSchema,
    analysis: callAnalysisSchema.nullable(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Call');

export const transcriptSchema = z
  .object({
    transcript_text: z.string().openapi({ example: 'Acme Roofing, this is Dana. – Hi, we have a leak.' }),
    turns: z.array(
      z.object({
        speaker: z.string().nullable().openapi({ example: 'agent' }),
        text: z.string().openapi({ example: 'Acme Roofing, this is Dana.' }),
        start_seconds: z.number().nullable().openapi({ example: 0.4 }),
        end_seconds: z.number().nullable().openapi({ example: 2.1 }),
      }),
    ),
    language: z.string().nullable().openapi({ example: 'en' }),
    confidence: z
      .number()
      .nullable()
      .openapi({ description: 'How sure Shunya is of the transcript, 0 to 1.', example: 0.94 }),
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
      ...pipelineStateView(call),
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
    ...judgementView(analysis),
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
