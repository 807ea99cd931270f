/** What each value of the enums means, once for the whole OpenAPI document. */
import type { AppointmentOutcome, BookingStatus, CallOutcomeCategory, Qualification } from '../../domain/analysis.ts';
import type { AppointmentStatus, RecordingSessionStatus, ReviewReason } from '../../domain/appointment.ts';
import type { CallDirection, CallStatus } from '../../domain/call.ts';
import type { FollowUpKind, FollowUpStatus } from '../../domain/followUp.ts';
import type { LeadStatus } from '../../domain/lead.ts';
import type { DeliveryStatus, OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import type { Blocker, PipelineStage, SubjectKind } from '../../domain/pipeline.ts';
import type { Role } from '../../domain/user.ts';
import type { WebhookEventStatus, WebhookSource } from '../../domain/webhookEvent.ts';

export const STAGE_MEANINGS: Record<PipelineStage, string> = {
  awaiting_end: 'the call or visit is still going on',
  awaiting_recording: 'the call has ended and its recording has not arrived',
  transcribing: 'Shunya transcribes the recording',
  analyzing: 'Shunya analyzes the transcript',
  applying: 'the results are being written; since 0.2 no call or visit stays in this stage',
  done: 'finished',
  not_analyzable: 'finished without an analysis, for example because there is no recording or no speech',
  failed: 'a person gave up a blocked step with `skip`',
};

export const LEAD_STATUS_MEANINGS: Record<LeadStatus, string> = {
  new: 'the contact called; no analysis has changed the lead yet',
  hot: 'qualified, wants the service soon, not booked',
  warm: 'qualified, interested, not booked',
  cold: 'qualified, little interest, not booked',
  unqualified: 'not a customer for the company',
  qualified_booked: 'qualified and booked an appointment',
  qualified_service_not_offered: 'qualified, but the company does not offer the service',
  closed_won: 'the sale was made',
  closed_lost: 'the sale was lost',
};

const callStatuses: Record<CallStatus, string> = {
  ringing: 'nobody has answered yet',
  in_progress: 'the conversation is going on',
  abandoned: 'the end of the call was never reported',
  missed: 'nobody at the company answered',
  no_answer: 'the company called and nobody answered',
  voicemail: 'the caller left a message',
  completed: 'the conversation has ended',
};

const directions: Record<CallDirection, string> = { inbound: 'the contact called', outbound: 'the company called' };

const qualifications: Record<Qualification, string> = {
  hot: 'qualified, wants the service soon',
  warm: 'qualified, interested',
  cold: 'qualified, little interest',
  unqualified: 'not a customer for the company',
};

const bookingStatuses: Record<BookingStatus, string> = {
  booked: 'the caller booked an appointment',
  not_booked: 'the caller did not book',
  service_not_offered: 'the company does not offer what the caller asked for',
};

const categories: Record<CallOutcomeCategory, string> = {
  qualified_and_booked: 'qualified caller, appointment booked',
  qualified_but_unbooked: 'qualified caller, no appointment',
  qualified_service_not_offered: 'qualified caller, service not offered',
  unqualified: 'not a customer for the company',
};

const outcomes: Record<AppointmentOutcome, string> = {
  pending: 'not decided yet',
  won: 'the customer bought',
  lost: 'the customer did not buy',
};

const appointmentStatuses: Record<AppointmentStatus, string> = {
  scheduled: 'planned',
  confirmed: 'planned, and the customer confirmed it',
  completed: 'the visit took place',
  cancelled: 'called off, or replaced by another appointment',
  no_show: 'the customer was not there',
};

const reviewReasons: Record<ReviewReason, string> = {
  possible_duplicate: 'a call booked it for a time for which the contact has an appointment already',
  second_open_appointment: 'the contact has an open appointment at another time',
  overlap: 'a call booked it while its rep has another appointment',
  unusual_hour: 'it starts before 06:00 or after 21:00 in the company’s time zone',
  no_open_appointment: 'it will not take place and its booked lead has no other open appointment',
};

const sessionStatuses: Record<RecordingSessionStatus, string> = {
  recording: 'the visit is being recorded',
  completed: 'the recording was stopped and its audio is known',
  failed: 'the recording was never stopped and was closed without audio',
};

const subjectKinds: Record<SubjectKind, string> = {
  call: 'the pipeline of a call',
  visit: 'the pipeline of a recorded visit',
};

const blockers: Record<Blocker, string> = {
  database: 'the database cannot be reached',
  shunya_transcription: 'the transcription at Shunya fails',
  shunya_analysis: 'the analysis at Shunya fails',
  callrail_recording: 'fetching the recording from CallRail fails',
  overdue: 'a step takes longer than expected',
};

const followUpKinds: Record<FollowUpKind, string> = {
  missed: 'nobody answered the newest call',
  abandoned: 'the end of the newest call was never reported',
  voicemail: 'the newest call went to voicemail',
  unbooked: 'the caller is qualified and the last conversation ended without a booking',
};

const followUpStatuses: Record<FollowUpStatus, string> = {
  open: 'nobody works on it',
  claimed: 'somebody works on it',
  done: 'the caller was reached',
  dismissed: 'no call is needed',
};

const eventTypes: Record<OutgoingEventType, string> = {
  'call.missed': 'nobody answered a call',
  'call.analyzed': 'the analysis of a call is ready',
  'contact.updated': 'the name, numbers or notes of a contact changed',
  'lead.updated': 'a lead changed',
  'appointment.created': 'an appointment was made',
  'appointment.rescheduled': 'an appointment moved to another time',
  'appointment.updated': 'an appointment changed otherwise',
  'appointment.cancelled': 'an appointment was cancelled',
  'visit.started': 'a rep started to record a visit',
  'visit.analyzed': 'the analysis of a visit is ready',
  'follow_up.opened': 'a caller should be called',
  'follow_up.closed': 'a follow-up was closed',
};

const deliveryStatuses: Record<DeliveryStatus, string> = {
  pending: 'not delivered yet; it is tried again automatically',
  delivered: 'the endpoint answered 2xx',
  failed: 'given up; a person can send it again',
};

const roles: Record<Role, string> = {
  csr: 'answers calls',
  sales_rep: 'visits customers',
  manager: 'runs a company',
  executive: 'reads a company’s figures',
  admin: 'sets up companies and users',
};

const eventStatuses: Record<WebhookEventStatus, string> = {
  pending: 'stored, not handed to its pipeline yet',
  dispatched: 'handed to its pipeline',
  applied: 'took effect',
  unrouted: 'no company or call is known for it yet; it is kept',
  invalid: 'cannot be read as an event; it is kept',
  rejected: 'its signature does not verify; it is kept',
};

const sources: Record<WebhookSource, string> = {
  callrail: 'CallRail sent it',
  shunya: 'Shunya sent it',
  internal: 'the API itself made it',
  operator: 'an operator’s action that is delivered through the inbox',
};

const nameSources: Record<string, string> = {
  person: 'a user of the company set it; calls do not change it',
  call: 'the newest call that gave a name',
  carrier: 'text of the carrier; any name replaces it',
};

const webhookAnswers: Record<string, string> = {
  accepted: 'stored; it takes effect automatically',
  unrouted: 'stored; no company or call is known for it yet',
  invalid: 'stored; it cannot be read as an event',
};

const matchedFields: Record<string, string> = {
  name: 'the contact’s name',
  phone_number: 'the caller’s number',
  summary: 'the summary of the analysis',
  transcript: 'the transcript',
};

const keyOf = (values: readonly string[]): string => [...values].sort().join();

const MEANINGS = new Map(
  [
    STAGE_MEANINGS,
    LEAD_STATUS_MEANINGS,
    callStatuses,
    directions,
    qualifications,
    bookingStatuses,
    categories,
    outcomes,
    appointmentStatuses,
    reviewReasons,
    sessionStatuses,
    subjectKinds,
    blockers,
    followUpKinds,
    followUpStatuses,
    eventTypes,
    deliveryStatuses,
    roles,
    eventStatuses,
    sources,
    nameSources,
    webhookAnswers,
    matchedFields,
  ].map((meanings) => [keyOf(Object.keys(meanings)), meanings as Record<string, string>]),
);

/** A sentence that explains each of the values of an enum; undefined where nobody wrote one. */
export function explainValues(values: readonly string[]): string | undefined {
  const meanings = MEANINGS.get(keyOf(values));
  return meanings && `${values.map((value) => `\`${value}\`: ${meanings[value]}`).join('; ')}.`;
}
