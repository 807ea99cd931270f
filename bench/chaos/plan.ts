/** What a chaos run does, drawn from its seed alone before anything starts: every call, visit, fault and kill. */
import type { CallRailEventName } from '../../simulators/callrail.ts';
import { createRandom, type Random } from '../random.ts';

export interface PlanOptions {
  seed: number;
  calls: number;
  visits: number;
  /** kill -9 in all; freezes come on top. */
  kills: number;
  apis: number;
  workers: number;
  /** 1, or less for a run that waits shorter for everything. */
  pace: number;
  /** CallRail's API is there, and webhooks that are never sent are found by it. */
  reconciles: boolean;
}

export interface Plan extends PlanOptions {
  /** From the first event to the last planned one; late recordings and visits may come after. */
  seconds: number;
  companies: number;
  /** What the service is configured to wait, in seconds; a plan sends some of what it waits for later. */
  waits: { callEnd: number; recording: number; visit: number; jobTimeout: number };
  plannedCalls: PlannedCall[];
  plannedVisits: PlannedVisit[];
  strikes: Strike[];
  /** How far Shunya's clock is off. */
  shunyaSkewMs: number;
  /** When the number that nobody owns at first is given to the first company. */
  lateNumberAtMs: number;
  /** When CallRail's API answers with an error once. */
  callRailFailuresAtMs: number[];
}

export type CallOutcome = 'answered' | 'missed' | 'voicemail' | 'never_ends';
export type Scenario = 'booked' | 'warm' | 'cold' | 'unqualified' | 'service-not-offered' | 'silence';

export interface PlannedCall {
  id: string;
  company: number;
  /** Its number belongs to nobody until the run gives it to the first company. */
  onLateNumber: boolean;
  form: 'short' | 'real';
  /** E.164; null is anonymous. */
  caller: string | null;
  outcome: CallOutcome;
  scenario: Scenario;
  recording: 'with_end' | 'late' | 'after_deadline' | 'foreign_host' | 'none';
  /** Unique; part of its link, which the faults for it match. */
  recordingId: string;
  startAtMs: number;
  durationSeconds: number;
  /** How far the sender's clock is off. */
  skewSeconds: number;
  deliveries: Delivery[];
  faults: SimulatorFault[];
  /** The code that Shunya refuses it with for good. */
  refusedWith: string | null;
}

export interface Delivery {
  event: CallRailEventName;
  atMs: number;
  api: number;
  /** `twin`: the same news in other bytes; `no_id` and `bad_signature` must take no effect. */
  kind: 'event' | 'duplicate' | 'twin' | 'no_id' | 'bad_signature' | 'not_json';
  hasRecording: boolean;
  /** Never sent: only CallRail's list of calls has it. */
  dropped: boolean;
}

export interface PlannedVisit {
  sessions: PlannedSession[];
}

export interface PlannedSession {
  startAtMs: number;
  /** Null: never stopped. */
  stopAtMs: number | null;
  outcome: 'won' | 'lost' | 'pending' | 'silence';
  recordingId: string;
  /** Start and stop are each sent twice. */
  doubled: boolean;
  faults: SimulatorFault[];
}

export interface Strike {
  atMs: number;
  target: 'api' | 'worker' | 'temporal' | 'postgres';
  index: number;
  how: 'kill' | 'freeze';
  downMs: number;
}

/** As `POST /_control/faults` takes it. */
export type SimulatorFault = { type: string } & Record<string, unknown>;

/** Short enough to be seen in a run, long enough for a client that gives up first. */
const HANG_MS = 4000;
const LONG_HANG_MS = 40_000;

/** Draws the whole plan. The same options give the same plan. */
export function drawPlan(options: PlanOptions): Plan {
  const random = createRandom(options.seed);
  const seconds = Math.max(12, Math.ceil(options.calls * 0.3), options.kills * 5);
  const companies = 3;
  const callers = Array.from({ length: Math.max(2, Math.floor(options.calls / 4)) }, (_, index) => phoneOf(index));
  const wait = (full: number) => Math.ceil(full * options.pace);
  const waits = { callEnd: wait(30), recording: wait(15), visit: wait(20), jobTimeout: wait(20) };
  const context = { ...options, random, seconds, companies, callers, waits };
  const plannedCalls = Array.from({ length: options.calls }, (_, index) => drawCall(context, index));
  return {
    ...options,
    seconds,
    companies,
    waits,
    plannedCalls,
    plannedVisits: Array.from({ length: options.visits }, () => drawVisit(context)),
    strikes: drawStrikes(random, options, seconds),
    shunyaSkewMs: random.int(-200_000, 200_000),
    lateNumberAtMs: random.int(Math.floor(seconds * 400), Math.floor(seconds * 800)),
    // One, and early: reconciliation comes back to a company that failed only after minutes.
    callRailFailuresAtMs: options.reconciles ? [random.int(0, seconds * 300)] : [],
  };
}

interface DrawContext extends PlanOptions, Pick<Plan, 'seconds' | 'companies' | 'waits'> {
  random: Random;
  callers: string[];
}

/** Possible numbers that no other part of a run uses. */
const phoneOf = (index: number) => `+1${930 + Math.floor(index / 10_000)}555${String(index % 10_000).padStart(4, '0')}`;

function drawCall(context: DrawContext, index: number): PlannedCall {
  const { random, seconds } = context;
  const outcome = random.weighted<CallOutcome>([
    [70, 'answered'],
    [10, 'missed'],
    [14, 'voicemail'],
    [6, 'never_ends'],
  ]);
  const hasAudio = outcome === 'answered' || outcome === 'voicemail';
  const recording = hasAudio
    ? random.weighted<PlannedCall['recording']>([
        [60, 'with_end'],
        [24, 'late'],
        [6, 'after_deadline'],
        [3, 'foreign_host'],
        [7, 'none'],
      ])
    : 'none';
  const scenario = random.weighted<Scenario>([
    [40, 'booked'],
    [18, 'warm'],
    [12, 'cold'],
    [10, 'unqualified'],
    [12, 'service-not-offered'],
    [8, 'silence'],
  ]);
  const recordingId = `rec${random.hex(16)}`;
  const analyzed = recording !== 'none' && recording !== 'foreign_host';
  const { faults, refusedWith } = analyzed ? drawFaults(random, recordingId, true) : { faults: [], refusedWith: null };
  const call: PlannedCall = {
    id: `CAL${random.hex(32)}`,
    company: random.int(0, context.companies - 1),
    onLateNumber: random.chance(0.03),
    form: random.pick(['short', 'real']),
    // Some people call more than once, some hide their number, most call once.
    caller: random.chance(0.08) ? null : random.chance(0.3) ? random.pick(context.callers) : phoneOf(100_000 + index),
    outcome,
    scenario,
    recording,
    recordingId,
    startAtMs: random.int(0, Math.floor(seconds * 850)),
    durationSeconds: outcome === 'missed' ? 0 : random.int(5, 900),
    skewSeconds: random.chance(0.3) ? random.int(-1800, 20) : 0,
    deliveries: [],
    faults,
    refusedWith,
  };
  if (call.onLateNumber) call.company = 0;
  call.deliveries = drawDeliveries(context, call);
  return call;
}

function drawDeliveries({ random, apis, pace, waits, reconciles }: DrawContext, call: PlannedCall): Delivery[] {
  const { outcome, recording, startAtMs } = call;
  const soon = (fromMs: number, toMs: number) => random.int(Math.ceil(fromMs * pace), Math.ceil(toMs * pace));
  const make = (event: CallRailEventName, afterMs: number, hasRecording = false): Delivery => ({
    event,
    atMs: startAtMs + afterMs,
    api: random.int(0, apis - 1),
    kind: 'event',
    hasRecording,
    dropped: false,
  });
  const endMs = soon(1500, 8000);
  const endsWithRecording = recording === 'with_end' || recording === 'foreign_host';
  let events = [make('incoming', 0)];
  if (outcome === 'answered' || (outcome === 'never_ends' && random.chance(0.5)))
    events.push(make('answered', soon(300, 1400)));
  // CallRail's "missed" is also what it sends for a voicemail on some plans; both ends are taken.
  if (outcome === 'missed') events.push(make('missed', endMs));
  if (outcome === 'answered' || outcome === 'voicemail') events.push(make('completed', endMs, endsWithRecording));
  if (recording === 'late') events.push(make('modified', endMs + soon(500, 9000), true));
  if (recording === 'after_deadline')
    events.push(make('modified', endMs + waits.recording * 1000 + soon(6000, 10_000), true));
  else if (outcome !== 'never_ends' && random.chance(0.15))
    events.push(make('modified', endMs + soon(5000, 25_000), recording !== 'none'));

  if (random.chance(0.3)) events = swapTimes(random, events);
  for (const event of events) if (random.chance(0.08)) event.atMs += soon(3000, 25_000);
  for (const event of events) if (reconciles && random.chance(0.07)) event.dropped = true;

  const copies = events
    .filter((event) => !event.dropped && random.chance(0.2))
    .map(
      (event): Delivery => ({
        ...event,
        kind: random.chance(0.75) ? 'duplicate' : 'twin',
        atMs: event.atMs + (random.chance(0.4) ? 0 : soon(1, 12_000)),
        api: random.int(0, apis - 1),
      }),
    );
  const rubbish = events
    .filter((event) => !event.dropped && random.chance(0.03))
    .map(
      (event): Delivery => ({
        ...event,
        kind: random.pick(['no_id', 'bad_signature', 'not_json']),
        atMs: event.atMs + random.int(0, 3000),
      }),
    );
  return [...events, ...copies, ...rubbish].sort((a, b) => a.atMs - b.atMs);
}

/** The same moments, but other events at them. */
function swapTimes(random: Random, events: Delivery[]): Delivery[] {
  const times = random.shuffle(events.map((event) => event.atMs));
  return events.map((event, index) => ({ ...event, atMs: times[index] as number }));
}

function drawVisit({ random, seconds, waits }: DrawContext): PlannedVisit {
  const drawSession = (fromMs: number): PlannedSession => {
    const recordingId = `rec${random.hex(16)}`;
    const stays = random.weighted<'stopped' | 'late' | 'never'>([
      [75, 'stopped'],
      [15, 'late'],
      [10, 'never'],
    ]);
    const late = waits.visit * 1000 + 8000;
    return {
      startAtMs: fromMs,
      stopAtMs: stays === 'never' ? null : fromMs + (stays === 'late' ? late : random.int(500, 8000)),
      outcome: random.pick(['won', 'lost', 'pending', 'silence']),
      recordingId,
      doubled: random.chance(0.3),
      // A visit has one chance to be judged: what Shunya refuses for good is tried on calls.
      faults: drawFaults(random, recordingId, false).faults,
    };
  };
  const first = drawSession(random.int(0, Math.floor(seconds * 700)));
  const sessions = [first];
  if (first.stopAtMs !== null && random.chance(0.25))
    sessions.push(drawSession(first.stopAtMs + random.int(500, 9000)));
  return { sessions };
}

type Kind = 'transcription' | 'analysis';

/** What goes wrong at Shunya for one recording; most have nothing, some several things. */
function drawFaults(random: Random, match: string, mayBeRefused: boolean) {
  const kind = () => random.pick<Kind>(['transcription', 'analysis']);
  if (mayBeRefused && random.chance(0.05)) {
    // Each time it is asked: a worker may be killed before it has written the first refusal down.
    const refusal = { match, kind: kind(), retryable: false };
    const fault: SimulatorFault = random.chance(0.5)
      ? { type: 'job_fails', error_code: 'AUDIO_CORRUPT', ...refusal }
      : { type: 'error', on: 'submit', status: 422, error_code: 'UNSUPPORTED_AUDIO', ...refusal };
    return { faults: [fault], refusedWith: fault.error_code as string };
  }
  if (random.chance(0.45)) return { faults: [], refusedWith: null };
  const count = random.weighted<number>([
    [60, 1],
    [28, 2],
    [12, 3],
  ]);
  const drawn = Array.from({ length: count }, () => ({ ...drawFault(random), match, kind: kind() }) as SimulatorFault);
  // An inline transcript has no job that could fail, hang or call back.
  const inline = drawn.find((fault) => fault.type === 'inline_transcript');
  if (inline) inline.kind = 'transcription';
  const faults = inline ? drawn.filter((fault) => fault === inline || fault.kind === 'analysis') : drawn;
  return { faults, refusedWith: null };
}

function drawFault(random: Random): SimulatorFault {
  const on = random.pick(['submit', 'status', 'result', 'any'] as const);
  const when = random.pick(['before', 'after'] as const);
  const times = random.int(1, 3);
  const retry_after_in = random.pick(['header', 'date', 'details'] as const);
  return random.weighted<SimulatorFault>([
    [8, { type: 'error', status: random.pick([500, 502, 503, 408, 401, 404]), on, when, times }],
    [
      5,
      { type: 'error', status: 429, retry_after_seconds: random.int(1, 3), retry_after_in, on, when: 'before', times },
    ],
    [4, { type: 'error', status: 200, retryable: random.pick([true, null]), on, when: 'before', times }],
    [4, { type: 'garbage', on, when, times }],
    [4, { type: 'disconnect', on, when, times }],
    [4, { type: 'hang', delay_ms: random.chance(0.1) ? LONG_HANG_MS : HANG_MS, on, when, times: 1 }],
    [4, { type: 'delay', delay_ms: random.int(200, 5000), on, when, times }],
    [6, { type: 'other_result', on: 'result', times: random.int(1, 2) }],
    [6, { type: 'job_fails', retryable: random.pick([true, null]), times: random.int(1, 2) }],
    [2, { type: 'job_never_answers', times: 1 }],
    [5, { type: 'inline_transcript', times: 1 }],
    [6, { type: 'callback_early', times: 1 }],
    [8, { type: 'callback_lost', times }],
    [7, { type: 'callback_duplicate', count: random.int(2, 4), times }],
    [5, { type: 'callback_delayed', delay_ms: random.int(500, 8000), times }],
    [5, { type: 'callback_reordered', count: 2, delay_ms: 1500, times }],
    [6, { type: 'callback_without_result', times }],
    [4, { type: 'callback_event_type_form', times }],
    [3, { type: 'callback_without_job_id', times }],
    [3, { type: 'callback_other_result', times: 1 }],
    [3, { type: 'callback_wrong_company', then_correct: random.chance(0.5), times: 1 }],
    [3, { type: 'callback_contradicting_id', then_correct: random.chance(0.5), times: 1 }],
    [3, { type: 'callback_unknown_job', then_correct: random.chance(0.5), times: 1 }],
    [2, { type: 'callback_bad_signature', then_correct: random.chance(0.5), times: 1 }],
  ]);
}

function drawStrikes(random: Random, { kills, apis, workers }: PlanOptions, seconds: number): Strike[] {
  const at = () => random.int(1000, seconds * 1000);
  const target = () =>
    random.weighted<Strike['target']>([
      [33, 'worker'],
      [27, 'api'],
      [20, 'temporal'],
      [20, 'postgres'],
    ]);
  const indexOf = (which: Strike['target']) => (which === 'api' ? random.int(0, apis - 1) : random.int(0, workers - 1));
  // The first four reach every kind of process, however few there are in all.
  const first = random.shuffle<Strike['target']>(['worker', 'api', 'temporal', 'postgres']);
  const killed = Array.from({ length: kills }, (_, index): Strike => {
    const which = first[index] ?? target();
    return { atMs: at(), target: which, index: indexOf(which), how: 'kill', downMs: random.int(50, 4000) };
  });
  const frozen = Array.from({ length: Math.ceil(kills / 4) }, (_, index): Strike => {
    const which = index % 2 === 0 ? 'temporal' : 'worker';
    return { atMs: at(), target: which, index: indexOf(which), how: 'freeze', downMs: random.int(1500, 15_000) };
  });
  return [...killed, ...frozen].sort((a, b) => a.atMs - b.atMs);
}

/** What the plan injects, by type, for printing. */
export function countFaults(plan: Plan): Record<string, number> {
  const counts: Record<string, number> = {};
  const count = (name: string, by = 1) => {
    if (by > 0) counts[name] = (counts[name] ?? 0) + by;
  };
  for (const strike of plan.strikes) count(`${strike.how} ${strike.target}`);
  for (const call of plan.plannedCalls) {
    for (const { kind, dropped } of call.deliveries) {
      if (dropped) count('webhook dropped');
      else if (kind !== 'event') count(`webhook ${kind}`);
    }
    if (call.skewSeconds !== 0) count('sender clock off');
    if (call.onLateNumber) count('number unknown at first');
    if (call.recording === 'late') count('recording late');
    if (call.recording === 'after_deadline') count('recording after the deadline');
    if (call.recording === 'foreign_host') count('recording on a foreign host');
    if (call.outcome === 'never_ends') count('call without end');
  }
  const sessions = plan.plannedVisits.flatMap((visit) => visit.sessions);
  count('visit never stopped', sessions.filter((session) => session.stopAtMs === null).length);
  count('visit sent twice', sessions.filter((session) => session.doubled).length);
  count("CallRail's API down", plan.callRailFailuresAtMs.length);
  for (const fault of [...plan.plannedCalls, ...sessions].flatMap((subject) => subject.faults))
    count(`shunya ${fault.type}`, Number(fault.times ?? 1));
  return counts;
}
