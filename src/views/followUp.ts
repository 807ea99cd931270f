/** A follow-up, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { FollowUpRow } from '../db/queries/followUps.ts';
import { FOLLOW_UP_KINDS, FOLLOW_UP_STATUSES, suggestStep } from '../domain/followUp.ts';
import { contactRefView } from './contact.ts';
import { EXAMPLE } from './examples.ts';
import { contactRefSchema, momentOut } from './shapes.ts';

export const followUpSchema = z
  .object({
    id: z.string().openapi({ description: 'The id of the follow-up.' }),
    kind: z.enum(FOLLOW_UP_KINDS).openapi({
      description: 'Why the caller should be called.',
    }),
    contact: contactRefSchema,
    lead_id: z.string().openapi({ description: 'The lead of the call.' }),
    call_id: z.string().openapi({ description: 'The newest call that the follow-up is about.' }),
    called_at: momentOut.openapi({ description: 'When the caller called: the start of the waiting time.' }),
    status: z.enum(FOLLOW_UP_STATUSES).openapi({
      description: 'Where the follow-up stands.',
    }),
    due_at: momentOut.openapi({ description: '24 hours after the call.' }),
    overdue: z.boolean().openapi({ description: 'Whether it is past `due_at` and not closed.' }),
    suggested_step: z.string().openapi({ description: 'What to do next, in words.' }),
    assigned_to: z.string().nullable().openapi({ description: 'The user who works on it.' }),
    note: z.string().nullable().openapi({ description: 'A note for colleagues.' }),
    reason: z.string().nullable().openapi({ description: 'Why it was dismissed.' }),
    closed_by: z.string().nullable().openapi({
      description: 'The user who closed it; `call` where a later conversation or booking did.',
    }),
    closed_by_call_id: z.string().nullable().openapi({ description: 'The conversation that closed it.' }),
    closed_at: momentOut.nullable().openapi({ description: 'When the caller was reached or a person closed it.' }),
    created_at: momentOut.openapi({ description: 'When it was opened.' }),
    updated_at: momentOut.openapi({ description: 'When it last changed.' }),
  })
  .openapi('FollowUp', { example: followUpExample() });

function followUpExample() {
  return {
    id: EXAMPLE.followUpId,
    kind: 'missed' as const,
    contact: { id: EXAMPLE.contactId, phone_number: EXAMPLE.phoneNumber, name: 'Pat Reyes' },
    lead_id: EXAMPLE.leadId,
    call_id: EXAMPLE.callId,
    called_at: '2026-03-10T15:04:05.000Z',
    status: 'open' as const,
    due_at: '2026-03-11T15:04:05.000Z',
    overdue: false,
    suggested_step: 'Call back.',
    assigned_to: null,
    note: null,
    reason: null,
    closed_by: null,
    closed_by_call_id: null,
    closed_at: null,
    created_at: '2026-03-10T15:04:25.000Z',
    updated_at: '2026-03-10T15:04:25.000Z',
  };
}

export const followUpView = (row: FollowUpRow) => ({
  id: row.id,
  kind: row.kind,
  contact: contactRefView(row.contact),
  lead_id: row.leadId,
  call_id: row.callId,
  called_at: row.calledAt.toISOString(),
  status: row.status,
  due_at: row.dueAt.toISOString(),
  overdue: row.isOverdue,
  suggested_step: suggestStep(row.kind, {
    hasNumber: row.contact.phoneNumber !== null,
    objection: row.objection ?? undefined,
  }),
  assigned_to: row.assignedTo,
  note: row.note,
  reason: row.reason,
  closed_by: row.closedBy ?? (row.closedAt && 'call'),
  closed_by_call_id: row.closedByCallId,
  closed_at: row.closedAt?.toISOString() ?? null,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
});
