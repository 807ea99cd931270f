/** CallRail's payloads, webhook and REST alike, in our words. Nothing in one is an error: what cannot be read is absent. */
import { DateTime } from 'luxon';
import type { CallDirection, CallEventFields, CallEventKind } from '../../domain/call.ts';
import { isCarrierLabel } from '../../domain/callerName.ts';
import { parseCaller, parsePhone } from '../../domain/phone.ts';
import { remembering } from '../../domain/remembering.ts';
import { storableText } from '../../domain/text.ts';
import { isObject, readBoolean } from '../json.ts';

export interface CallRailEvent {
  /** CallRail's id of the call; without one the event cannot be matched to a call. */
  providerCallId?: string;
  /** CallRail's ids of the company, to be compared with `callrail_company_id`: its resource id, its numeric one, or both. */
  callrailCompanyIds: string[];
  fields: CallEventFields;
  /** It tells of the recording, rather than of a note or a tag on a call whose recording was told before. */
  tellsRecording: boolean;
  /** What it is of instead, where it is no event of a call. */
  notACall?: NotACall;
}

/** Whose an event is, and whether it is one of a call: all that is read before it is stored. */
export type CallRailAddress = Pick<CallRailEvent, 'providerCallId' | 'callrailCompanyIds' | 'notACall'> &
  Pick<CallEventFields, 'trackingNumber'>;

/** What CallRail tells of besides calls, and other things that end up at a call's address. */
export type NotACall = 'text_message' | 'form' | 'chat' | 'unknown';

const MAX_ID_LENGTH = 255;
const MAX_TEXT_LENGTH = 500;
const MAX_URL_LENGTH = 4096;
const MAX_INT32 = 2_147_483_647;
const LATEST_TIME = Date.UTC(2200, 0, 1);
/** Epoch numbers below are seconds (until the year 5138), above milliseconds. */
const EPOCH_SECONDS_LIMIT = 100_000_000_000;
/** A smaller number (before 1973) is a year or a count, not a time. */
const EPOCH_SECONDS_MIN = 100_000_000;

/** Reads the address of a payload; see `readCallRailEvent` for which payloads. */
export function readCallRailAddress(payload: unknown): CallRailAddress {
  const body = isObject(payload) ? payload : {};
  const companyIds = [body.company_resource_id, body.company_id].map(readId).filter((id) => id !== undefined);
  return withoutUndefined<CallRailAddress>({
    providerCallId: firstOf(body, readId, CALL_IDS),
    callrailCompanyIds: [...new Set(companyIds)],
    trackingNumber: firstOf(body, readTrackingNumber, TRACKING_NUMBERS),
    notACall: readNotACall(body),
  });
}

/** The number of who called, in E.164. */
export const readCallerNumber = (payload: unknown): string | undefined =>
  firstOf(isObject(payload) ? payload : {}, readCaller, CALLER_NUMBERS);

/**
 * What a payload says: the short form, any of CallRail's real webhook payloads, or a row of its REST API (read that
 * as `modified`: it is only fetched afterwards). Where several fields can carry one thing, the first that can be read
 * counts; null, '' and ill-typed values are absent.
 * @param _kind which URL it came to; all kinds share one set of fields today, so nothing is read differently yet
 */
export function readCallRailEvent(_kind: CallEventKind, payload: unknown): CallRailEvent {
  const body = isObject(payload) ? payload : {};
  const first = <T>(read: (value: unknown) => T | null | undefined, ...names: string[]) => firstOf(body, read, names);

  const { trackingNumber, ...address } = readCallRailAddress(body);
  const callerNumber = readCallerNumber(body);
  // A carrier looks names up by number and writes what it has where it knows none.
  const nameFields = ['customer_name', 'callername', 'caller_name'];
  const place = {
    city: first(readText, 'customer_city', 'callercity'),
    state: first(readText, 'customer_state', 'callerstate'),
  };
  const readName = (value: unknown) => {
    const name = readText(value);
    return name !== undefined && !isCarrierLabel(name, place) ? name : undefined;
  };
  const readLabel = (value: unknown) => {
    const name = readText(value);
    return name !== undefined && isCarrierLabel(name, place) ? name : undefined;
  };
  const callType = first(readText, 'call_type')?.toLowerCase();

  return {
    ...address,
    tellsRecording: first(readUrl, ...LINKS) !== undefined && changesRecording(body.changes),
    fields: withoutUndefined<CallEventFields>({
      callerNumber,
      callerNumberRaw: callerNumber ? undefined : first(readText, ...CALLER_NUMBERS),
      callerName: first(readName, ...nameFields),
      callerLabel: first(readLabel, ...nameFields),
      trackingNumber,
      callType,
      answered: first(readBoolean, 'answered'),
      voicemail: first(readBoolean, 'voicemail'),
      direction: first(readDirection, 'direction') ?? (callType === 'outbound' ? 'outbound' : undefined),
      spam: first(readBoolean, 'spam'),
      durationSeconds: first(readDuration, 'duration'),
      recordingUrl: first(readUrl, ...LINKS),
      startedAt: first(readTime, 'start_time', 'created_at', 'datetime'),
      eventAt: first(readTime, 'timestamp'),
      agentEmail: first(readText, 'agent_email'),
      csrId: first(readId, 'csr_id'),
      source: first(readText, 'source_name', 'source', 'formatted_tracking_source', 'formatted_source'),
    }),
  };
}

/** The first of some fields that can be read. */
function firstOf<T>(
  body: Record<string, unknown>,
  read: (value: unknown) => T | null | undefined,
  names: readonly string[],
): T | undefined {
  for (const name of names) {
    const value = read(body[name]);
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

const CALL_IDS = ['resource_id', 'call_id', 'id'];
const TRACKING_NUMBERS = ['tracking_phone_number', 'tracking_number', 'trackingnum'];
const CALLER_NUMBERS = ['customer_phone_number', 'customer_number', 'caller_number', 'callernum'];

/** What a call is made of, but for who called and the link to the recording. */
const FACTS = [
  'spam',
  ...[
    'resource_id',
    'call_id',
    'id',
    'company_resource_id',
    'company_id',
    'call_type',
    'answered',
    'voicemail',
    'direction',
  ],
  ...[
    'tracking_phone_number',
    'tracking_number',
    'trackingnum',
    'duration',
    'start_time',
    'created_at',
    'datetime',
    'timestamp',
  ],
  ...['agent_email', 'csr_id', 'source_name', 'source', 'formatted_tracking_source', 'formatted_source'],
];
const LINKS = ['recording', 'recording_url'];
const RECORDINGS = [...LINKS, 'recording_player', 'recording_redirect'];

/** Where an event says what has changed, whether that is the recording. */
const changesRecording = (changes: unknown): boolean =>
  !Array.isArray(changes) || changes.length === 0 || changes.some((name) => /^recording/i.test(String(name)));

/** Leaves of a payload what a call is folded from, and nothing that says who called. */
export const withoutCaller = (payload: unknown): Record<string, unknown> =>
  entriesOf(payload, (name) => FACTS.includes(name) || RECORDINGS.includes(name));

/** Takes every link to the recording from a payload. */
export const withoutRecording = (payload: unknown): Record<string, unknown> =>
  entriesOf(payload, (name) => !RECORDINGS.includes(name));

const entriesOf = (payload: unknown, isKept: (name: string) => boolean): Record<string, unknown> =>
  isObject(payload) ? Object.fromEntries(Object.entries(payload).filter(([name]) => isKept(name))) : {};

/** Only a call has one of these. */
const CALL_FIELDS = [
  'call_id',
  'call_type',
  'formatted_call_type',
  'answered',
  'voicemail',
  'duration',
  'recording',
  'recording_url',
  'recording_duration',
  'transcription',
  'changes',
];
/** A call has one of these at least; what is sent of texts and forms may have them too. */
const SHARED_FIELDS = [
  ...['customer_phone_number', 'customer_number', 'caller_number', 'callernum'],
  ...['tracking_phone_number', 'tracking_number', 'trackingnum', 'business_phone_number', 'destinationnum'],
  ...['direction', 'start_time', 'agent_email', 'csr_id', 'customer_name', 'callername'],
];
const FIELDS_OF: [NotACall, string[]][] = [
  [
    'text_message',
    ['message_type', 'content', 'media_urls', 'source_number', 'destination_number', 'thread_resource_id'],
  ],
  ['form', ['form_data', 'form_url', 'form_name', 'first_form', 'submitted_at']],
  ['chat', ['chat_id', 'chat_transcript']],
];
/** How CallRail's ids of other things begin. */
const ID_PREFIXES: [NotACall, RegExp][] = [
  ['text_message', /^(SCI|SMT|SMS)/],
  ['form', /^(FRM|FSB)/],
  ['chat', /^CHT/],
];
/** Where an event names its own kind, and the words for what is no call. */
const KIND_FIELDS = ['message_type', 'type', 'kind', 'object', 'event', 'event_type', 'interaction_type'];
const KIND_WORDS: [NotACall, RegExp][] = [
  ['text_message', /^(sms|mms|text|text[ _-]?messages?|messages?)(?![a-z])/i],
  ['form', /^(web[ _-]?)?forms?([ _-]?(submissions?|fills?|captures?))?(?![a-z])/i],
  ['chat', /^(web|live)?[ _-]?chats?(?![a-z])/i],
];

/** An event that says its kind is of that kind; else one with nothing of a call in it is none. */
function readNotACall(body: Record<string, unknown>): NotACall | undefined {
  const words = KIND_FIELDS.map((name) => body[name]).filter((word) => typeof word === 'string');
  const said = words.length > 0 && KIND_WORDS.find(([, pattern]) => words.some((word) => pattern.test(word.trim())));
  if (said) return said[0];
  const id = typeof body.resource_id === 'string' ? body.resource_id : '';
  const has = (name: string) => Object.hasOwn(body, name);
  if (id.startsWith('CAL') || CALL_FIELDS.some(has)) return undefined;
  const hinted = ID_PREFIXES.find(([, prefix]) => prefix.test(id)) ?? FIELDS_OF.find(([, names]) => names.some(has));
  if (hinted) return hinted[0];
  return SHARED_FIELDS.some(has) ? undefined : 'unknown';
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as T;
}

/** An id becomes a key and part of a workflow id: one that cannot be kept exactly as it is, is none. */
function readId(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_ID_LENGTH) return undefined;
  return storableText(value) === value ? value : undefined;
}

function readText(value: unknown): string | undefined {
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  if (typeof text !== 'string') return undefined;
  return storableText(text.slice(0, MAX_TEXT_LENGTH)).trim() || undefined;
}

/** Of the number called: companies have few. */
const parseTrackingNumber = remembering(parsePhone);
const readTrackingNumber = (value: unknown): string | undefined => {
  const text = readText(value);
  return text === undefined ? undefined : parseTrackingNumber(text);
};
const readCaller = (value: unknown): string | undefined => parseCaller(readText(value));

function readDirection(value: unknown): CallDirection | undefined {
  const word = readText(value)?.toLowerCase();
  return word === 'inbound' || word === 'outbound' ? word : undefined;
}

function readDuration(value: unknown): number | undefined {
  const seconds = readNumber(value);
  if (seconds === undefined || seconds < 0 || seconds > MAX_INT32) return undefined;
  // Above 0 has a meaning of its own (answered), so it must not be rounded away.
  return Math.ceil(seconds);
}

function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' && /^\s*\d{1,15}(\.\d{1,9})?\s*$/.test(value) ? Number(value) : undefined;
}

/** Any scheme and host: which of them may be fetched is decided, with its reason, where the link is used. */
function readUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH) return undefined;
  const url = storableText(value).trim();
  return URL.canParse(url) ? url : undefined;
}

/** ISO 8601 or `2026-03-01 09:00:00`, UTC where no zone is given; epoch seconds or milliseconds. */
function readTime(value: unknown): string | undefined {
  const epoch = readNumber(value);
  if (epoch !== undefined) {
    if (epoch < EPOCH_SECONDS_MIN) return undefined;
    return toIso(epoch < EPOCH_SECONDS_LIMIT ? epoch * 1000 : epoch);
  }
  // Luxon would also read `09:00` or `2026-W10`; only whole dates are meant here.
  if (typeof value !== 'string' || !/^\s*\d{4}-\d{2}-\d{2}(?!\d)/.test(value) || value.length > 64) return undefined;
  const text = value.trim().replace(/ UTC$/i, 'Z');
  const iso = DateTime.fromISO(text.replace(/^(\S+) +/, '$1T').replace(' ', ''), { zone: 'utc' });
  return iso.isValid ? toIso(iso.toMillis()) : undefined;
}

function toIso(milliseconds: number): string | undefined {
  return milliseconds > 0 && milliseconds < LATEST_TIME ? new Date(milliseconds).toISOString() : undefined;
}
