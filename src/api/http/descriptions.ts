/** Gives each parameter, field and enum of the OpenAPI document the description that its schema does not have. */
import { explainValues } from './meanings.ts';

/** By schema and field, where a name alone does not say enough. */
const FIELDS: Record<string, string> = {
  'Me.company': 'The company of the token; null where the token names none or the company has no row.',
  'Me.company_id': 'The company of the token; null for an admin without one.',
  'Me.id': 'The user’s id: the `sub` of the token.',
  'Me.name': 'The user’s name; null where the company has no such user.',
  'Me.user_id': 'The same as `id`.',
  'Company.name': 'The company’s name.',
  'CompanyInput.name': 'The company’s name.',
  'CompanyPatch.name': 'The company’s name.',
  'User.id': 'The user’s id: the `sub` of the token.',
  'User.name': 'The user’s name.',
  'UserInput.name': 'The user’s name.',
  'UserPatch.name': 'The user’s name.',
  'TrackingNumber.phone_number': 'The number that callers dial, as E.164.',
  'TrackingNumberInput.phone_number': 'The number that callers dial; stored as E.164.',
  'Call.started_at': 'When the call began, in UTC.',
  'ListedCall.started_at': 'When the call began, in UTC.',
  'ListedCall.match.field': 'The part of the call in which the text was found.',
  'CallAnalysis.version': 'The number of the analysis: it grows with each analysis and each correction.',
  'Transcript.turns[].text': 'What the speaker said.',
  'Objection.text': 'What the person said.',
  'AnalysisCorrection.objections[].text': 'What the person said.',
  'RecordingSession.started_at': 'When the recording was started, in UTC.',
  'RecordingSession.started_by': 'The id of the user who started the recording.',
  'RecordingSession.analysis.summary': 'The visit in a few sentences.',
  'RecordingSession.analysis': 'The analysis of the visit; null until there is one.',
  'RecordingSession.pipeline': 'Where the visit stands on its way to an analysis.',
  'RecordingSession.analysis.outcome': 'What came of the visit; null where the analysis does not tell.',
  'RecordingLink.url': 'The link to the audio. It needs no bearer token.',
  'RecordingLink.expires_at': 'Until when playing must have begun, in UTC.',
  'EventTicket.expires_at': 'Until when the ticket can be used, in UTC.',
  'EventTicket.ticket': 'The value of `ticket` for `GET /events`.',
  'Pipeline.kind': 'What the pipeline belongs to.',
  'BatchRetry.filter.kind': 'Only pipelines of this kind.',
  'BatchRetry.filter.company_id': 'Only pipelines of this company. For admins.',
  'BatchRetry.filter.needs_attention': 'Only pipelines that need a person, or only those that do not.',
  'WebhookEvent.reason':
    'Why it had no effect or came too late, as a code, for example `unknown_number`; null otherwise.',
  'WebhookEvent.route': 'The name of the event, for example `call.completed`.',
  'WebhookEvent.attempts': 'How often it was handed to its pipeline.',
  'WebhookEvent.status': 'Where the event stands.',
  'WebhookEvent.source': 'Who made the event.',
  'WebhookEvent.company_id': 'The id of the company; null while it is not known.',
  'WebhookEvent.tracking_number': 'The number that was dialed, as E.164; null where the event does not tell.',
  'AuditEntry.reason': 'Why, in the words of the person; null where none is asked for.',
  'AuditEntry.company_id': 'The id of the company; null where the action concerned several companies.',
  'WebhookEndpoint.description': 'A note about the endpoint.',
  'WebhookEndpointInput.description': 'A note about the endpoint.',
  'WebhookEndpointPatch.description': 'A note about the endpoint.',
  'WebhookDelivery.status': 'Where the delivery stands.',
  'AppointmentPatch.assigned_rep_id': 'The id of the sales rep; `null` assigns it to nobody. Absent: unchanged.',
  'AppointmentPatch.duration_minutes': 'The length of the appointment in minutes. Absent: unchanged.',
  'AppointmentReschedule.duration_minutes': 'The length of the appointment in minutes. Absent: unchanged.',
  'AppointmentReschedule.assigned_rep_id': 'The id of the sales rep; `null` assigns it to nobody. Absent: unchanged.',
  'WebhookAnswer.status': 'What became of the event.',
  'Lead.status': 'Where the lead stands.',
  'LeadPatch.status': 'Where the lead stands.',
  'Call.status': 'Where the call stands.',
  'ListedCall.status': 'Where the call stands.',
  'Appointment.status': 'Where the appointment stands.',
  'AppointmentPatch.status': 'Where the appointment stands.',
  'RecordingSession.status': 'Where the recording stands.',
  'Appointment.outcome': 'What came of the appointment.',
  'AppointmentPatch.outcome': 'What came of the appointment.',
  'Problem.status': 'The HTTP status.',
  'Problem.errors[].path': 'The field or parameter.',
  'Problem.errors[].message': 'What is wrong with it.',
  'Readiness.parts': 'The parts by name: `ok`, and the reason where one does not work.',
  'Objections.items': 'The kinds of objections, the most frequent first.',
  'ContactWithHistory.calls': 'The contact’s calls, newest first.',
  'ContactWithHistory.leads': 'The contact’s leads, newest first.',
  'ContactWithHistory.appointments': 'The contact’s appointments, by start.',
  'GET /healthz.status': '`ok`: the process is alive. `saturated`: its webhooks hang.',
  'GET /healthz.reason': 'Which webhooks hang.',
};

/** By the name of a field or a parameter, wherever it stands. */
const NAMES: Record<string, string> = {
  action: 'What was done, for example `analysis.correct`.',
  actor_id: 'The id of the user who did it.',
  actor_role: 'The role of the user who did it.',
  analysis: 'The current analysis; null until there is one.',
  analyzed_at: 'When the analysis was made, in UTC.',
  analyzed_calls: 'Calls that have an analysis.',
  answered: 'Whether somebody answered the call.',
  answered_calls: 'Calls that somebody answered.',
  applied_at: 'When it took effect, in UTC; null until then.',
  appointment_date: 'The date of the appointment as the caller said it, or null.',
  appointment_id: 'The id of the appointment.',
  appointment_location: 'Where the appointment is, as the caller said it.',
  assigned_rep_id: 'The id of the sales rep it is assigned to; null or absent: nobody.',
  attempts: 'Failed attempts of the blocked step; 0 where nothing is blocked.',
  audio_url: 'The http(s) link to the recording of the visit.',
  audit_id: 'The id of the entry in the audit log.',
  avg_call_duration_seconds: 'The average duration of answered calls, in seconds; 0 where there is none.',
  avg_objections_per_appointment: 'Objections per appointment whose visit has an analysis; 0 where there is none.',
  avg_objections_per_qualified_call: 'Objections per qualified call; 0 where there is none.',
  avg_sentiment_score: 'The average sentiment of the analyses, 0 (bad) to 1 (good); 0 where there is none.',
  blocked_on: 'What the failed step waits for; null where nothing is blocked.',
  booked_calls: 'Calls that booked an appointment.',
  booking_rate: 'Booked calls divided by qualified calls, 0 to 1; 0 where there is no qualified call.',
  booking_status: 'Whether the caller booked an appointment; null where the analysis does not tell.',
  by_csr: 'The same figures for each agent.',
  by_rep: 'The same figures for each sales rep.',
  call_id: 'The id of the call; null where no call made it.',
  call_ids: 'The ids of the lead’s calls.',
  call_outcome_category: 'Qualification and booking in one; null where the analysis tells too little.',
  callrail_account_id: 'CallRail’s id of the account; needed to fetch recordings and missed events.',
  callrail_company_id: 'CallRail’s id of the company; it assigns events whose tracking number belongs to no company.',
  callrail_signing_key_count: 'How many signing keys are set.',
  category: 'The kind of objection, for example `price`.',
  code: 'The error’s code; stable, for programs.',
  company_id: 'The id of the company.',
  completed_appointments: 'Appointments whose visit took place.',
  contact: 'The contact: the person on the other side of the calls.',
  contact_id: 'The id of the contact.',
  created_at: 'When it was created, in UTC.',
  csr_id: 'The id of the user who took the call; null where the call names nobody.',
  data: 'The answer.',
  date: 'The day, in the company’s time zone.',
  date_from: 'The first day, in the company’s time zone.',
  date_to: 'The last day, inclusive, in the company’s time zone.',
  delivered_at: 'When it was delivered, in UTC; null until then.',
  detail: 'What to do, or what is wrong in this case.',
  details: 'What was changed, as ids, states and fields.',
  dispatched_at: 'When it was handed to its pipeline, in UTC; null until then.',
  duration_minutes: 'The length of the appointment in minutes; 60 unless given.',
  duration_seconds: 'The length of the call in seconds; null until it is known.',
  email: 'The user’s email address.',
  enabled: 'Whether events are sent to the endpoint.',
  end_seconds: 'When the turn ends, in seconds from the start of the recording.',
  endpoint_id: 'The id of the webhook endpoint.',
  errors: 'The fields that are wrong; only for `invalid_request`.',
  event_id: 'The id under which the event is kept.',
  event_type: 'The type of the event.',
  events: 'The types of events that are sent.',
  generation: 'The number of the run: 1 for the first analysis, one more for each repetition.',
  has_callrail_api_key: 'Whether a CallRail API key is set.',
  has_recording: 'Whether there is a recording to listen to.',
  id: 'The id.',
  instance: 'The path of the request.',
  is_demo: 'Whether the company belongs to a demonstration.',
  items: 'The rows of this page.',
  kind: 'Only rows of this kind.',
  label: 'A note about the number, for example where it is advertised.',
  language: 'The language spoken, as a code such as `en`.',
  last_attempt_at: 'When it was last tried, in UTC; null before the first attempt.',
  latitude: 'Where the visit is, in degrees north.',
  lead_id: 'The id of the lead.',
  limit: 'How many rows a page has, 1 to 200.',
  location: 'Where the appointment is, as an address.',
  longitude: 'Where the visit is, in degrees east.',
  lost_appointments: 'Appointments with the outcome `lost`.',
  merge_id: 'The id of the merge.',
  merged_at: 'When they were merged, in UTC.',
  missed_calls: 'Calls that were missed, abandoned or went to voicemail.',
  name: 'The name; null where it is not known.',
  needs_attention: 'Whether a person should look at it: a step has failed repeatedly, or takes longer than it should.',
  next_attempt_at: 'When it is tried next, in UTC; null where it is not.',
  next_cursor: 'The `cursor` of the next page; null on the last page.',
  notes: 'Notes of the company’s users.',
  objections: 'What the person objected to.',
  overcome: 'Whether the objection was overcome; null where the analysis does not tell.',
  pending_analysis_calls: 'Calls whose pipeline has not finished.',
  pending_appointments: 'Appointments with the outcome `pending`.',
  phone_number: 'The phone number as E.164; null where it was withheld.',
  pipeline: 'Where the call stands on its way to an analysis.',
  provider_call_id: 'CallRail’s id of the call.',
  qualification: 'How well the caller fits the company; null where it is not known.',
  qualified_but_unbooked_calls: 'Qualified calls that did not book.',
  qualified_calls: 'Calls that are hot, warm or cold, or booked.',
  qualified_rate: 'Qualified calls divided by analyzed calls, 0 to 1; 0 where there is no analyzed call.',
  Range: 'The part of the audio that is wanted, for example `bytes=0-1023`.',
  raw_event_days:
    'Days after which the caller, and all that the call does not need, are removed from raw events; null: never.',
  ready: 'Whether every required part works.',
  reason: 'Why it is blocked or was not analyzed, as a code, for example `http_503`; null where it does not apply.',
  received_at: 'When it was received, in UTC.',
  recording_days: 'Days after which links to audio are removed; null: never.',
  rep_id: 'The id of the sales rep; null for appointments that are assigned to nobody.',
  request_id: 'The id of the request. Quote it when you ask for help.',
  role: 'The role of the user.',
  scheduled_start: 'When the appointment starts, in UTC; null where it is not known.',
  score: 'The share of the sales procedure that was followed, 0 to 1.',
  sentiment_score: 'The mood of the conversation, 0 (bad) to 1 (good).',
  service_not_offered_calls: 'Qualified calls that asked for a service the company does not offer.',
  service_not_offered_rate: 'Those calls divided by qualified calls, 0 to 1; 0 where there is no qualified call.',
  service_requested: 'The service the caller asked for.',
  service_type: 'The service the appointment is for.',
  severity: 'How serious the objection is, as Shunya words it, for example `medium`.',
  shunya_company_id: 'Shunya’s id of the company; the company’s own id unless given.',
  Signature: 'CallRail’s signature of the body.',
  sop_compliance: 'How far the sales procedure was followed.',
  source: 'Where the lead comes from, for example the name of a campaign.',
  speaker: 'Who speaks, for example `agent` or `customer`; null where it is not known.',
  stage: 'The stage of the pipeline.',
  stages_followed: 'The steps of the sales procedure that were followed.',
  stages_missed: 'The steps of the sales procedure that were left out.',
  start_seconds: 'When the turn starts, in seconds from the start of the recording.',
  stopped_at: 'When the recording was stopped, in UTC; null until then.',
  subject_id: 'The id of what it is about.',
  subject_kind: 'What it is about, for example `call`.',
  summary: 'The call in a few sentences.',
  team_win_rate: 'The same as `win_rate`.',
  temporal_url: 'The link to the workflow in Temporal’s Web UI; null where its address is not configured.',
  time_zone: 'The company’s time zone, a name of the IANA database.',
  title: 'The error in words.',
  token: 'The token of the link.',
  top_missed_booking_reason:
    'The most frequent objection in qualified calls that did not book; null where there is none.',
  total_appointments: 'Appointments that are not cancelled.',
  total_calls: 'All inbound calls that are not spam.',
  total_is_estimate: 'Present where `total` is a lower bound.',
  tracking_number: 'The company’s number that was dialed, as E.164.',
  transcript_days: 'After how many days transcripts are removed; null: never.',
  transcript_text: 'All that was said.',
  trend: 'The figures of each day.',
  turns: 'What was said, speaker by speaker.',
  type: 'The error’s code as a URN.',
  updated_at: 'When it last changed, in UTC.',
  url: 'The http(s) address that events are sent to.',
  user_id: 'The id of the user.',
  win_rate: 'Won appointments divided by won and lost ones, 0 to 1; 0 where there is none.',
  won_appointments: 'Appointments with the outcome `won`.',
  workflow_id: 'The id of the pipeline’s workflow in Temporal.',
  'X-Shunya-Signature': 'Shunya’s signature of the timestamp and the body, hexadecimal.',
  'X-Shunya-Timestamp': 'When Shunya sent it, in milliseconds since 1970.',
};

/** What the `{id}` of a path names, by the collection it stands in. */
const PATH_IDS: Record<string, string> = {
  companies: 'The id of the company.',
  calls: 'The id of the call.',
  leads: 'The id of the lead.',
  contacts: 'The id of the contact.',
  'follow-ups': 'The id of the follow-up.',
  appointments: 'The id of the appointment.',
  recordings: 'The id of the recording session.',
  'webhook-events': 'The id of the event.',
  'webhook-endpoints': 'The id of the webhook endpoint.',
  'webhook-deliveries': 'The id of the delivery.',
};

// biome-ignore lint/suspicious/noExplicitAny: a JSON document that is walked.
type Json = any;

/** Completes the descriptions of a document, in place. */
export function completeDescriptions(document: Json): void {
  for (const [name, schema] of Object.entries(document.components.schemas)) describeFields(schema, name);
  for (const [path, item] of Object.entries(document.paths as Record<string, Json>)) {
    for (const [method, operation] of Object.entries(item as Record<string, Json>)) {
      for (const parameter of operation.parameters ?? []) describeParameter(parameter, path);
      for (const part of [operation.requestBody, ...Object.values(operation.responses as Json)])
        for (const content of Object.values(part?.content ?? {}) as Json[])
          describeFields(content.schema, `${method.toUpperCase()} ${path}`);
    }
  }
}

/** The example of an optional parameter goes into words: a form would fill it in, and filter everything away. */
function describeParameter(parameter: Json, path: string): void {
  const { name, schema } = parameter;
  const collection = path.split('/')[3] ?? '';
  const ofPath = name === 'id' ? PATH_IDS[collection] : undefined;
  const words = [parameter.description ?? schema.description ?? ofPath ?? NAMES[name]];
  words.push(explained(words[0], schema['x-values'] ?? schema.enum));
  delete schema['x-values'];
  if (parameter.in === 'query' && !parameter.required && schema.example !== undefined) {
    words.push(schema.default === undefined ? `For example \`${schema.example}\`.` : undefined);
    delete schema.example;
    delete parameter.example;
  }
  parameter.description = words.filter(Boolean).join(' ') || undefined;
  delete schema.description;
}

function describeFields(schema: Json, at: string): void {
  if (!schema || schema.$ref) return;
  for (const [name, field] of Object.entries((schema.properties ?? {}) as Record<string, Json>)) {
    const place = `${at}.${name}`;
    const words = [field.description ?? FIELDS[place] ?? NAMES[name]];
    words.push(explained(words[0], field['x-values'] ?? field.enum ?? field.items?.enum));
    delete field['x-values'];
    field.description = words.filter(Boolean).join(' ') || undefined;
    describeFields(field, place);
  }
  if (schema.items) describeFields(schema.items, `${at}[]`);
  for (const part of [schema.anyOf, schema.oneOf, schema.allOf].flat()) describeFields(part, at);
}

/** The values of an enum in words, unless the description has them all. */
function explained(description: string | undefined, values: (string | null)[] | undefined): string | undefined {
  const named = (values ?? []).filter((value): value is string => typeof value === 'string');
  if (named.length === 0 || named.every((value) => description?.includes(`\`${value}\``))) return undefined;
  return explainValues(named);
}
