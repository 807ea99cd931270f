/** A call's provider events and what they fold to. Pure rules; see CONTRACT "How events make a call". */

/** Kinds in rank order: per field the latest kind wins. `abandoned` is our own, stored when a call never ends. */
export const CALL_EVENT_KINDS = ['incoming', 'answered', 'missed', 'completed', 'modified', 'abandoned'] as const;
export type CallEventKind = (typeof CALL_EVENT_KINDS)[number];

/** Statuses in rank order: a call never goes back. */
export const CALL_STATUSES = ['ringing', 'in_progress', 'abandoned', 'missed', 'voicemail', 'completed'] as const;
export type CallStatus = (typeof CALL_STATUSES)[number];

export const CALL_DIRECTIONS = ['inbound', 'outbound'] as const;
export type CallDirection = (typeof CALL_DIRECTIONS)[number];

/** What one provider event says, in our words. An absent field is undefined, never null or ''. */
export interface CallEventFields {
  /** E.164, or undefined where the caller is anonymous or cannot be parsed. */
  callerNumber?: string;
  /** As the provider wrote it; kept where it cannot be parsed. */
  callerNumberRaw?: string;
  callerName?: string;
  /** The company's number that was called, E.164. */
  trackingNumber?: string;
  callType?: string;
  answered?: boolean;
  voicemail?: boolean;
  direction?: CallDirection;
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
  startedAt: string;
  durationSeconds?: number;
  trackingNumber?: string;
  callerNumber?: string;
  callerNumberRaw?: string;
  callerName?: string;
  recordingUrl?: string;
  agentEmail?: string;
  csrId?: string;
  source?: string;
}
