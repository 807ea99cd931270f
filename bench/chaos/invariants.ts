/**
 * What must hold after a chaos run, whatever happened in it: judged from the database, from Temporal, from Shunya's
 * memory, and from what the senders were answered. Each invariant is one function that lists its violations.
 */
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type postgres from 'postgres';
import { analysisResult, type CallType, transcriptResult } from '../../simulators/shunya/scenarios.ts';
import {
  CALL_EVENT_KINDS,
  type CallEvent,
  type CallEventKind,
  type FoldedCall,
  mayLackRecording,
} from '../../src/domain/call.ts';
import { callIdOf } from '../../src/domain/callId.ts';
import { foldCall } from '../../src/domain/foldCall.ts';
import { type LeadStatus, leadStatusOf, raiseLeadStatus } from '../../src/domain/lead.ts';
import { isFinalStage } from '../../src/domain/pipeline.ts';
import { callWorkflowId } from '../../src/domain/workflowIds.ts';
import { readCallRailEvent } from '../../src/providers/callrail/payload.ts';
import { normalizeCallAnalysis, readShunyaCallback } from '../../src/providers/shunya/payload.ts';
import { RECONCILIATION_SCHEDULE_ID } from '../../src/workflows/contracts.ts';
import type { Sent } from './ledger.ts';
import type { Plan, PlannedCall } from './plan.ts';
import { audioOfCall, isListed, type Played, type PlayedCompany } from './play.ts';

export interface Broken {
  invariant: string;
  violations: string[];
}

export interface Evidence {
  plan: Plan;
  played: Played;
  sent: readonly Sent[];
  companies: readonly PlayedCompany[];
  maxPerCompany: number;
  sql: postgres.Sql;
  temporal: Client;
  /** `GET /_control/stats` and `GET /_control/jobs` of the simulator. */
  stats: SimulatorStats;
  jobs: SimulatorJob[];
}

export interface SimulatorStats {
  duplicates: number;
  conflicts: number;
  repeats: number;
  accepted: number;
  max_in_flight: Record<string, number>;
  faults: Record<string, number>;
  submits: { call_id: number; kind: string; accepted: number; duplicates: number }[];
}

export interface SimulatorJob {
  task_id: string;
  kind: string;
  company_id: string;
  call_id: number;
  audio_url: string;
}

/** Rows of every table that an invariant looks at. */
async function readRows({ sql }: Evidence) {
  // biome-ignore lint/suspicious/noExplicitAny: columns as the schema names them.
  const all = (query: Promise<any[]>) => query;
  return {
    events: await all(sql`select id, sequence, source, route, status, reason, company_id, provider_call_id, body,
      body_sha256, signature, received_at, task_id, job_id, workflow_id from webhook_events order by sequence`),
    calls: await all(sql`select c.*, k.phone_number from calls c join contact_cards k on k.id = c.contact_id`),
    sessions: await all(sql`select * from recording_sessions`),
    runs: await all(sql`select *, shunya_call_id::float8 as shunya_call_id from analysis_runs`),
    jobs: await all(sql`select * from shunya_jobs`),
    analyses: await all(sql`select * from call_analyses`),
    visitAnalyses: await all(sql`select * from recording_analyses`),
    transcripts: await all(sql`select call_id as subject_id, generation, transcript_text from call_transcripts
      union all select session_id, generation, transcript_text from recording_transcripts`),
    appointments: await all(sql`select * from appointments`),
    leads: await all(sql`select * from leads`),
  };
}

type Rows = Awaited<ReturnType<typeof readRows>>;
type Check = (evidence: Evidence, rows: Rows) => string[] | Promise<string[]>;

const INVARIANTS: Record<string, Check> = {
  'every acknowledged event is in the inbox, with the id and the bytes that were acknowledged': acknowledgedAreStored,
  'the same bytes are one event, new to one request at most': repeatsAreOne,
  'the inbox holds nothing that nobody sent': nothingInvented,
  'every event has had its effect, or waits for a person as planned': eventsAreSettled,
  'every call that was told of, and no other, has a row in its company': callsExist,
  'each call is what all of its events fold to': callsAreFolded,
  'every ended call with a recording is analyzed or has its reason': callsAreDecided,
  'each analysis and transcript is that of its own recording': resultsBelong,
  'a booked call has exactly one appointment, any other none': appointmentsAreOne,
  "each lead stands where its calls' analyses and visits put it": leadsFollow,
  'each visit is analyzed or has its reason, and decides its appointment': visitsAreDecided,
  'each step has one effect: one run, one transcript, one analysis per generation': oneEffectPerStep,
  'Shunya accepted each step once, knows the jobs that we know, and got no more than a company may send': shunyaAgrees,
  'nothing needs attention': nobodyIsNeeded,
  'no workflow failed, was terminated or runs without a reason': workflowsAreWell,
};

/** Checks them all. @returns those that are broken, with examples */
export async function checkInvariants(evidence: Evidence): Promise<{ checked: number; broken: Broken[] }> {
  const rows = await readRows(evidence);
  const broken: Broken[] = [];
  for (const [invariant, check] of Object.entries(INVARIANTS)) {
    const violations = await check(evidence, rows);
    if (violations.length > 0) broken.push({ invariant, violations });
  }
  return { checked: Object.keys(INVARIANTS).length, broken };
}

// ---- The inbox

function acknowledgedAreStored({ sent }: Evidence, { events }: Rows): string[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  return sent.flatMap(({ outcome, route, bodySha256 }) => {
    if (outcome.kind !== 'acknowledged') return [];
    const row = byId.get(outcome.eventId);
    if (!row) return [`${route}: event ${outcome.eventId} was acknowledged and is not there`];
    return row.route === route && row.body_sha256 === bodySha256
      ? []
      : [`${route}: event ${outcome.eventId} has other bytes than were acknowledged`];
  });
}

function repeatsAreOne({ sent }: Evidence): string[] {
  return [...groupBy(sent, (each) => `${each.source} ${each.route} ${each.bodySha256}`)].flatMap(([key, group]) => {
    const answers = group.flatMap(({ outcome }) => (outcome.kind === 'acknowledged' ? [outcome] : []));
    const ids = new Set(answers.map(({ eventId }) => eventId));
    if (ids.size > 1) return [`${key}: acknowledged as ${[...ids].join(' and ')}`];
    const fresh = answers.filter(({ duplicate }) => !duplicate).length;
    return fresh > 1 ? [`${key}: ${fresh} requests were told that it is new`] : [];
  });
}

function nothingInvented({ sent }: Evidence, { events }: Rows): string[] {
  const known = new Set(sent.map(({ route, bodySha256 }) => `${route} ${bodySha256}`));
  const seen = new Set<string>();
  return events.flatMap((event) => {
    // Ours (also a retry since CallRail told of a recording again), or read from CallRail's list of calls, which nobody signs.
    const isOurs = event.source === 'internal' || event.source === 'operator';
    if (isOurs || (event.route === 'call.modified' && event.signature === null)) return [];
    const key = `${event.route} ${event.body_sha256}`;
    // A rejected one does not count, whether it came before its genuine twin or after it.
    const isTwice = event.status !== 'rejected' && seen.has(key);
    if (event.status !== 'rejected') seen.add(key);
    if (isTwice) return [`event ${event.id} is stored twice`];
    return known.has(key) ? [] : [`event ${event.id} (${event.route}) was sent by nobody`];
  });
}

function eventsAreSettled({ played, jobs }: Evidence, { events }: Rows): string[] {
  const planned = new Map(
    played.deliveries.map(({ delivery, sent }) => [`${sent.route} ${sent.bodySha256}`, delivery]),
  );
  const allowed = (event: Rows['events'][number]): string[] => {
    if (event.source === 'shunya') return statusesOfCallback(event.body, jobs);
    const kind = planned.get(`${event.route} ${event.body_sha256}`)?.kind;
    if (kind === 'no_id') return ['invalid'];
    // The same bytes may have been sent with a good signature as well.
    if (kind === 'bad_signature') return ['rejected', 'applied'];
    return event.status === 'rejected' ? ['rejected'] : ['applied'];
  };
  const rejectedAsPlanned = new Set(
    played.deliveries.filter(({ delivery }) => delivery.kind === 'bad_signature').map(({ sent }) => sent.bodySha256),
  );
  return events.flatMap((event) => {
    const { id, source, route, status, reason } = event;
    if (status === 'rejected' && !rejectedAsPlanned.has(event.body_sha256))
      return [`${source} ${route} ${id} is rejected`];
    return allowed(event).includes(status) ? [] : [`${source} ${route} ${id} is ${status} (${reason})`];
  });
}

/** A callback that says the truth about a job takes effect; one that contradicts itself must not. */
function statusesOfCallback(body: Buffer, jobs: readonly SimulatorJob[]): string[] {
  const callback = readShunyaCallback(JSON.parse(body.toString('utf8')));
  const fits = (job: SimulatorJob) =>
    (!callback.shunyaCallId || job.call_id === callback.shunyaCallId) &&
    (!callback.jobType || job.kind === callback.jobType) &&
    (!callback.companyId || job.company_id === callback.companyId);
  const isTrue = callback.jobId
    ? jobs.some((job) => String(job.task_id) === callback.jobId && fits(job))
    : jobs.some(fits);
  return isTrue ? ['applied'] : ['invalid', 'unrouted'];
}

// ---- Calls

/** Company and call of each planned call. */
function placeOf({ companies }: Evidence, call: PlannedCall) {
  const companyId = companies[call.company]?.id ?? '';
  return { companyId, callId: callIdOf(companyId, call.id) };
}

function callsExist(evidence: Evidence, { calls }: Rows): string[] {
  const { played, plan } = evidence;
  const ids = new Set(calls.map((call) => call.id));
  const missing = played.deliveries.flatMap(({ call, delivery, sent }) => {
    if (sent.outcome.kind !== 'acknowledged' || delivery.kind === 'no_id') return [];
    return ids.has(placeOf(evidence, call).callId) ? [] : [`call ${call.id} was told of and is not there`];
  });
  // CallRail's own list has every ended call, however few of its webhooks came through.
  const unlisted = plan.plannedCalls
    .filter((call) => plan.reconciles && isListed(call))
    .filter((call) => !ids.has(placeOf(evidence, call).callId))
    .map((call) => `call ${call.id} is on CallRail's list and was not found by reconciliation`);
  const planned = new Set(plan.plannedCalls.map((call) => placeOf(evidence, call).callId));
  const strange = calls
    .filter((call) => !planned.has(call.id) && !call.provider_call_id.startsWith('SEED'))
    .map((call) => `call ${call.provider_call_id} of company ${call.company_id} was never made there`);
  return [...new Set([...missing, ...unlisted]), ...strange];
}

function foldRows(events: Rows['events']): FoldedCall {
  return foldCall(
    events.map((event): CallEvent => {
      const kind = event.route.replace(/^call\./, '') as CallEventKind;
      const { fields } = readCallRailEvent(kind, JSON.parse(event.body.toString('utf8')));
      return { kind, sequence: Number(event.sequence), receivedAt: event.received_at.toISOString(), fields };
    }),
  );
}

function callsAreFolded(_: Evidence, { calls, events }: Rows): string[] {
  const ofCall = groupBy(
    events.filter(
      ({ route, status }) =>
        CALL_EVENT_KINDS.includes(route.replace(/^call\./, '') as CallEventKind) &&
        ['pending', 'dispatched', 'applied'].includes(status),
    ),
    (event) => `${event.company_id} ${event.provider_call_id}`,
  );
  return calls.flatMap((row) => {
    const own = ofCall.get(`${row.company_id} ${row.provider_call_id}`);
    if (!own) return [`call ${row.provider_call_id} has no event`];
    const folded = foldRows(own);
    const expected = {
      status: folded.status,
      direction: folded.direction,
      answered: folded.answered,
      started_at: new Date(folded.startedAt).toISOString(),
      duration_seconds: folded.durationSeconds ?? null,
      tracking_number: folded.trackingNumber ?? null,
      recording_url: folded.recordingUrl ?? null,
      phone_number: folded.callerNumber ?? null,
      ended: folded.ended,
    };
    const actual = { ...row, started_at: row.started_at.toISOString(), ended: row.ended_at !== null };
    return Object.entries(expected)
      .filter(([name, value]) => actual[name] !== value)
      .map(([name, value]) => `call ${row.provider_call_id}: ${name} is ${actual[name]}, its events say ${value}`);
  });
}

/** Where the pipeline of a call must have come to, by its row and by what Shunya was told to do with its recording. */
function expectedEnd(row: Rows['calls'][number], planned: PlannedCall | undefined): string {
  if (row.recording_url === null) return mayLackRecording(row.status) ? 'done' : 'not_analyzable no_recording_in_time';
  if (planned?.recording === 'foreign_host') return 'not_analyzable recording_host_not_allowed';
  // Silence is found by the transcription, a refusal of the analysis comes after it.
  const refusedKind = planned?.refusedWith ? planned.faults[0]?.kind : undefined;
  if (planned?.scenario === 'silence' && refusedKind !== 'transcription') return 'not_analyzable no_speech';
  return planned?.refusedWith ? `not_analyzable refused_by_shunya:${planned.refusedWith}` : 'done';
}

function callsAreDecided({ plan }: Evidence, { calls, analyses }: Rows): string[] {
  const planned = new Map(plan.plannedCalls.map((call) => [call.id, call]));
  const analyzed = new Set(analyses.map((analysis) => analysis.call_id));
  return calls.flatMap((row) => {
    const id = row.provider_call_id;
    if (row.ended_at === null) return [`call ${id} is still ${row.status}, stage ${row.stage}`];
    const expected = expectedEnd(row, planned.get(id));
    const actual = [row.stage, row.reason].filter(Boolean).join(' ');
    if (actual !== expected) return [`call ${id} (${row.status}) is ${actual}, should be ${expected}`];
    const needsAnalysis = row.stage === 'done' && row.recording_url !== null;
    return needsAnalysis === analyzed.has(row.id) ? [] : [`call ${id} is ${actual}; analyzed: ${!needsAnalysis}`];
  });
}

// ---- Results

function resultsBelong(evidence: Evidence, { runs, transcripts, analyses, visitAnalyses }: Rows): string[] {
  const byRun = new Map(runs.map((run) => [`${run.subject_id} ${run.generation}`, run]));
  const recordingOf = (row: { subject_id: string; generation: number }) => {
    const run = byRun.get(`${row.subject_id} ${row.generation}`);
    const callType: CallType = run?.subject_kind === 'visit' ? 'sales_call' : 'csr_call';
    return { audioUrl: run?.recording_url ?? '', callType, callId: run?.shunya_call_id ?? 0, receivedAtMs: 0 };
  };
  const wrongTranscripts = transcripts.flatMap((row) => {
    const said = transcriptResult(recordingOf(row)).transcript_text as string;
    // The day that is named in it depends on when it was asked for.
    return withoutDates(row.transcript_text) === withoutDates(said)
      ? []
      : [`the transcript of ${row.subject_id} (generation ${row.generation}) is not that of its recording`];
  });
  const subjects = [
    ...analyses.map((row) => ({ ...row, subject_id: row.call_id })),
    ...visitAnalyses.map((row) => ({ ...row, subject_id: row.session_id })),
  ];
  const wrongAnalyses = subjects.flatMap((row) => {
    const recording = recordingOf(row);
    const expected = analysisResult(recording);
    const summary = (expected.summary as { summary: string }).summary;
    const call = normalizeCallAnalysis(expected);
    const isRight =
      row.summary === summary &&
      row.raw.call_id === recording.callId &&
      (recording.callType === 'sales_call'
        ? row.outcome === (expected.outcome ?? null)
        : row.qualification === call.qualification && row.booking_status === call.bookingStatus);
    return isRight ? [] : [`the analysis of ${row.subject_id} (generation ${row.generation}) is not of its recording`];
  });
  const unplanned = evidence.plan.plannedCalls.flatMap((call) => {
    const { callId } = placeOf(evidence, call);
    const strange = runs.filter((run) => run.subject_id === callId && run.recording_url !== audioOfCall(call));
    return strange.map(() => `call ${call.id} was analyzed by another call's recording`);
  });
  return [...wrongTranscripts, ...wrongAnalyses, ...unplanned];
}

const withoutDates = (text: string): string =>
  text.replace(/(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, .*? [AP]M/g, 'then');

function appointmentsAreOne({ plan, played }: Evidence, { calls, appointments, analyses }: Rows): string[] {
  const planned = new Map(plan.plannedCalls.map((call) => [call.id, call]));
  const analyzed = new Set(analyses.map((analysis) => analysis.call_id));
  const byCall = groupBy(
    appointments.filter((row) => row.call_id !== null),
    (row) => row.call_id as string,
  );
  const wrong = calls.flatMap((row) => {
    const call = planned.get(row.provider_call_id);
    const expected = call?.scenario === 'booked' && row.stage === 'done' && analyzed.has(row.id) ? 1 : 0;
    const made = byCall.get(row.id) ?? [];
    if (made.length !== expected)
      return [`call ${row.provider_call_id} has ${made.length} appointments, not ${expected}`];
    return made
      .filter((each) => each.lead_id !== row.lead_id || each.contact_id !== row.contact_id || !each.scheduled_start)
      .map((each) => `appointment ${each.id} does not fit its call ${row.provider_call_id}`);
  });
  const byPeople = appointments.filter((row) => row.call_id === null).length;
  const visits = new Set(played.sessions.map((session) => session.appointmentId)).size;
  return byPeople >= visits ? wrong : [...wrong, `${byPeople} appointments made by people, ${visits} were visited`];
}

function leadsFollow({ played }: Evidence, { leads, calls, analyses, appointments }: Rows): string[] {
  const newest = new Map<string, (typeof analyses)[number]>();
  for (const analysis of [...analyses].sort((a, b) => a.generation - b.generation))
    newest.set(analysis.call_id, analysis);
  return leads.flatMap((lead) => {
    const own = calls.filter((call) => call.lead_id === lead.id);
    if (own.length === 0) return [`lead ${lead.id} has no call`];
    const wanted = own.reduce<LeadStatus>((status, call) => {
      const analysis = newest.get(call.id);
      if (!analysis) return status;
      const { qualification, booking_status: bookingStatus } = analysis;
      return raiseLeadStatus(status, leadStatusOf({ qualification, bookingStatus }));
    }, 'new');
    const visited = appointments.filter((each) => each.lead_id === lead.id);
    const decided = visited.filter((each) => each.outcome !== 'pending').map((each) => `closed_${each.outcome}`);
    // A later visit that leaves it open does not open the lead again, so an earlier one may have closed it.
    const earlier = played.sessions
      .filter(({ appointmentId }) => visited.some((each) => each.id === appointmentId))
      .map(({ planned }) => `closed_${planned.outcome}`);
    const allowed = decided.length > 0 ? decided : [wanted, ...earlier];
    return allowed.includes(lead.status) ? [] : [`lead ${lead.id} is ${lead.status}, not ${allowed.join(' or ')}`];
  });
}

// ---- Visits

function visitsAreDecided({ played }: Evidence, { sessions, visitAnalyses, appointments }: Rows): string[] {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const wrong = played.sessions.flatMap(({ sessionId, planned, audioUrl }) => {
    const row = byId.get(sessionId);
    if (!row) return [`session ${sessionId} was started and is not there`];
    const expected =
      audioUrl === null
        ? 'failed not_analyzable visit_never_stopped'
        : planned.outcome === 'silence'
          ? 'completed not_analyzable no_speech'
          : 'completed done';
    const actual = [row.status, row.stage, row.reason].filter(Boolean).join(' ');
    if (actual !== expected || row.audio_url !== audioUrl)
      return [`session ${sessionId} is ${actual}, not ${expected}`];
    const judged = visitAnalyses.filter((analysis) => analysis.session_id === sessionId).length;
    const wanted = row.stage === 'done' ? 1 : 0;
    return judged === wanted ? [] : [`session ${sessionId} has ${judged} analyses, not ${wanted}`];
  });
  const started = new Set(played.sessions.map((session) => session.sessionId));
  const extra = sessions.filter((row) => !started.has(row.id)).map((row) => `session ${row.id} was started by nobody`);
  const undecided = [...groupBy(played.sessions, (session) => session.appointmentId)].flatMap(([id, own]) => {
    const judged = own.filter(({ audioUrl, planned }) => audioUrl !== null && planned.outcome !== 'silence');
    // Of several visits the one that started last decides.
    const last = judged.sort((a, b) => a.planned.startAtMs - b.planned.startAtMs).at(-1);
    const expected = last?.planned.outcome ?? 'pending';
    const actual = appointments.find((row) => row.id === id);
    const completed = expected === 'pending' || actual?.status === 'completed';
    return actual?.outcome === expected && completed
      ? []
      : [`appointment ${id} is ${actual?.outcome}, not ${expected}`];
  });
  return [...wrong, ...extra, ...undecided];
}

// ---- Steps

function oneEffectPerStep(
  _: Evidence,
  { runs, analyses, visitAnalyses, transcripts, calls, sessions, jobs }: Rows,
): string[] {
  const key = (row: { subject_id: string; generation: number }) => `${row.subject_id} ${row.generation}`;
  const results = [
    ...analyses.map((row) => ({ subject_id: row.call_id, generation: row.generation })),
    ...visitAnalyses.map((row) => ({ subject_id: row.session_id, generation: row.generation })),
  ];
  const analysesOf = groupBy(results, key);
  const transcriptsOf = groupBy(transcripts, key);
  const jobsOf = groupBy(jobs, (job) => `${key(job)} ${job.kind}`);
  const wrongRuns = runs.flatMap((run) => {
    const id = key(run);
    const judged = analysesOf.get(id)?.length ?? 0;
    const heard = transcriptsOf.get(id)?.length ?? 0;
    const finished = ['transcription', 'analysis'].map(
      (kind) => (jobsOf.get(`${id} ${kind}`) ?? []).filter((job) => job.state === 'completed').length,
    );
    if (run.state !== 'applied' && run.state !== 'not_analyzable') return [`run ${id} is ${run.state}`];
    if (judged !== (run.state === 'applied' ? 1 : 0)) return [`run ${id} is ${run.state} with ${judged} analyses`];
    if (heard > 1 || heard !== finished[0] || judged !== finished[1])
      return [`run ${id}: ${heard} transcripts, ${judged} analyses, completed jobs ${finished}`];
    return [];
  });
  const generations = new Map([...calls, ...sessions].map((row) => [row.id, row.generation]));
  const lost = runs
    .filter((run) => run.generation > (generations.get(run.subject_id) ?? 0))
    .map((run) => `run ${key(run)} is of a generation that its subject does not have`);
  const open = jobs
    .filter((job) => !['completed', 'failed'].includes(job.state))
    .map((job) => `job ${job.id} is ${job.state}`);
  return [...wrongRuns, ...lost, ...open];
}

/** The answer to the submit was lost, and the callback named the call alone: then nobody ever told the job's id. */
const isToldByCall = (row: Rows['jobs'][number], job: Evidence['jobs'][number]): boolean =>
  row.task_id === null &&
  row.state === 'completed' &&
  row.kind === job.kind &&
  String(row.shunya_call_id) === String(job.call_id);

function shunyaAgrees({ stats, jobs: accepted, maxPerCompany }: Evidence, { jobs }: Rows): string[] {
  const ours = new Set(jobs.flatMap((job) => job.task_id ?? []));
  const theirs = new Set(accepted.map((job) => String(job.task_id)));
  return [
    ...stats.submits
      .filter((row) => row.duplicates > 0)
      .map((row) => `the ${row.kind} of ${row.call_id} was accepted ${row.accepted} times`),
    ...(stats.conflicts > 0 ? [`${stats.conflicts} times a key was used for another request`] : []),
    ...accepted
      .filter((job) => !ours.has(String(job.task_id)) && !jobs.some((row) => isToldByCall(row, job)))
      .map((job) => `job ${job.task_id} is unknown to us`),
    ...[...ours].filter((id) => !theirs.has(id)).map((id) => `job ${id} is unknown to Shunya`),
    ...Object.entries(stats.max_in_flight)
      .filter(([, most]) => most > maxPerCompany)
      .map(([company, most]) => `company ${company} had ${most} jobs in flight, more than ${maxPerCompany}`),
  ];
}

function nobodyIsNeeded(_: Evidence, { calls, sessions }: Rows): string[] {
  return [...calls, ...sessions]
    .filter((row) => row.needs_attention || row.blocked_on !== null || !isFinalStage(row.stage))
    .map(
      (row) =>
        `${row.id}: stage ${row.stage}, blocked on ${row.blocked_on} (${row.reason}), attention ${row.needs_attention}`,
    );
}

// ---- Temporal

const { EventType, WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;

async function workflowsAreWell({ temporal }: Evidence, { calls, runs, sessions }: Rows): Promise<string[]> {
  const violations: string[] = [];
  const known = new Set([
    ...calls.map((row) => callWorkflowId(row.company_id, row.provider_call_id)),
    ...sessions.map((row) => `visit:${row.id}`),
    ...runs.map((row) => `analysis:${row.subject_kind}:${row.subject_id}:${row.generation}`),
  ]);
  for await (const info of temporal.workflow.list()) {
    const { workflowId, runId, type } = info;
    const status = info.status.name;
    if (type === 'CallRailReconciliation') {
      if (!['RUNNING', 'COMPLETED', 'CONTINUED_AS_NEW'].includes(status)) violations.push(`${workflowId} is ${status}`);
      continue;
    }
    if (!known.has(workflowId) && !workflowId.startsWith(RECONCILIATION_SCHEDULE_ID))
      violations.push(`${workflowId} has no row`);
    if (status === 'RUNNING') violations.push(`${workflowId} runs: ${await whyItRuns(temporal, workflowId)}`);
    else if (status !== 'COMPLETED' && status !== 'CONTINUED_AS_NEW') violations.push(`${workflowId} is ${status}`);
    violations.push(...(await failedTasks(temporal, workflowId, runId)));
  }
  return violations;
}

async function whyItRuns(temporal: Client, workflowId: string): Promise<string> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  const activities = (raw.pendingActivities ?? []).map((each) => each.activityType?.name);
  const children = raw.pendingChildren?.length ?? 0;
  const task = raw.pendingWorkflowTask ? `, workflow task attempt ${raw.pendingWorkflowTask.attempt}` : '';
  return `activities [${activities}], children ${children}${task}`;
}

/** A workflow task that failed for anything but a disturbance is a bug, also where a later try went through. */
async function failedTasks(temporal: Client, workflowId: string, runId: string): Promise<string[]> {
  const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return (events ?? []).flatMap((event) => {
    if (event.eventType !== EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED) return [];
    const cause = event.workflowTaskFailedEventAttributes?.cause ?? 0;
    if (HARMLESS_CAUSES.has(cause)) return [];
    const message = event.workflowTaskFailedEventAttributes?.failure?.message ?? '';
    if (STOPPED_CLOCK.test(message) || TIMER_RACE.test(message)) return [];
    return [`${workflowId}: a workflow task failed: ${WorkflowTaskFailedCause[cause]} ${message}`];
  });
}

/** A worker that was frozen in the middle of an activation: its watchdog goes by the clock on the wall. */
const STOPPED_CLOCK = /^Script execution timed out after \d+ms/;

/** A timer that fires while the SDK's answer that cancels it is under way (temporalio/sdk-rust#680); the task is done again. */
const TIMER_RACE = /TimerMachine in state CancelTimerCommandSent .* TimerFired/;

const HARMLESS_CAUSES: ReadonlySet<number> = new Set([
  // A signal came in between; the task is done again with it.
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND,
]);

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
