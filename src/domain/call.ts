/** A call's provider events and what they fold to. Pure rules; see docs/contract.md, "How events make a call". */

/** Kinds in rank order: per field the latest kind wins. `abandoned` is our own, stored when a call never ends. */
export const CALL_EVENT_KINDS = ['incoming', 'answered', 'missed', 'completed', 'modified', 'abandoned'] as const;
export type CallEventKind = (typeof CALL_EVENT_KINDS)[number];

/** Statuses in rank order: a call never goes back. */
export const CALL_STATUSES = [
  'ringing',
  'in_progress',
  'abandoned',
  'missed',
  /** We dialled and nobody answered; takes the place of missed and voicemail, which are a caller's. */
  'no_answer',
  'voicemail',
  'completed',
] as const;
export type CallStatus = (typeof CALL_STATUSES)[number];

/** It has ended with nobody on it and no message: no recording is waited for. */
export const mayLackRecording = (status: CallStatus): boolean =>
  status === 'missed' || status === 'no_answer' || status === 'abandoned';

/** Somebody called and nobody of the company spoke to them: they are to be called back. */
export const asksForCallback = (status: CallStatus): boolean =>
  status === 'missed' || status === 'abandoned' || status === 'voicemail';

export const CALL_DIRECTIONS = ['inbound', 'outbound'] as const;
export type CallDirection = (typeof CALL_DIRECTIONS)[number];

/** What one provider event says, in our words. An absent field is undefined, never null or ''. */
export interface CallEventFields {
  /** E.164, or undefined where the caller is anonymous or cannot be parsed. */
  callerNumber?: string;
  /** As the provider wrote it; kept where it cannot be parsed. */
  callerNumberRaw?: string;
  callerName?: string;
  /** What a carrier puts in a name's place: WIRELESS CALLER, a number, a town. */
  callerLabel?: string;
  /** The company's number that was called, E.164. */
  trackingNumber?: string;
  callType?: string;
  answered?: boolean;
  voicemail?: boolean;
  direction?: CallDirection;
  spam?: boolean;
  durationSeconds?: number;
  recordingUrl?: string;
  /** A real start field of the provider, ISO 8601 in UTC. */
  startedAt?: string;
  /** The short form's `timestamp`: when the event happened, ISO 8601 in UTC. */
  eventAt?: string;
  agentEmail?: string;
  csrId?: string;
  source?: string;
}

export interface CallEvent {
  kind: CallEventKind;
  /** Order of receipt within the inbox; only breaks ties among events of one kind. */
  sequence: number;
  /** ISO 8601 in UTC. */
  receivedAt: string;
  fields: CallEventFields;
}

/** The state of a call as all of its events give it. */
export interface FoldedCall {
  status: CallStatus;
  ended: boolean;
  answered: boolean;
  direction: CallDirection;
  spam: boolean;
  startedAt: string;
  durationSeconds?: number;
  trackingNumber?: string;
  callerNumber?: string;
  callerNumberRaw?: string;
  callerName?: string;
  callerLabel?: string;
  recordingUrl?: string;
  agentEmail?: string;
  csrId?: string;
  source?: string;
}
