/** The API's values in the words of the people who read them. */
import type { Appointment, Call, Lead, Role, Schemas } from './api.ts';

export type Tone = 'neutral' | 'info' | 'good' | 'warn' | 'bad';
type Said = { text: string; tone: Tone };

const pick = <T extends string>(table: Partial<Record<T, Said>>, value: T | null | undefined): Said | undefined =>
  value == null ? undefined : (table[value] ?? { text: plain(value), tone: 'neutral' });

/** A value that nobody has given words yet: `qualified_and_booked` as "Qualified and booked". */
export const plain = (value: string): string => {
  const words = value.replaceAll(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const callStatus = (value: Call['status']) =>
  pick<string>(
    {
      ringing: { text: 'Ringing', tone: 'info' },
      in_progress: { text: 'On the phone', tone: 'info' },
      abandoned: { text: 'No end was reported', tone: 'warn' },
      missed: { text: 'Missed', tone: 'bad' },
      voicemail: { text: 'Voicemail', tone: 'warn' },
      completed: { text: 'Answered', tone: 'good' },
      no_answer: { text: 'No answer', tone: 'neutral' },
    },
    value,
  ) as Said;

export const outcome = (value: NonNullable<Call['analysis']>['call_outcome_category']) =>
  pick(
    {
      qualified_and_booked: { text: 'Booked', tone: 'good' },
      qualified_but_unbooked: { text: 'Qualified, not booked', tone: 'warn' },
      qualified_service_not_offered: { text: 'Service not offered', tone: 'neutral' },
      unqualified: { text: 'Not a lead', tone: 'neutral' },
    },
    value,
  );

export const qualification = (value: Lead['qualification']) =>
  pick(
    {
      hot: { text: 'Hot', tone: 'bad' },
      warm: { text: 'Warm', tone: 'warn' },
      cold: { text: 'Cold', tone: 'info' },
      unqualified: { text: 'Not a lead', tone: 'neutral' },
    },
    value,
  );

export const bookingStatus = (value: NonNullable<Call['analysis']>['booking_status']) =>
  pick(
    {
      booked: { text: 'Booked', tone: 'good' },
      not_booked: { text: 'Not booked', tone: 'warn' },
      service_not_offered: { text: 'Service not offered', tone: 'neutral' },
    },
    value,
  );

export const leadStatus = (value: Lead['status']) =>
  pick<string>(
    {
      new: { text: 'New', tone: 'info' },
      hot: { text: 'Hot', tone: 'bad' },
      warm: { text: 'Warm', tone: 'warn' },
      cold: { text: 'Cold', tone: 'info' },
      unqualified: { text: 'Not a lead', tone: 'neutral' },
      qualified_booked: { text: 'Booked', tone: 'good' },
      qualified_service_not_offered: { text: 'Service not offered', tone: 'neutral' },
      closed_won: { text: 'Won', tone: 'good' },
      closed_lost: { text: 'Lost', tone: 'neutral' },
    },
    value,
  ) as Said;

export const appointmentStatus = (value: Appointment['status']) =>
  pick(
    {
      scheduled: { text: 'Scheduled', tone: 'info' },
      confirmed: { text: 'Confirmed', tone: 'info' },
      completed: { text: 'Done', tone: 'good' },
      cancelled: { text: 'Cancelled', tone: 'neutral' },
      no_show: { text: 'Nobody was there', tone: 'warn' },
    },
    value,
  ) as Said;

export const visitOutcome = (value: Appointment['outcome'] | null) =>
  pick(
    {
      won: { text: 'Won', tone: 'good' },
      lost: { text: 'Lost', tone: 'bad' },
      pending: { text: 'Undecided', tone: 'neutral' },
    },
    value,
  );

export const STAGES: Record<string, { text: string; tone: Tone; means: string }> = {
  awaiting_end: { text: 'Call goes on', tone: 'info', means: 'The end of the call has not been reported yet.' },
  awaiting_recording: {
    text: 'Waiting for the recording',
    tone: 'info',
    means: 'CallRail has not sent the recording yet.',
  },
  transcribing: { text: 'Being transcribed', tone: 'info', means: 'Shunya is writing down what was said.' },
  analyzing: { text: 'Being analyzed', tone: 'info', means: 'Shunya is judging what was said.' },
  applying: {
    text: 'Almost done',
    tone: 'info',
    means: 'The result is being written to the lead and the appointment.',
  },
  done: { text: 'Done', tone: 'good', means: 'Nothing is left to do.' },
  not_analyzable: { text: 'Cannot be analyzed', tone: 'neutral', means: 'There is nothing to analyze.' },
  failed: { text: 'Given up by a person', tone: 'bad', means: 'Somebody skipped a step.' },
};
export const stage = (value: string) => STAGES[value] ?? { text: plain(value), tone: 'neutral' as Tone, means: '' };

const BLOCKS: Record<string, string> = {
  database: 'The database did not take the result.',
  shunya_transcription: 'Shunya does not transcribe the recording.',
  shunya_analysis: 'Shunya does not analyze the transcript.',
  callrail_recording: 'CallRail does not hand out the recording.',
  overdue: 'Nothing has happened for too long.',
};
const REASONS: Record<string, string> = {
  network: 'it could not be reached',
  no_speech: 'nobody speaks in the recording',
  no_recording: 'there is no recording',
  recording_not_received: 'no recording came in time',
  recording_host_not_allowed: 'its host is not among the allowed ones (RECORDING_HOSTS)',
  never_stopped: 'the visit was never stopped',
};

/** What is in the way, and why, in a sentence. */
export function blockReason(blockedOn: string | null, reason: string | null): string {
  const what = blockedOn ? (BLOCKS[blockedOn] ?? `${plain(blockedOn)} is in the way.`) : '';
  const why = reason && (REASONS[reason] ?? plain(reason).toLowerCase());
  if (!why) return what || 'No reason was given.';
  return what ? `${what.slice(0, -1)}: ${why}.` : `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
}

/** What an operator can do about it. */
export function whatToDo(blockedOn: string | null): string {
  switch (blockedOn) {
    case 'shunya_transcription':
    case 'shunya_analysis':
      return 'It is tried again by itself for ever. Retry once Shunya is back; skip what will never work.';
    case 'callrail_recording':
      return 'Check the company’s CallRail key, then retry.';
    case 'database':
      return 'It is tried again by itself. If it lasts, look at the health of the parts.';
    case 'overdue':
      return 'Open the workflow to see what it waits for, then retry.';
    default:
      return 'It goes on by itself.';
  }
}

export const ROLES: Record<Role, string> = {
  csr: 'CSR',
  sales_rep: 'Sales rep',
  manager: 'Manager',
  executive: 'Executive',
  admin: 'Admin',
};
/** Where an event of the inbox comes from. */
export const SOURCES: Record<Schemas['WebhookEvent']['source'], string> = {
  callrail: 'CallRail',
  shunya: 'Shunya',
  operator: 'Operator',
  internal: 'Callwright',
};

export const PARTS: Record<string, { name: string; means: string }> = {
  database: { name: 'Database', means: 'Keeps everything.' },
  writes: { name: 'Writes', means: 'The database takes new rows, so that webhooks are kept.' },
  migrations: { name: 'Migrations', means: 'The database has the tables this version needs.' },
  temporal: { name: 'Temporal', means: 'Runs the pipelines. Webhooks are taken without it, too.' },
  search_attributes: { name: 'Search attributes', means: 'What operators search workflows by.' },
  worker: { name: 'Worker', means: 'Does the work of the pipelines.' },
  shunya: { name: 'Shunya', means: 'Transcribes and analyzes.' },
  callrail: { name: 'CallRail', means: 'Sends the calls.' },
};
