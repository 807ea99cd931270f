/** An appointment, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { AppointmentRow } from '../db/queries/appointments.ts';
import { APPOINTMENT_OUTCOMES } from '../domain/analysis.ts';
import { APPOINTMENT_STATUSES, REVIEW_REASONS } from '../domain/appointment.ts';
import { contactRefView } from './contact.ts';
import { EXAMPLE } from './examples.ts';
import { contactRefSchema, momentOut } from './shapes.ts';

export const appointmentSchema = z
  .object({
    id: z.string(),
    lead_id: z.string(),
    call_id: z.string().nullable(),
    contact: contactRefSchema,
    scheduled_start: momentOut.nullable(),
    duration_minutes: z.int(),
    assigned_rep_id: z.string().nullable(),
    location: z.string().nullable(),
    service_type: z.string().nullable(),
    status: z.enum(APPOINTMENT_STATUSES),
    outcome: z.enum(APPOINTMENT_OUTCOMES),
    said_date: z.string().nullable().openapi({
      description: 'The date as the caller said it, where a call booked the appointment.',
    }),
    review: z
      .object({
        reason: z.enum(REVIEW_REASONS).openapi({
          description:
            '`possible_duplicate`: a call booked it for a time for which the contact has an appointment already. ' +
            '`second_open_appointment`: the contact has an open appointment at another time. ' +
            '`overlap`: a call booked it while its rep has another appointment. ' +
            '`unusual_hour`: it starts before 06:00 or after 21:00 in the company’s time zone. ' +
            '`no_open_appointment`: it will not take place and its booked lead has no other open appointment.',
        }),
        since: momentOut.openapi({ description: 'When the reason came up.' }),
        appointment_id: z.string().nullable().openapi({ description: 'The other appointment the reason is about.' }),
      })
      .nullable()
      .openapi({ description: 'Why a person should look at the appointment; null when nobody needs to.' }),
    rescheduled_from_id: z.string().nullable().openapi({ description: 'The appointment this one replaces.' }),
    rescheduled_to_id: z.string().nullable().openapi({ description: 'The appointment that replaced this one.' }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Appointment', { example: appointmentExample() });

function appointmentExample() {
  return {
    id: EXAMPLE.appointmentId,
    lead_id: EXAMPLE.leadId,
    call_id: EXAMPLE.callId,
    contact: { id: EXAMPLE.contactId, phone_number: EXAMPLE.phoneNumber, name: 'Pat Reyes' },
    scheduled_start: '2026-03-14T13:00:00.000Z',
    duration_minutes: 60,
    assigned_rep_id: EXAMPLE.userId,
    location: '1 Main St, Springfield',
    service_type: 'Roof repair',
    said_date: 'Saturday the 14th at nine',
    review: null,
    status: 'scheduled' as const,
    outcome: 'pending' as const,
    rescheduled_from_id: null,
    rescheduled_to_id: null,
    created_at: '2026-03-10T15:04:05.000Z',
    updated_at: '2026-03-10T15:09:41.000Z',
  };
}

export const appointmentView = (appointment: AppointmentRow) => ({
  id: appointment.id,
  lead_id: appointment.leadId,
  call_id: appointment.callId,
  contact: contactRefView(appointment.contact),
  scheduled_start: appointment.scheduledStart?.toISOString() ?? null,
  duration_minutes: appointment.durationMinutes,
  assigned_rep_id: appointment.assignedRepId,
  location: appointment.location,
  service_type: appointment.serviceType,
  status: appointment.status,
  outcome: appointment.outcome,
  said_date: appointment.saidDate,
  review: appointment.reviewReason && {
    reason: appointment.reviewReason,
    since: (appointment.reviewSince ?? appointment.updatedAt).toISOString(),
    appointment_id: appointment.reviewOfId,
  },
  rescheduled_from_id: appointment.rescheduledFromId,
  rescheduled_to_id: appointment.rescheduledToId,
  created_at: appointment.createdAt.toISOString(),
  updated_at: appointment.updatedAt.toISOString(),
});
