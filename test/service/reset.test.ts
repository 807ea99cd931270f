/** Reset, as an operator does it in the Web UI, at every workflow task: rows stay as they are, and what waits goes on. */
import { randomUUID } from 'node:crypto';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SimulatedCall } from '../../simulators/callrail.ts';
import { analysisWorkflowId, visitWorkflowId } from '../../src/domain/workflowIds.ts';
import type { PipelineStatus } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

const { EventType, ResetReapplyExcludeType } = proto.temporal.api.enums.v1;

vi.setConfig({ testTimeout: 240_000 });

let service: Service;
beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '600' });
});
afterAll(async () => {
  await service?.stop();
});

const TABLES = [
  ...['contact_cards', 'leads', 'calls', 'call_transcripts', 'call_analyses', 'appointments', 'recording_sessions'],
  ...['recording_transcripts', 'recording_analyses', 'analysis_runs', 'shunya_jobs', 'webhook_events'],
];
/** Time stamps, and how often an event was rung: nothing that anything depends on. */
const MAY_CHANGE = /(_at|_since)$|^attempts$/;

/** All rows of the company, in a fixed order. */
async function rowsOf(company: TestCompany) {
  const rows: Record<string, unknown[]> = {};
  for (const table of TABLES) {
    const found = await service.sql`select * from ${service.sql(table)} where company_id = ${company.id}`;
    const kept = found.map((row) =>
      JSON.stringify(Object.fromEntries(Object.entries(row).filter(([name]) => !MAY_CHANGE.test(name)))),
    );
    rows[table] = kept.sort();
  }
  return rows;
}

interface Execution {
  workflowId: string;
  runId: string;
}

/** Events at which the Web UI offers a Reset: the ends of workflow tasks. */
async function resetPoints(execution: Execution): Promise<number[]> {
  const { events } = await service.temporal.workflow.getHandle(execution.workflowId, execution.runId).fetchHistory();
  return (events ?? [])
    .filter((event) => event.eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    .map((event) => Number(event.eventId));
}

/** @returns the new run */
async function reset({ workflowId, runId }: Execution, eventId: number, withSignals: boolean): Promise<string> {
  const answer = await service.temporal.workflowService.resetWorkflowExecution({
    namespace: service.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'a test',
    workflowTaskFinishEventId: eventId as never,
    requestId: randomUUID(),
    resetReapplyExcludeTypes: withSignals ? [] : [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
  });
  return answer.runId;
}

/**
 * Resets the run at every workflow task it has, with and without its signals; each time `settled` waits for the new run.
 * @returns how many resets that were
 */
async function resetEverywhere(
  company: TestCompany,
  execution: Execution,
  settled: (workflowId: string, runId: string) => Promise<void>,
): Promise<number> {
  const before = await rowsOf(company);
  const points = await resetPoints(execution);
  expect(points.length).toBeGreaterThan(0);
  for (const withSignals of [true, false])
    for (const eventId of points) {
      const runId = await reset(execution, eventId, withSignals);
      const where = `${execution.workflowId} at event ${eventId}, ${withSignals ? 'with' : 'without'} signals`;
      await eventually(() => settled(execution.workflowId, runId)).catch((error: Error) => {
        throw new Error(`${where}: ${error.message}`);
      });
      expect(await rowsOf(company), where).toEqual(before);
    }
  return 2 * points.length;
}

async function hasCompleted(workflowId: string, runId: string): Promise<void> {
  const { status } = await service.temporal.workflow.getHandle(workflowId, runId).describe();
  expect(status.name).toBe('COMPLETED');
}

const waitsFor = (words: string) => async (workflowId: string, runId: string) => {
  const status = await service.temporal.workflow.getHandle(workflowId, runId).query<PipelineStatus>('status');
  expect(status.waitingFor).toBe(words);
};

const currentRun = async (workflowId: string): Promise<Execution> => ({
  workflowId,
  runId: (await service.temporal.workflow.getHandle(workflowId).describe()).runId,
});

/** Each event after the one before it had its effect, so that one workflow task cannot take them all: more to reset to. */
async function playApart(company: TestCompany, call: SimulatedCall): Promise<void> {
  await company.play(call, ['incoming']);
  await company.callIn(call, 'awaiting_end');
  await company.play(call, ['answered']);
  await eventually(async () => expect((await company.findCall(call)).status).toBe('in_progress'));
  await company.play(call, ['completed']);
}

async function finishedCall(): Promise<{
  company: TestCompany;
  call: SimulatedCall;
  id: string;
  execution: Execution;
}> {
  const company = await service.company();
  await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
  const call = company.simulate({ recording: recordingLink('booked', '?rep=rep-1') });
  await playApart(company, call);
  const { id } = await company.callIn(call, 'done');
  const execution = await currentRun(company.workflowId(call));
  await eventually(() => hasCompleted(execution.workflowId, execution.runId));
  return { company, call, id, execution };
}

async function expectAcceptedOnce(company: TestCompany, call: SimulatedCall) {
  const jobs = await company.jobs(call);
  const submits = await service.shunya.submitsOf(Number(jobs[0]?.shunya_call_id));
  expect(submits.map(({ accepted, duplicates }) => ({ accepted, duplicates }))).toEqual([
    { accepted: 1, duplicates: 0 },
    { accepted: 1, duplicates: 0 },
  ]);
}

// What fails once here is a finding.
describe.concurrent('a Reset at every workflow task, with and without signals,', { retry: 0 }, () => {
  it('of a finished call changes no row', async () => {
    const { company, call, execution } = await finishedCall();
    expect(await resetEverywhere(company, execution, hasCompleted)).toBeGreaterThanOrEqual(8);
    await expectAcceptedOnce(company, call);
  });

  it('of a finished call that an amending run followed changes no row', async () => {
    const { company, call, execution } = await finishedCall();
    await company.play({ ...call, durationSeconds: 321 }, ['modified']);
    await eventually(async () => expect((await company.findCall(call)).duration_seconds).toBe(321));
    const amending = await currentRun(execution.workflowId);
    expect(amending.runId).not.toBe(execution.runId);
    await eventually(() => hasCompleted(amending.workflowId, amending.runId));
    await resetEverywhere(company, execution, hasCompleted);
    expect((await company.findCall(call)).duration_seconds).toBe(321);
    await expectAcceptedOnce(company, call);
  });

  it('of the analysis of a finished call changes no row', async () => {
    const { company, call, id } = await finishedCall();
    const execution = await currentRun(analysisWorkflowId('call', id, 1));
    await eventually(() => hasCompleted(execution.workflowId, execution.runId));
    await resetEverywhere(company, execution, hasCompleted);
    await expectAcceptedOnce(company, call);
  });

  it('of a finished visit changes no row', async () => {
    const { company, call } = await finishedCall();
    const { contact } = await company.findCall(call);
    const [appointment] = (await company.manager.get(`/contacts/${contact.id}`)).appointments;
    const rep = company.as('sales_rep', 'rep-1');
    const session = await rep.post('/recordings/sessions/start', { appointment_id: appointment.id });
    await rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: recordingLink('visit-won') });
    await eventually(async () =>
      expect((await rep.get(`/recordings/sessions/${session.id}`)).pipeline.stage).toBe('done'),
    );
    const execution = await currentRun(visitWorkflowId(session.id));
    await eventually(() => hasCompleted(execution.workflowId, execution.runId));
    await resetEverywhere(company, execution, hasCompleted);
  });

  it('of a call that waits for its recording changes no row, and the recording is analyzed when it comes', async () => {
    const company = await service.company();
    const call = company.simulate();
    await playApart(company, call);
    await company.callIn(call, 'awaiting_recording');
    const execution = await currentRun(company.workflowId(call));
    await eventually(() => waitsFor('the recording')(execution.workflowId, execution.runId));
    await resetEverywhere(company, execution, waitsFor('the recording'));
    await company.play({ ...call, recording: recordingLink('booked') }, ['modified']);
    await company.callIn(call, 'done');
    await expectAcceptedOnce(company, call);
  });

  it('of a call that waits for its analysis changes no row and starts no second one, and the result is applied', async () => {
    const company = await service.company();
    const recording = recordingLink('booked');
    const call = company.simulate({ recording });
    await service.shunya.fault({ type: 'job_never_answers', match: recording, kind: 'transcription' });
    await playApart(company, call);
    const [job] = await eventually(async () => {
      const jobs = await company.jobs(call);
      expect(jobs[0]?.task_id).toBeTruthy();
      return jobs;
    });
    const { id } = await company.callIn(call, 'transcribing');
    const execution = await currentRun(company.workflowId(call));
    const analysis = await currentRun(analysisWorkflowId('call', id, 1));
    await eventually(() => waitsFor("Shunya's transcription")(analysis.workflowId, analysis.runId));
    // While it waits, its analysis is reset as well.
    await resetEverywhere(company, analysis, waitsFor("Shunya's transcription"));
    await resetEverywhere(company, execution, waitsFor('its analysis by Shunya'));
    await service.shunya.finish(job?.task_id ?? '');
    await company.callIn(call, 'done');
    await expectAcceptedOnce(company, call);
    expect((await company.findCall(call)).analysis.booking_status).toBe('booked');
  });

  it('of a call whose step is blocked changes no row but its count of attempts, and it goes on', async () => {
    const company = await service.company();
    const recording = recordingLink('booked');
    const call = company.simulate({ recording });
    const fault = { type: 'error', match: recording, on: 'submit', status: 429, retry_after_seconds: 600, times: 1 };
    await service.shunya.fault(fault);
    await playApart(company, call);
    const { id } = await eventually(async () => {
      const found = await company.findCall(call);
      expect(found.pipeline.blocked_on).toBe('shunya_transcription');
      return found;
    });
    const execution = await currentRun(company.workflowId(call));
    await resetEverywhere(company, execution, waitsFor('its analysis by Shunya'));
    // A Reset of the blocked analysis is a retry of its own: the provider is back by now.
    const analysis = await currentRun(analysisWorkflowId('call', id, 1));
    const [first] = await resetPoints(analysis);
    await reset(analysis, first ?? 0, true);
    await company.callIn(call, 'done');
    await expectAcceptedOnce(company, call);
  });
});
