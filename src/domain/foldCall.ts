import {
  CALL_EVENT_KINDS,
  CALL_STATUSES,
  type CallEvent,
  type CallEventFields,
  type CallStatus,
  type FoldedCall,
} from './call.ts';

const VOICEMAIL_CALL_TYPES: readonly string[] = ['voicemail', 'voicemail_transcription'];

/**
 * The state of a call as all of its events give it, whatever order they came in: per field the latest kind wins, and
 * only among events of one kind the later received. `ended` is true once nothing is left to wait for: the provider
 * said so, or we closed it as abandoned.
 * @param events all events of one call, at least one
 */
export function foldCall(events: readonly CallEvent[]): FoldedCall {
  if (events.length === 0) throw new RangeError('foldCall needs at least one event');
  const ordered = [...events].sort(byKindThenReceipt);

  let fields: CallEventFields = {};
  let ended = false;
  let abandoned = false;
  let status: CallStatus = 'ringing';
  // Known first: which statuses there are depends on it, and an early event may not tell.
  const direction = latest(ordered.map((event) => event.fields.direction)) ?? 'inbound';
  for (const event of ordered) {
    fields = { ...fields, ...saidBy(event) };
    ended ||= endsCall(event);
    abandoned ||= event.kind === 'abandoned';
    // A status never goes back. Comparing with a stored one would make the order of arrival matter, so the highest
    // is taken along the canonical order: every arrival gives what that one order gives.
    status = higher(status, statusOf({ ...fields, direction }, ended, abandoned));
  }

  return {
    status,
    ended: ended || abandoned,
    answered: status === 'completed' || status === 'in_progress',
    direction,
    spam: fields.spam ?? false,
    startedAt: fields.startedAt ?? earliest(ordered.map((event) => event.fields.eventAt)) ?? firstReceipt(ordered),
    durationSeconds: fields.durationSeconds,
    trackingNumber: fields.trackingNumber,
    callerNumber: fields.callerNumber,
    callerNumberRaw: fields.callerNumber ? undefined : fields.callerNumberRaw,
    callerName: fields.callerName,
    callerLabel: fields.callerName ? undefined : fields.callerLabel,
    recordingUrl: fields.recordingUrl,
    agentEmail: fields.agentEmail,
    csrId: fields.csrId,
    source: fields.source,
  };
}

function byKindThenReceipt(a: CallEvent, b: CallEvent): number {
  return CALL_EVENT_KINDS.indexOf(a.kind) - CALL_EVENT_KINDS.indexOf(b.kind) || a.sequence - b.sequence;
}

/** Only the fields that the event may decide; an absent one must not hide what an earlier kind said. */
function saidBy(event: CallEvent): CallEventFields {
  const said: CallEventFields = { ...event.fields, answered: answeredBy(event) };
  // Sent while it rings, it calls every call missed.
  if (event.kind === 'incoming') delete said.callType;
  if (said.durationSeconds === 0 && !endsCall(event)) delete said.durationSeconds;
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined && value !== null));
}

function answeredBy({ kind, fields }: CallEvent): boolean | undefined {
  switch (kind) {
    case 'incoming':
    case 'abandoned':
      return undefined;
    case 'answered':
      return true;
    case 'missed':
      return fields.answered ?? false;
    case 'completed':
      return fields.answered ?? ((fields.durationSeconds ?? 0) > 0 ? true : undefined);
    case 'modified':
      return fields.answered;
  }
}

function endsCall({ kind, fields }: CallEvent): boolean {
  if (kind === 'missed') return true;
  return (kind === 'completed' || kind === 'modified') && fields.callType !== 'in_progress';
}

function statusOf(fields: CallEventFields, ended: boolean, abandoned: boolean): CallStatus {
  if (ended) {
    if (fields.answered) return 'completed';
    if (fields.direction === 'outbound') return 'no_answer';
    return isVoicemail(fields) ? 'voicemail' : 'missed';
  }
  if (abandoned) return 'abandoned';
  return fields.answered ? 'in_progress' : 'ringing';
}

function isVoicemail({ voicemail, callType }: CallEventFields): boolean {
  return voicemail === true || (callType !== undefined && VOICEMAIL_CALL_TYPES.includes(callType));
}

function higher(a: CallStatus, b: CallStatus): CallStatus {
  return CALL_STATUSES.indexOf(a) >= CALL_STATUSES.indexOf(b) ? a : b;
}

const latest = <T>(values: readonly (T | undefined | null)[]): T | undefined =>
  values.findLast((value) => value !== undefined && value !== null) ?? undefined;

function firstReceipt(events: readonly CallEvent[]): string {
  return earliest(events.map((event) => event.receivedAt)) as string;
}

function earliest(times: readonly (string | undefined)[]): string | undefined {
  return times
    .filter((time) => time !== undefined)
    .reduce<string | undefined>(
      (first, time) => (first === undefined || Date.parse(time) < Date.parse(first) ? time : first),
      undefined,
    );
}
