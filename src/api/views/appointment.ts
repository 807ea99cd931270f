/** An appointment, as the API answers it. */
import { z } from '@hono/zod-openapi';
import type { AppointmentRow } from '../../db/queries/appointments.ts';
import { APPOINTMENT_OUTCOMES } from '../../domain/analysis.ts';
import { APPOINTMENT_STATUSES } from '../../domain/appointment.ts';
import { contactRefSchema, iso, isoOrNull, momentOut } from '../schemas.ts';
import { contactRefView } from './contact.ts';

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
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Appointment', { example: appointmentExample() });

function appointmentExample() {
  return {
    id: 'c3a4c1de-0a35-4f59-9a2e-6b1f9f5d7e44',
    lead_id: '0f5f0a3c-6c59-4d6d-8f0a-7d9d0b0c4e21',
    call_id: '8a1b7c52-93f7-4f0a-a6f1-0d1f6f4c2b33',
    contact: { id: '5d0c1f0e-7f0b-4c37-9c43-2f1f2d1b7a10', phone_number: '+15551234567', name: 'Pat Reyes' },
    scheduled_start: '2026-03-14T13:00:00.000Z',
    duration_minutes: 60,
    assigned_rep_id: 'user_42',
    location: '1 Main St, Springfield',
    service_type: 'Roof repair',
    status: 'scheduled' as const,
    outcome: 'pending' as const,
    created_at: '2026-03-10T15:04:05.000Z',
    updated_at: '2026-03-10T15:09:41.000Z',
  };
}

export const appointmentView = (appointment: AppointmentRow) => ({
  id: appointment.id,
  lead_id: appointment.leadId,
  call_id: appointment.callId,
  contact: contactRefView(appointment.contact),
  scheduled_start: isoOrNull(appointment.scheduledStart),
  duration_minutes: appointment.durationMinutes,
  assigned_rep_id: appointment.assignedRepId,
  location: appointment.location,
  service_type: appointment.serviceType,
  status: appointment.status,
  outcome: appointment.outcome,
  created_at: iso(appointment.createdAt),
  updated_at: iso(appointment.updatedAt),
});
