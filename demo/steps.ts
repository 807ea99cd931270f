/** The demo's story, told over HTTP alone: the webhooks as CallRail sends them, all else through the REST API. */
import { randomBytes } from 'node:crypto';
import { DateTime } from 'luxon';
import { isAlive, readRecord } from '../dev/local/processes.ts';
import { newPhoneNumber } from '../dev/local/sampleCalls.ts';
import { apiUrl } from '../dev/local/services.ts';
import {
  type CallRailEventName,
  type CallRailSender,
  callRailPayload,
  createCallRailSender,
  newResourceId,
  type SimulatedCall,
  simulateCall,
} from '../simulators/callrail.ts';
import type { Config } from '../src/config/config.ts';
import { sampleRecording } from '../src/config/sampleRecordings.ts';
import { isFinalStage } from '../src/domain/pipeline.ts';
import { CSR_ALL, CSR_SELF, EMPTY, SALES } from './figures.ts';
import { createPerson, type Data, type Person } from './people.ts';
import { check, printExchange, SHOWN, StepFailed, tellSent, waitFor } from './story.ts';

const TIME_ZONE = 'America/New_York';
const NO_SIMULATOR = 'Shunya is not the simulator here';

export interface Demo {
  companyId: string;
  people: { admin: Person; casey: Person; morgan: Person; rep: Person; manager: Person; executive: Person };
  signingKey: string;
  callrail: CallRailSender;
  trackingNumber: string;
  /** A link to a recording on an allowed host; the simulator hears what the words say. */
  recording(words: string): string;
  /** Where failures of Shunya are switched on; undefined where Shunya is not the simulator. */
  simulatorUrl: string | undefined;
  /** Ends the worker of this DATA_DIR as a crash would. @returns false where none is known here */
  killWorker(): boolean;
  /** What later steps need of earlier ones. */
  booked: {
    call: SimulatedCall;
    sent: [CallRailEventName, string][];
    leadId: string;
    appointmentId: string;
    callId: string;
  };
}

/** Prepares a company that no earlier run has used; nothing is sent yet. */
export async function createDemo(config: Config): Promise<Demo> {
  const run = randomBytes(4).toString('hex');
  const companyId = `demo-${run}`;
  const signingKey = randomBytes(16).toString('hex');
  const person = (role: Person['role'], userId: string, name: string) =>
    createPerson(config, { role, userId, name, ...(role !== 'admin' && { companyId }) });
  return {
    companyId,
    people: {
      admin: await person('admin', 'demo_admin', 'Demo admin'),
      casey: await person('csr', 'csr_casey', 'Casey Lindqvist'),
      morgan: await person('csr', 'csr_morgan', 'Morgan Adeyemi'),
      rep: await person('sales_rep', 'rep_riley', 'Riley Castellanos'),
      manager: await person('manager', 'manager_jo', 'Jo Vandermeer'),
      executive: await person('executive', 'exec_sam', 'Sam Oyelaran'),
    },
    signingKey,
    callrail: createCallRailSender({ baseUrl: apiUrl(config), signingKey }),
    trackingNumber: newPhoneNumber(),
    simulatorUrl: config.embedded.shunya ? config.shunya.baseUrl : undefined,
    killWorker: () => {
      const worker = readRecord(config.dataDir, 'worker');
      if (!worker || !isAlive(worker)) return false;
      // Its whole group: the process that npm's runner has started is the worker.
      process.kill(-worker.pid, 'SIGKILL');
      return true;
    },
    recording: (words) => sampleRecording(config, run, words),
    booked: { call: simulateCall({ trackingNumber: '' }), sent: [], leadId: '', appointmentId: '', callId: '' },
  };
}

interface Step {
  title: string;
  /** What the step shows, for somebody who sees it for the first time. */
  why: string;
  /** @returns what was seen, in a sentence that fits a line of 80 columns */
  play: (demo: Demo) => Promise<string>;
}

export const STEPS: readonly Step[] = [
  {
    title: 'An admin sets a company up',
    why: 'A company is found by the number that is called; its webhooks are signed.',
    play: setUp,
  },
  {
    title: 'Nothing has happened yet',
    why: 'A dashboard of a new company shows empty lists and zeros, never errors.',
    play: emptyState,
  },
  {
    title: 'Somebody calls and books',
    why: 'Three webhooks make one call, its lead, its analysis and one appointment.',
    play: bookedCall,
  },
  {
    title: 'CallRail sends all three again',
    why: 'Whatever arrives twice takes effect once.',
    play: duplicates,
  },
  {
    title: 'The manager listens to the call',
    why: 'A link of five minutes plays it; the provider’s own link never leaves.',
    play: listen,
  },
  {
    title: 'The worker is killed in the middle of an analysis (kill -9)',
    why: 'Another takes over: nothing is lost, nothing is done twice.',
    play: killedWorker,
  },
  {
    title: 'A missed call',
    why: 'Nobody answered: the caller stands in the follow-up queue.',
    play: missedCall,
  },
  { title: 'A voicemail', why: 'A recorded message is analyzed like a conversation.', play: voicemail },
  {
    title: 'The appointment goes to the sales rep',
    why: 'A rep sees own appointments and nobody else’s.',
    play: assign,
  },
  {
    title: 'The rep records the visit, and it is won',
    why: 'The recording decides the outcome; the lead is closed with it.',
    play: visit,
  },
  {
    title: 'Metrics: Casey’s own calls',
    why: 'Own calls and those that name nobody; `mine` and `unassigned` split them.',
    play: csrMetrics,
  },
  {
    title: 'Metrics: the company, for its executive',
    why: 'The same calls and visits by agent and rep; the counts add up.',
    play: companyMetrics,
  },
  {
    title: 'Shunya is away: a call waits, and an operator frees it',
    why: 'A failing provider loses nothing: its calls are tried for ever, or now.',
    play: shunyaAway,
  },
];

async function setUp({ companyId, people, signingKey, trackingNumber }: Demo): Promise<string> {
  const { admin, ...users } = people;
  const settings = { name: 'Summit Home Services', time_zone: TIME_ZONE, is_demo: true };
  const company = await admin.post('/companies', {
    id: companyId,
    ...settings,
    callrail_signing_keys: [signingKey],
  });
  check(company, { id: companyId, name: settings.name, is_demo: true, callrail_signing_key_count: 1 });
  const number = { phone_number: trackingNumber, label: 'Website' };
  check(await admin.post(`/companies/${companyId}/tracking-numbers`, number), number);
  for (const { userId: id, role, name } of Object.values(users))
    await admin.post(`/companies/${companyId}/users`, { id, role, name, email: emailOf({ userId: id }) });
  check(await admin.get(`/companies/${companyId}/users`), { total: 5 });
  return `${settings.name} has the number ${trackingNumber}, a signing key and five people`;
}

const emailOf = (person: { userId: string }) => `${person.userId}@summit.example`;

async function emptyState({ people: { manager, rep } }: Demo): Promise<string> {
  for (const list of ['/calls', '/leads', '/contacts', '/appointments', '/recordings/sessions', '/pipelines'])
    check(await manager.get(list), { total: 0, items: [], next_cursor: null });
  check(await rep.get('/appointments/today/self'), { total: 0, items: [] });
  check(await manager.get('/metrics/exec/csr/overview'), EMPTY.csr);
  check(await manager.get('/metrics/exec/sales/overview'), EMPTY.sales);
  return 'seven lists are empty, every figure is 0';
}

async function bookedCall(demo: Demo): Promise<string> {
  const { casey, manager } = demo.people;
  const call = simulate(demo, {
    customerName: 'Wilhelmina Farnsworth',
    agentEmail: emailOf(casey),
    durationSeconds: 184,
    recording: demo.recording(`booked.wav?date=${todayAt(16)}`),
  });
  const sent = await send(demo, call, ['incoming', 'answered', 'completed']);
  const found = await analyzedCall(demo, call);
  check(found, {
    status: 'completed',
    answered: true,
    duration_seconds: 184,
    csr_id: casey.userId,
    'contact.phone_number': call.customerNumber,
    'contact.name': call.customerName,
    'pipeline.stage': 'done',
    'pipeline.needs_attention': false,
    'analysis.qualification': 'hot',
    'analysis.booking_status': 'booked',
    'analysis.call_outcome_category': 'qualified_and_booked',
    'analysis.sop_compliance.score': 0.92,
    'analysis.sentiment_score': 0.86,
    'analysis.summary': SHOWN,
  });
  check(await casey.get(`/calls/${found.id}/transcript`), { language: 'en', 'turns.length': 9, 'turns.0.text': SHOWN });
  check(await manager.get(`/contacts?phone_number=${call.customerNumber}`), { total: 1 });
  check(await manager.get(`/leads/${found.lead_id}`), { status: 'qualified_booked', call_ids: [found.id] });
  const appointments = await casey.get('/appointments');
  check(appointments, {
    total: 1,
    'items.0.call_id': found.id,
    'items.0.status': 'scheduled',
    'items.0.outcome': 'pending',
    'items.0.scheduled_start': DateTime.fromISO(todayAt(16), { zone: TIME_ZONE }).toUTC().toISO(),
    'items.0.service_type': SHOWN,
    'items.0.location': SHOWN,
  });
  demo.booked = { call, sent, leadId: found.lead_id, appointmentId: appointments.items[0].id, callId: found.id };
  const [{ location }] = appointments.items;
  return `${call.customerName}: ${found.analysis.qualification}, booked today 16:00 at ${location}`;
}

/** Byte-identical, as CallRail's own repeat would be. */
async function duplicates(demo: Demo): Promise<string> {
  for (const [event, body] of demo.booked.sent) await sendOne(demo, event, body, { duplicate: true });
  const { manager } = demo.people;
  check(await manager.get('/calls'), { total: 1 });
  check(await manager.get('/leads'), { total: 1 });
  check(await manager.get('/appointments'), { total: 1, 'items.0.id': demo.booked.appointmentId });
  return 'all three are duplicates: still one call, one lead, one appointment';
}

/** Plays one second of the recording, as a player would that was moved to its middle. */
async function listen({ simulatorUrl, people: { manager }, booked }: Demo): Promise<string> {
  if (simulatorUrl === undefined) return `skipped: ${NO_SIMULATOR}`;
  const { url } = await manager.get(`/calls/${booked.callId}/recording`);
  const second = { range: 'bytes=8044-16043' };
  const audio = await fetch(url, { headers: second, signal: AbortSignal.timeout(10_000) });
  const bytes = (await audio.arrayBuffer()).byteLength;
  printExchange('GET   /recordings/…', audio.status, `${bytes} bytes`);
  check(
    { status: audio.status, type: audio.headers.get('content-type'), bytes },
    { status: 206, type: 'audio/wav', bytes: 8000 },
  );
  return 'one second from the middle of the conversation, as a player asks for it';
}

/** A call that does not book, whose worker dies after Shunya has taken its recording. */
async function killedWorker(demo: Demo): Promise<string> {
  const { morgan, manager } = demo.people;
  const recording = demo.recording('not-booked.wav');
  const call = simulate(demo, {
    customerName: 'Bartholomew Quigley',
    agentEmail: emailOf(morgan),
    durationSeconds: 96,
    recording,
  });
  await send(demo, call, ['incoming', 'answered', 'completed']);
  const jobs = () => jobsOf(demo, recording);
  let isKilled = false;
  if (demo.simulatorUrl !== undefined) {
    await waitFor('Shunya has the recording', jobs, ({ transcription }) => transcription === 1);
    isKilled = demo.killWorker();
  }
  const found = await analyzedCall(demo, call);
  if (demo.simulatorUrl !== undefined) {
    const accepted = await jobs();
    check(accepted, { transcription: 1, analysis: 1 });
  }
  check(found, {
    csr_id: morgan.userId,
    'analysis.qualification': 'warm',
    'analysis.booking_status': 'not_booked',
    'analysis.call_outcome_category': 'qualified_but_unbooked',
    'analysis.objections.length': 1,
    'analysis.objections.0.category': 'Price',
    'analysis.objections.0.text': SHOWN,
    'analysis.objections.0.overcome': false,
  });
  check(await manager.get('/leads?status=warm'), { total: 1, 'items.0.id': found.lead_id });
  check(await manager.get('/appointments'), { total: 1 });
  const worker = isKilled ? 'another worker ended it' : 'no worker of this machine was killed';
  return `${worker}; each job was asked for once: warm, not booked, ${found.analysis.objections[0].category}`;
}

/** How many jobs Shunya has accepted for a recording. */
async function jobsOf({ simulatorUrl }: Demo, recording: string): Promise<{ transcription: number; analysis: number }> {
  const { jobs } = await tellSimulator(`${simulatorUrl}/_control/jobs`, 'GET');
  const count = (kind: string) => jobs.filter((job: Data) => job.kind === kind && job.audio_url === recording).length;
  return { transcription: count('transcription'), analysis: count('analysis') };
}

async function missedCall(demo: Demo): Promise<string> {
  const call = simulate(demo, { customerName: 'Ottoline Breck', answered: false, durationSeconds: 0 });
  await send(demo, call, ['incoming', 'missed']);
  const found = await finishedCall(demo, call);
  check(found, { status: 'missed', answered: false, has_recording: false, 'pipeline.stage': 'done', analysis: null });
  check(await demo.people.manager.get(`/leads/${found.lead_id}`), { status: 'new' });
  const toCall = await demo.people.casey.get(`/follow-ups?contact_id=${found.contact.id}`);
  check(toCall, { total: 1, 'items.0.kind': 'missed', 'items.0.suggested_step': SHOWN });
  return `a new lead, and for Casey: “${toCall.items[0].suggested_step}”`;
}

async function voicemail(demo: Demo): Promise<string> {
  const call = simulate(demo, {
    customerName: 'Thaddeus Mbeki',
    answered: false,
    voicemail: true,
    durationSeconds: 31,
    recording: demo.recording('voicemail-cold.wav'),
  });
  await send(demo, call, ['incoming', 'completed']);
  const found = await analyzedCall(demo, call);
  check(found, {
    status: 'voicemail',
    answered: false,
    'analysis.qualification': 'cold',
    'analysis.objections.0.category': 'Timing',
  });
  check(await demo.people.manager.get(`/leads/${found.lead_id}`), { status: 'cold' });
  return `a cold lead; what holds the caller back: ${found.analysis.objections[0].category}`;
}

async function assign({ companyId, people: { casey, rep }, booked }: Demo): Promise<string> {
  check(await casey.get(`/companies/${companyId}/users?role=sales_rep`), { total: 1, 'items.0.name': rep.name });
  check(await rep.get('/appointments'), { total: 0 });
  const change = { assigned_rep_id: rep.userId };
  check(await casey.patch(`/appointments/${booked.appointmentId}`, change), change);
  const today = await rep.get('/appointments/today/self');
  check(today, {
    total: 1,
    'items.0.id': booked.appointmentId,
    'items.0.contact.name': booked.call.customerName,
    'items.0.location': SHOWN,
  });
  return `${rep.name} has one today: ${booked.call.customerName}`;
}

async function visit({ people: { rep, manager }, booked, recording }: Demo): Promise<string> {
  const place = { latitude: 40.7128, longitude: -74.006 };
  const session = await rep.post('/recordings/sessions/start', { appointment_id: booked.appointmentId, ...place });
  check(session, { status: 'recording', 'pipeline.stage': 'awaiting_end' });
  const path = `/recordings/sessions/${session.id}`;
  const audio = { audio_url: recording('visit-won.wav') };
  check(await rep.post(`${path}/stop`, audio), { status: 'completed' });
  await waitFor('the visit is analyzed', () => rep.peek(path), isFinished);
  check(await rep.get(path), {
    'pipeline.stage': 'done',
    'analysis.outcome': 'won',
    'analysis.sop_compliance.score': 0.95,
    'analysis.sentiment_score': 0.91,
    'analysis.summary': SHOWN,
  });
  check(await rep.get(`/appointments/${booked.appointmentId}`), { status: 'completed', outcome: 'won' });
  check(await manager.get(`/leads/${booked.leadId}`), { status: 'closed_won' });
  return 'the appointment is completed and won, its lead closed_won';
}

async function csrMetrics({ people: { casey } }: Demo): Promise<string> {
  const metrics = await casey.get('/metrics/csr/overview/self');
  check(metrics, { ...CSR_SELF, 'trend.length': 30 });
  check(sumTrend(metrics, 'calls'), {
    'sum_of_days.total_calls': 3,
    'sum_of_days.qualified_calls': 2,
    'sum_of_days.booked_calls': 1,
  });
  return `${metrics.total_calls} calls, ${metrics.qualified_calls} qualified, ${metrics.booked_calls} booked: booking rate ${metrics.booking_rate}`;
}

async function companyMetrics({ people: { executive, rep, casey, morgan } }: Demo): Promise<string> {
  const calls = await executive.get('/metrics/exec/csr/overview');
  check(calls, { ...CSR_ALL, 'trend.length': 30, 'by_csr.length': 3 });
  check(groupBy(calls.by_csr, 'csr_id'), {
    [`${casey.userId}.total_calls`]: 1,
    [`${casey.userId}.booked_calls`]: 1,
    [`${casey.userId}.booking_rate`]: 1,
    [`${morgan.userId}.total_calls`]: 1,
    [`${morgan.userId}.booked_calls`]: 0,
    [`${morgan.userId}.top_missed_booking_reason`]: 'Price',
    'nobody.total_calls': 2,
    'nobody.missed_calls': 2,
    'nobody.analyzed_calls': 1,
  });
  const visits = await executive.get('/metrics/exec/sales/overview');
  check(visits, { ...SALES, team_win_rate: 1, 'trend.length': 30, 'by_rep.length': 1 });
  check(groupBy(visits.by_rep, 'rep_id'), {
    [`${rep.userId}.name`]: rep.name,
    [`${rep.userId}.total_appointments`]: 1,
    [`${rep.userId}.win_rate`]: 1,
  });
  const own = await rep.get('/metrics/sales/rep/overview/self');
  check(own, { ...SALES, 'trend.length': 30 });
  check(sumTrend(own, 'appointments'), {
    'sum_of_days.total_appointments': 1,
    'sum_of_days.won_appointments': 1,
    'sum_of_days.lost_appointments': 0,
  });
  return `${calls.total_calls} calls, ${calls.booked_calls} booked; ${visits.total_appointments} visit, ${visits.won_appointments} won`;
}

async function shunyaAway(demo: Demo): Promise<string> {
  const { simulatorUrl, companyId } = demo;
  if (simulatorUrl === undefined) return `skipped: ${NO_SIMULATOR}`;
  const { manager } = demo.people;
  const fault = { type: 'error', status: 503, company_id: companyId };
  const { faults } = await tellSimulator(`${simulatorUrl}/_control/faults`, 'POST', fault);
  const mend = () => tellSimulator(`${simulatorUrl}/_control/faults/${faults[0].id}`, 'DELETE');
  const call = simulate(demo, { customerName: 'Philippa Marsh', recording: demo.recording('unqualified.wav') });
  try {
    await send(demo, call, ['incoming', 'answered', 'completed']);
    const list = '/pipelines?kind=call&stage=transcribing';
    const stuck = async () => (await manager.peek(list)).items.find((each: Data) => each.attempts > 1);
    const { workflow_id: id } = await waitFor('Shunya fails twice', stuck, (found) => found !== undefined);
    check(await manager.get(`/pipelines/${encodeURIComponent(id)}`), {
      stage: 'transcribing',
      blocked_on: 'shunya_transcription',
      attempts: SHOWN,
      reason: SHOWN,
    });
    await mend();
    await manager.post(`/pipelines/${encodeURIComponent(id)}/retry`, { reason: 'Shunya is back' });
  } finally {
    await mend();
  }
  const found = await analyzedCall(demo, call);
  check(found, { 'analysis.qualification': 'unqualified', 'pipeline.needs_attention': false });
  return 'it was blocked on shunya_transcription; the operator’s retry ended it';
}

/** Switches failures of the simulator; one that is gone already stays gone. */
async function tellSimulator(url: string, method: string, body?: object): Promise<Data> {
  const answer = await fetch(url, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(5000) });
  if (!answer.ok && answer.status !== 404) throw new StepFailed(`${method} ${url} answered ${answer.status}`);
  return answer.json();
}

/** A call that ends now. */
const simulate = (demo: Demo, given: Partial<SimulatedCall>): SimulatedCall =>
  simulateCall({
    startedAt: new Date(Date.now() - (given.durationSeconds ?? 184) * 1000),
    trackingNumber: demo.trackingNumber,
    companyResourceId: newResourceId('COM'),
    customerNumber: newPhoneNumber(),
    ...given,
  });

async function send(demo: Demo, call: SimulatedCall, events: CallRailEventName[]) {
  const sent: [CallRailEventName, string][] = [];
  for (const event of events) {
    const body = JSON.stringify(callRailPayload(event, call));
    await sendOne(demo, event, body, { duplicate: false });
    sent.push([event, body]);
  }
  return sent;
}

async function sendOne(demo: Demo, event: CallRailEventName, body: string, expected: { duplicate: boolean }) {
  const answer = await demo.callrail.send(event, body);
  const { status, duplicate } = answer.body as Data;
  tellSent(event, answer.status, `${status}, duplicate: ${duplicate}`);
  if (answer.status !== 200 || status !== 'accepted' || duplicate !== expected.duplicate)
    throw new StepFailed(
      `call.${event} was answered ${answer.status} ${status}, duplicate ${duplicate}, ` +
        `expected 200 accepted, duplicate ${expected.duplicate}`,
    );
}

const isFinished = (subject: Data) => isFinalStage(subject?.pipeline.stage);

/** The call as the API shows it once its pipeline has ended. */
async function finishedCall({ people: { manager } }: Demo, call: SimulatedCall, what = 'stored'): Promise<Data> {
  const list = `/calls?phone_number=${call.customerNumber}`;
  const find = async () => (await manager.peek(list)).items[0];
  const found = await waitFor(what, find, isFinished);
  return manager.get(`/calls/${found.id}`);
}

async function analyzedCall(demo: Demo, call: SimulatedCall): Promise<Data> {
  const found = await finishedCall(demo, call, 'transcribed and analyzed');
  check(found, { 'pipeline.stage': 'done' });
  return found;
}

/** Local time of the company, without an offset, as Shunya says it. */
const todayAt = (hour: number): string =>
  DateTime.now().setZone(TIME_ZONE).startOf('day').set({ hour }).toFormat("yyyy-MM-dd'T'HH:mm:ss");

/** Each count of the trend over all of its days: they must add up to the whole. */
function sumTrend(metrics: Data, what: string): { sum_of_days: Record<string, number> } {
  const sums: Record<string, number> = {};
  for (const day of metrics.trend)
    for (const [field, value] of Object.entries(day))
      if (field.endsWith(`_${what}`)) sums[field] = (sums[field] ?? 0) + Number(value);
  return { sum_of_days: sums };
}

const groupBy = (rows: Data[], id: string): Data => Object.fromEntries(rows.map((row) => [row[id] ?? 'nobody', row]));
