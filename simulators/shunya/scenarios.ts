import { createHash } from 'node:crypto';

/** What the simulator hears in a recording. The same recording always says the same. */

export type CallType = 'csr_call' | 'sales_call';

const CALL_SCENARIOS = ['booked', 'warm', 'cold', 'unqualified', 'service-not-offered', 'silence'] as const;
const VISIT_SCENARIOS = ['visit-won', 'visit-lost', 'visit-pending', 'silence'] as const;
export type Scenario = (typeof CALL_SCENARIOS)[number] | (typeof VISIT_SCENARIOS)[number];

export interface Recording {
  callId: number;
  audioUrl: string;
  callType: CallType;
  /** Dates in an analysis are relative to this. */
  receivedAtMs: number;
}

/** Words in the audio link's path, the more telling first: `not-booked` holds `booked`. */
const CALL_WORDS: [RegExp, Scenario][] = [
  [/silence|no-speech/, 'silence'],
  [/service-not-offered/, 'service-not-offered'],
  [/unqualified/, 'unqualified'],
  [/not-booked|unbooked|warm/, 'warm'],
  [/cold/, 'cold'],
  [/booked/, 'booked'],
];
const VISIT_WORDS: [RegExp, Scenario][] = [
  [/silence|no-speech/, 'silence'],
  [/lost/, 'visit-lost'],
  [/won/, 'visit-won'],
  [/pending/, 'visit-pending'],
];

/** The scenario named in the link's path, else one chosen by its hash. */
export function scenarioOf({ audioUrl, callType }: Pick<Recording, 'audioUrl' | 'callType'>): Scenario {
  const path = pathOf(audioUrl).toLowerCase().replaceAll('_', '-');
  const named = (callType === 'sales_call' ? VISIT_WORDS : CALL_WORDS).find(([word]) => word.test(path));
  if (named) return named[1];
  const heard = (callType === 'sales_call' ? VISIT_SCENARIOS : CALL_SCENARIOS).filter((name) => name !== 'silence');
  return pick(heard, audioUrl, 'scenario');
}

/** The path alone chooses: a signed link to the same recording differs in its query each time. */
function pathOf(audioUrl: string): string {
  return URL.canParse(audioUrl) ? new URL(audioUrl).pathname : audioUrl;
}

function pick<T>(list: readonly T[], audioUrl: string, salt: string): T {
  const hash = createHash('sha256')
    .update(`${salt}:${pathOf(audioUrl)}`)
    .digest()
    .readUInt32BE(0);
  return list[hash % list.length] as T;
}

interface Details {
  service: string;
  address: string;
}

function detailsOf(audioUrl: string): Details {
  return {
    service: pick(
      ['Roof repair', 'HVAC tune-up', 'Water heater replacement', 'Gutter replacement', 'Electrical panel upgrade'],
      audioUrl,
      'service',
    ),
    address: pick(
      [
        '1420 Maple Street, Springfield',
        '88 Harbor Road, Milton',
        '905 Oak Hill Drive, Dayton',
        '17 Birch Lane, Salem',
      ],
      audioUrl,
      'address',
    ),
  };
}

const withArticle = (service: string) => `${/^[aeiou]/i.test(service) ? 'an' : 'a'} ${service.toLowerCase()}`;

type Line = [speaker: 'agent' | 'customer', text: string];

function dialogueOf(recording: Recording): Line[] {
  const { service, address } = detailsOf(recording.audioUrl);
  const wanted = service.toLowerCase();
  const opening: Line[] = [
    ['agent', 'Thank you for calling Summit Home Services. How can I help you today?'],
    ['customer', `Hi, I'm calling about ${withArticle(service)}.`],
  ];
  switch (scenarioOf(recording)) {
    case 'silence':
      return [];
    case 'booked':
      return [
        ...opening,
        ['agent', 'I can help with that. Is anything urgent, and are you the homeowner?'],
        ['customer', 'Yes, I own the house, and it is getting worse. But your visit fee seems high to me.'],
        [
          'agent',
          'The fee is credited in full when you go ahead with the work, so the estimate costs you nothing then.',
        ],
        ['customer', 'All right, that is fair.'],
        ['agent', `I have an opening on ${spokenDate(appointmentStart(recording))}. What is the address?`],
        ['customer', `That works. It is ${address}.`],
        ['agent', 'You are booked. You will get a text with the details. Thank you for calling.'],
      ];
    case 'warm':
      return [
        ...opening,
        ['agent', 'Sure. We can send someone for an estimate, the visit is eighty-nine dollars.'],
        ['customer', 'That is more than the other company quoted me. I want to compare first.'],
        ['agent', 'I understand. We do have openings this week if you change your mind.'],
        ['customer', 'I will call you back after I talk to my wife.'],
      ];
    case 'cold':
      return [
        ...opening,
        ['agent', 'When are you looking to have this done?'],
        ['customer', 'Maybe next year. I am only collecting information right now.'],
        ['agent', 'No problem, I will send you our price guide by email.'],
      ];
    case 'unqualified':
      return [
        opening[0] as Line,
        ['customer', 'Hello, I represent a company that sells office supplies. Who buys those for you?'],
        ['agent', 'We are not interested, thank you. Please take us off your list.'],
      ];
    case 'service-not-offered':
      return [
        opening[0] as Line,
        ['customer', 'Hi, our swimming pool leaks and I need someone to reline it.'],
        ['agent', 'I am sorry, we do not work on pools. I can give you the name of a company that does.'],
        ['customer', 'Yes please, I wanted it done this week.'],
      ];
    case 'visit-won':
      return [
        ['agent', `Good morning, I have looked at everything. Here are the options for your ${wanted}.`],
        ['customer', 'The second one looks right, but can you do better on the price?'],
        ['agent', 'With the seasonal discount it comes to eight thousand four hundred, with a ten year warranty.'],
        ['customer', 'Then let us do it. Where do I sign?'],
      ];
    case 'visit-lost':
      return [
        ['agent', `Hello, the ${wanted} comes to nine thousand six hundred.`],
        ['customer', 'We already have an offer that is two thousand lower, and we have decided to take it.'],
        ['agent', 'I understand. Thank you for your time.'],
      ];
    case 'visit-pending':
      return [
        ['agent', `Hello, this is the written estimate for your ${wanted}.`],
        ['customer', 'It looks good. My husband is away until Friday and I want to decide with him.'],
        ['agent', 'Of course. Shall I call you on Saturday?'],
        ['customer', 'Yes, please do.'],
      ];
  }
}

export interface Turn {
  speaker: 'agent' | 'customer';
  text: string;
  /** Seconds from the beginning. */
  start: number;
  end: number;
}

/** Who says what, and when, in a recording. */
export function turnsOf(recording: Recording): Turn[] {
  let clock = 0.4;
  return dialogueOf(recording).map(([speaker, text]) => {
    const start = clock;
    const end = start + text.split(' ').length * 0.38;
    clock = end + 0.6;
    return { speaker, text, start: round(start), end: round(end) };
  });
}

/** The transcript endpoint's answer for a recording. */
export function transcriptResult(recording: Recording): Record<string, unknown> {
  const turns = turnsOf(recording);
  const speakerLabels = turns.map(({ start, end, ...said }) => ({ ...said, start_time: start, end_time: end }));
  return {
    call_id: recording.callId,
    transcript_text: turns
      .map(({ speaker, text }) => `${speaker === 'agent' ? 'Agent' : 'Customer'}: ${text}`)
      .join('\n'),
    speaker_labels: speakerLabels,
    language: 'en',
    confidence_score: speakerLabels.length === 0 ? 0 : 0.94,
  };
}

const round = (seconds: number): number => Math.round(seconds * 100) / 100;

const CALL_STAGES = ['greeting', 'needs_assessment', 'qualification', 'objection_handling', 'closing'];
const VISIT_STAGES = ['introduction', 'inspection', 'presentation', 'objection_handling', 'closing'];

function compliance(score: number, stages: string[], missed: string[]): Record<string, unknown> {
  return {
    compliance_score: score,
    stages_followed: stages.filter((stage) => !missed.includes(stage)),
    stages_missed: missed,
  };
}

function objections(...list: Record<string, unknown>[]): Record<string, unknown> {
  return { objections: list, total_count: list.length };
}

const TOO_HIGH = { category_text: 'Price', severity: 'medium' };

/**
 * The analysis endpoint's answer for a recording. Query parameters of the audio link set what a test or a demo wants
 * to control of a booked call: `rep` (a user id), `days` and `at` (HH:MM), or `date` (as is).
 */
export function analysisResult(recording: Recording): Record<string, unknown> {
  const { service, address } = detailsOf(recording.audioUrl);
  const head = { call_id: recording.callId };
  switch (scenarioOf(recording)) {
    case 'silence':
      return { ...head, summary: { summary: 'No speech was found in the recording.' } };
    case 'booked':
      return {
        ...head,
        qualification: {
          qualification_status: 'hot',
          booking_status: 'booked',
          call_outcome_category: 'qualified_and_booked',
          appointment_confirmed: true,
          appointment_date: appointmentStart(recording),
          appointment_type: 'in_person',
          appointment_location: address,
          service_requested: service,
          assigned_rep_id: parametersOf(recording.audioUrl).get('rep'),
        },
        objections: objections({ ...TOO_HIGH, objection_text: 'The visit fee seems high.', overcome: true }),
        compliance: compliance(0.92, CALL_STAGES, []),
        summary: {
          summary: `The caller asked for ${withArticle(service)}. The fee was explained and an estimate was booked.`,
          sentiment_score: 0.86,
        },
      };
    case 'warm':
      return {
        ...head,
        qualification: {
          qualification_status: 'warm',
          booking_status: 'not_booked',
          call_outcome_category: 'qualified_but_unbooked',
          appointment_confirmed: false,
          service_requested: service,
        },
        objections: objections({ ...TOO_HIGH, objection_text: 'Another company quoted less.', overcome: false }),
        compliance: compliance(0.64, CALL_STAGES, ['objection_handling', 'closing']),
        summary: {
          summary: `The caller asked for ${withArticle(service)} and wants to compare prices before booking.`,
          sentiment_score: 0.52,
        },
      };
    case 'cold':
      return {
        ...head,
        qualification: {
          qualification_status: 'cold',
          booking_status: 'not_booked',
          call_outcome_category: 'qualified_but_unbooked',
          appointment_confirmed: false,
          service_requested: service,
        },
        objections: objections({
          category_text: 'Timing',
          objection_text: 'Only collecting information, maybe next year.',
          overcome: false,
          severity: 'high',
        }),
        compliance: compliance(0.7, CALL_STAGES, ['closing']),
        summary: { summary: `The caller may want ${withArticle(service)} next year.`, sentiment_score: 0.6 },
      };
    case 'unqualified':
      return {
        ...head,
        qualification: {
          qualification_status: 'unqualified',
          booking_status: 'not_booked',
          call_outcome_category: 'unqualified',
          appointment_confirmed: false,
        },
        objections: objections(),
        compliance: compliance(0.5, CALL_STAGES, ['needs_assessment', 'objection_handling', 'closing']),
        summary: { summary: 'A vendor offered office supplies.', sentiment_score: 0.4 },
      };
    case 'service-not-offered':
      return {
        ...head,
        qualification: {
          qualification_status: 'hot',
          booking_status: 'service_not_offered',
          call_outcome_category: 'qualified_service_not_offered',
          appointment_confirmed: false,
          service_requested: 'Pool relining',
        },
        objections: objections(),
        compliance: compliance(0.8, CALL_STAGES, ['closing']),
        summary: { summary: 'The caller needs a pool relined, which is not offered.', sentiment_score: 0.58 },
      };
    case 'visit-won':
      return {
        ...head,
        outcome: 'won',
        objections: objections({ ...TOO_HIGH, objection_text: 'Can you do better on the price?', overcome: true }),
        compliance: compliance(0.95, VISIT_STAGES, []),
        summary: { summary: `The homeowner signed for the ${service.toLowerCase()}.`, sentiment_score: 0.91 },
      };
    case 'visit-lost':
      return {
        ...head,
        outcome: 'lost',
        objections: objections({
          category_text: 'Competitor',
          objection_text: 'Another offer is two thousand lower.',
          overcome: false,
          severity: 'high',
        }),
        compliance: compliance(0.55, VISIT_STAGES, ['objection_handling', 'closing']),
        summary: { summary: 'The homeowner took a lower offer.', sentiment_score: 0.35 },
      };
    case 'visit-pending':
      return {
        ...head,
        outcome: 'pending',
        objections: objections({
          category_text: 'Decision maker absent',
          objection_text: 'Wants to decide together on Saturday.',
          overcome: false,
          severity: 'low',
        }),
        compliance: compliance(0.82, VISIT_STAGES, []),
        summary: { summary: 'The homeowner decides on Saturday.', sentiment_score: 0.72 },
      };
  }
}

function parametersOf(audioUrl: string): URLSearchParams {
  return URL.canParse(audioUrl) ? new URL(audioUrl).searchParams : new URLSearchParams();
}

/** Local time of the company, so without an offset: three days ahead at ten unless the link says otherwise. */
function appointmentStart(recording: Recording): string {
  const parameters = parametersOf(recording.audioUrl);
  const verbatim = parameters.get('date');
  if (verbatim !== null) return verbatim;
  const days = Number(parameters.get('days') ?? 3);
  const day = new Date(recording.receivedAtMs + days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T${parameters.get('at') ?? '10:00'}:00`;
}

function spokenDate(localIso: string): string {
  const date = new Date(`${localIso}Z`);
  if (Number.isNaN(date.getTime())) return localIso;
  return new Intl.DateTimeFormat('en-US', {
    timeZone: 'UTC',
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  }).format(date);
}
