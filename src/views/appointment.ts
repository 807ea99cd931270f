/** An appointment, as the world sees it. */
import type { AppointmentRow } from '../db/queries/appointments.ts';
import { contactRefView } from './contact.ts';

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
