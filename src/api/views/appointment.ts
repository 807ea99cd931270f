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
  .openapi('Appointment');

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
