/** Carries a plan out: sends the webhooks, plays the visits, kills and freezes processes. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CallRailApi,
  type CallRailPayload,
  callRailPayload,
  type SimulatedCall,
  signCallRail,
  simulateCall,
} from '../../simulators/callrail.ts';
import { type Cluster, RequestError } from '../cluster.ts';
import type { Part } from '../process.ts';
import type { Ledger, Sent } from './ledger.ts';
import type { Delivery, Plan, PlannedCall, PlannedSession, Strike } from './plan.ts';

/** CallRail's list shows a call, and its recording, only some time after it happened. */
const LIST_LAG_MS = 12_000;
const CLIENT_RETRY_MS = 700;
const CLIENT_GIVES_UP_MS = 180_000;

export interface PlayedCompany {
  id: string;
  signingKey: string;
  trackingNumber: string;
  callrailCompanyId: string;
}

export interface PlayedSession {
  planned: PlannedSession;
  companyId: string;
  appointmentId: string;
  sessionId: string;
  audioUrl: string | null;
}

export interface PlayedDelivery {
  call: PlannedCall;
  delivery: Delivery;
  sent: Sent;
}

export interface Played {
  startedAt: number;
  deliveries: PlayedDelivery[];
  sessions: PlayedSession[];
  /** Strikes that hit a living process. */
  struck: Strike[];
}

export interface Stage {
  plan: Plan;
  cluster: Cluster;
  ledger: Ledger;
  companies: PlayedCompany[];
  lateNumber: string;
  callrail: CallRailApi;
  /** One for each planned visit. */
  appointments: { companyId: string; appointmentId: string }[];
  tell(line: string): void;
}

/** The audio of a recording: the words in it choose what Shunya hears. */
export const audioLink = (recordingId: string, words: string, host = 's3.amazonaws.com'): string =>
  `https://${host}/chaos/${words}-${recordingId}.mp3`;

export const audioOfCall = (call: PlannedCall): string =>
  call.recording === 'foreign_host'
    ? audioLink(call.recordingId, call.scenario, 'recordings.example.net')
    : audioLink(call.recordingId, call.scenario);

/** Plays the whole plan and comes back when every part runs again and nothing more is going to be sent. */
export async function play(stage: Stage): Promise<Played> {
  const { plan } = stage;
  const startedAt = Date.now();
  const played: Played = { startedAt, deliveries: [], sessions: [], struck: [] };
  const at = (atMs: number) => delay(Math.max(0, startedAt + atMs - Date.now()));

  const sends = plan.plannedCalls.flatMap((call) =>
    call.deliveries
      .filter((delivery) => !delivery.dropped)
      .map(async (delivery) => {
        await at(delivery.atMs);
        played.deliveries.push({ call, delivery, sent: await deliver(stage, call, delivery, startedAt) });
      }),
  );
  const visits = plan.plannedVisits.map(async ({ sessions }, index) => {
    const appointment = stage.appointments[index] as Stage['appointments'][number];
    for (const session of sessions) {
      await at(session.startAtMs);
      const started = await playSession(stage, appointment, session, at);
      if (started) played.sessions.push(started);
    }
  });
  const others = [
    listCalls(stage, startedAt, at),
    ...plan.callRailFailuresAtMs.map(async (atMs) => {
      await at(atMs);
      stage.callrail.failNext(500);
    }),
    at(plan.lateNumberAtMs).then(() => ownLateNumber(stage)),
  ];
  const strikes = strikeAll(stage, played, at);
  await Promise.all([...sends, ...visits, ...others, strikes]);
  return played;
}

// ---- Webhooks

async function deliver(
  { cluster, companies, ledger, lateNumber }: Stage,
  call: PlannedCall,
  delivery: Delivery,
  startedAt: number,
) {
  const company = companies[call.company] as PlayedCompany;
  const trackingNumber = call.onLateNumber ? lateNumber : company.trackingNumber;
  const simulated = simulatedCall(call, { ...company, trackingNumber }, startedAt, delivery.hasRecording);
  const payload: CallRailPayload =
    call.form === 'short' || call.onLateNumber
      ? shortForm(call, delivery, simulated)
      : callRailPayload(delivery.event, simulated);
  if (delivery.kind === 'twin') payload.note = 'sent again by another server';
  if (delivery.kind === 'no_id') for (const name of ['resource_id', 'call_id', 'id']) delete payload[name];
  const body = delivery.kind === 'not_json' ? '{"call_id": ' : JSON.stringify(payload);
  const key = delivery.kind === 'bad_signature' ? `not ${company.signingKey}` : company.signingKey;
  const url = `${cluster.apiUrls[delivery.api]}/api/v1/callrail/call.${delivery.event}`;
  return ledger.post({ source: 'callrail', route: `call.${delivery.event}`, body }, url, {
    signature: signCallRail(body, key),
  });
}

function simulatedCall(
  call: PlannedCall,
  company: PlayedCompany,
  startedAt: number,
  hasRecording: boolean,
): SimulatedCall {
  return simulateCall({
    id: call.id,
    trackingNumber: company.trackingNumber,
    companyResourceId: company.callrailCompanyId,
    customerNumber: call.caller ?? 'anonymous',
    customerName: `Caller ${call.recordingId.slice(3, 9)}`,
    startedAt: new Date(startedAt + call.startAtMs + call.skewSeconds * 1000),
    durationSeconds: call.durationSeconds,
    answered: call.outcome === 'answered',
    voicemail: call.outcome === 'voicemail',
    recording: hasRecording ? audioOfCall(call) : '',
  });
}

function shortForm(call: PlannedCall, { event }: Delivery, simulated: SimulatedCall): CallRailPayload {
  const isOver = event === 'completed' || event === 'missed' || event === 'modified';
  return {
    call_id: call.id,
    caller_number: simulated.customerNumber,
    tracking_number: simulated.trackingNumber,
    recording_url: simulated.recording || null,
    duration: isOver ? call.durationSeconds : 0,
    answered: event === 'answered' || (isOver && call.outcome === 'answered'),
    ...(isOver && call.outcome === 'voicemail' ? { voicemail: true } : {}),
    timestamp: simulated.startedAt.toISOString(),
  };
}

/** Whether CallRail's own list has the call in the end. */
export const isListed = (call: PlannedCall): boolean => call.outcome !== 'never_ends' && !call.onLateNumber;

/** Puts every ended call on CallRail's own list, from which reconciliation brings what was dropped or refused. */
async function listCalls(stage: Stage, startedAt: number, at: (ms: number) => Promise<void>): Promise<void> {
  await Promise.all(
    stage.plan.plannedCalls.filter(isListed).map(async (call) => {
      const company = stage.companies[call.company] as PlayedCompany;
      const firstWith = call.deliveries.find((delivery) => delivery.hasRecording);
      const end = Math.max(...call.deliveries.filter((delivery) => delivery.kind === 'event').map(({ atMs }) => atMs));
      await at(Math.min(end, firstWith?.atMs ?? end) + LIST_LAG_MS);
      stage.callrail.addCall(
        simulatedCall(call, company, startedAt, call.recording !== 'none' && call.recording !== 'after_deadline'),
      );
      if (call.recording !== 'after_deadline') return;
      await at(end + LIST_LAG_MS);
      stage.callrail.addCall(simulatedCall(call, company, startedAt, true));
    }),
  );
}

async function ownLateNumber({ cluster, companies, lateNumber }: Stage): Promise<void> {
  const url = `/companies/${companies[0]?.id}/tracking-numbers`;
  // Sent again after an answer that was lost it is there already.
  await insist(() => cluster.request('admin', undefined, 'POST', url, { phone_number: lateNumber }), [409]);
}

/** Shunya ends the jobs that hang, and no other: one that is told twice how it ended would be a fault of its own. */
export async function endHangingJobs({ control }: Cluster): Promise<void> {
  const { jobs } = await control('GET', 'jobs');
  for (const job of jobs) {
    if (job.never_answers) await control('POST', `jobs/${encodeURIComponent(job.task_id)}/finish`, {});
  }
}

// ---- Visits

async function playSession(
  { cluster }: Stage,
  { companyId, appointmentId }: Stage['appointments'][number],
  planned: PlannedSession,
  at: (ms: number) => Promise<void>,
): Promise<PlayedSession | undefined> {
  const asRep = (url: string, body: unknown, done: readonly number[] = []) =>
    insist(() => cluster.request('sales_rep', companyId, 'POST', `/recordings/sessions${url}`, body, 'rep'), done);
  // An earlier visit may have completed the appointment: then another is refused, and there is nothing to watch.
  const start = () => asRep('/start', { appointment_id: appointmentId }, [409]);
  const [started] = await Promise.all(planned.doubled ? [start(), start()] : [start()]);
  if (started === undefined) return undefined;
  const { id } = started;
  const session = { planned, companyId, appointmentId, sessionId: id as string };
  if (planned.stopAtMs === null) return { ...session, audioUrl: null };
  await at(planned.stopAtMs);
  const audioUrl = audioLink(planned.recordingId, planned.outcome);
  const stop = () => asRep(`/${id}/stop`, { audio_url: audioUrl });
  await Promise.all(planned.doubled ? [stop(), stop()] : [stop()]);
  return { ...session, audioUrl };
}

/** As an app on a phone does: tries until it is answered. A refusal is final; these count as done. */
async function insist<T>(request: () => Promise<T>, done: readonly number[] = []): Promise<T> {
  const deadline = Date.now() + CLIENT_GIVES_UP_MS;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (error instanceof RequestError && done.includes(error.status)) return undefined as T;
      if (error instanceof RequestError && error.status < 500) throw error;
      if (Date.now() > deadline) throw error;
    }
    await delay(CLIENT_RETRY_MS);
  }
}

// ---- Kills and freezes

/** Each part takes its strikes one after the other, so that every kill finds it alive. */
async function strikeAll(
  { plan, cluster, tell }: Stage,
  played: Played,
  at: (ms: number) => Promise<void>,
): Promise<void> {
  const turns = new Map<Part, Promise<void>>();
  for (const strike of plan.strikes) {
    const part = partOf(cluster, strike);
    const before = turns.get(part) ?? Promise.resolve();
    turns.set(
      part,
      before.then(async () => {
        await at(strike.atMs);
        tell(
          `${((Date.now() - played.startedAt) / 1000).toFixed(1)} s  ${strike.how} ${part.name} for ${strike.downMs} ms`,
        );
        if (await hit(part, strike)) played.struck.push(strike);
      }),
    );
  }
  await Promise.all(turns.values());
}

function partOf(cluster: Cluster, { target, index }: Strike): Part {
  if (target === 'postgres') return cluster.postgres;
  if (target === 'temporal') return cluster.temporalServer;
  return (target === 'api' ? cluster.apis : cluster.workers)[index] as Part;
}

async function hit(part: Part, { how, downMs }: Strike): Promise<boolean> {
  if (how === 'freeze') {
    const isThere = part.pid !== undefined;
    part.freeze();
    await delay(downMs);
    part.thaw();
    return isThere;
  }
  const wasThere = await part.kill9();
  await delay(downMs);
  await part.start();
  return wasThere;
}
