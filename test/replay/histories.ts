/** Makes the running service go through every branch of its workflows once, and collects the histories that come of it. */
import proto from '@temporalio/proto';
import { startCallRailApi } from '../../simulators/callrail.ts';
import type { OperatorAction } from '../../src/domain/pipelineSteps.ts';
import { analysisWorkflowId, deliveryWorkflowId, visitWorkflowId } from '../../src/domain/workflowIds.ts';
import { RECONCILIATION_SCHEDULE_ID, retrySignal, retryUpdate, skipUpdate } from '../../src/workflows/contracts.ts';
import { eventually, inParallel } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';
import { startWebhookReceiver } from '../harness/webhookReceiver.ts';

/** Words that go into every recorded call and must not come out in a history. */
export const RECORDED_NAME = 'Zephyrine Quillfeather';
const SPOKEN = ['Summit Home Services', 'You are booked', 'asked for a'];
export const FORBIDDEN_WORDS = [RECORDED_NAME, 'Quillfeather', 's3.amazonaws.com', 'test-recordings', ...SPOKEN];

const { History } = proto.temporal.api.history.v1;

const CALLRAIL = { apiKey: 'the key of the recorder', accountId: 'ACC1' };

interface Recorder {
  service: Service;
  company: TestCompany;
}

/** Ids of the workflows whose histories a scenario leaves; those of all their runs are taken. */
type Scenario = (recorder: Recorder) => Promise<string[]>;

const SCENARIOS: Record<string, Scenario> = {
  booked: async (recorder) => {
    const { call, id } = await finished(recorder, recordingLink('booked'));
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  missed: async ({ company }) => {
    const call = company.simulate({ answered: false, customerName: RECORDED_NAME });
    await company.play(call, ['incoming', 'missed']);
    await company.callIn(call, 'done');
    return [company.workflowId(call)];
  },

  abandoned: async ({ company }) => {
    const call = company.simulate({ customerName: RECORDED_NAME });
    await company.play(call, ['incoming', 'answered']);
    await company.callIn(call, 'done');
    return [company.workflowId(call)];
  },

  'recording-late': async (recorder) => {
    const { company } = recorder;
    const call = company.simulate({ customerName: RECORDED_NAME });
    await company.play(call);
    await company.callIn(call, 'awaiting_recording');
    await company.play({ ...call, recording: recordingLink('cold') }, ['modified']);
    const { id } = await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'recording-never': async ({ company }) => {
    const call = company.simulate({ customerName: RECORDED_NAME });
    await company.play(call, ['completed']);
    const { id } = await company.callIn(call, 'not_analyzable');
    // An amending run that has an analysis to make.
    await company.play({ ...call, recording: recordingLink('warm') }, ['modified']);
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'amended-after-end': async (recorder) => {
    const { company } = recorder;
    const { call, id } = await finished(recorder, recordingLink('booked'));
    await company.play({ ...call, durationSeconds: 321 }, ['modified']);
    await eventually(async () => {
      if ((await company.findCall(call)).duration_seconds !== 321) throw new Error('not amended yet');
    });
    await company.manager.post(`/calls/${id}/reanalyze`, { reason: 'a recording' }, { status: 202 });
    await eventually(async () => {
      if ((await company.findCall(call)).analysis.version !== 2) throw new Error('not analyzed anew yet');
    });
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 2)];
  },

  'blocked-then-back': async (recorder) => {
    const recording = recordingLink('booked');
    const fault = { type: 'error', match: recording, on: 'submit', kind: 'transcription', status: 500, times: 4 };
    await recorder.service.shunya.fault(fault);
    const { call, id } = await finished(recorder, recording);
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  // The analysis needs a person for a while, and its call shows that.
  'attention-on-call': async (recorder) => {
    const recording = recordingLink('booked');
    const fault = { type: 'error', match: recording, on: 'submit', kind: 'transcription', status: 500, times: 5 };
    await recorder.service.shunya.fault(fault);
    const { call, id } = await finished(recorder, recording);
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'blocked-then-update': async (recorder) => {
    const { company, service } = recorder;
    const { call, id } = await blocked(recorder);
    const action = { operator: 'op-1', reason: 'audit-1' };
    await act(service, company.workflowId(call), retryUpdate, action);
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'blocked-then-signal': async (recorder) => {
    const { company, service } = recorder;
    const { call, id } = await blocked(recorder);
    const analysis = analysisWorkflowId('call', id, 1);
    await service.temporal.workflow.getHandle(analysis).signal(retrySignal, { operator: 'op-1', reason: 'audit-1' });
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysis];
  },

  /** What operators do without REST goes into the audit log: by an activity, in the workflow in which it takes effect. */
  'operator-in-web-ui': async (recorder) => {
    const { company, service } = recorder;
    const { call, id, recording } = await blocked(recorder);
    const again = { type: 'error', match: recording, on: 'submit', status: 429, retry_after_seconds: 600, times: 1 };
    await service.shunya.fault(again);
    const action = { operator: 'op-1', reason: 'it is back' };
    const analysis = analysisWorkflowId('call', id, 1);
    await act(service, company.workflowId(call), retryUpdate, action);
    await eventually(async () => {
      if ((await company.findCall(call)).pipeline.attempts !== 2) throw new Error('not blocked again yet');
    });
    await act(service, analysis, skipUpdate, action);
    await company.callIn(call, 'failed');
    return [company.workflowId(call), analysis];
  },

  skipped: async (recorder) => {
    const { company, service } = recorder;
    const { call, id } = await blocked(recorder);
    const analysis = analysisWorkflowId('call', id, 1);
    const action = { operator: 'op-1', reason: 'audit-1' };
    await act(service, analysis, skipUpdate, action);
    await company.callIn(call, 'failed');
    return [company.workflowId(call), analysis];
  },

  'job-failed-then-repeated': async (recorder) => {
    const recording = recordingLink('booked');
    const fault = { type: 'job_fails', match: recording, kind: 'analysis', first_attempts: 1, retryable: true };
    await recorder.service.shunya.fault(fault);
    const { call, id } = await finished(recorder, recording);
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'refused-by-shunya': async (recorder) => {
    const recording = recordingLink('booked');
    await recorder.service.shunya.fault({ type: 'error', match: recording, on: 'submit', status: 422 });
    const { call, id } = await finished(recorder, recording, 'not_analyzable');
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'no-speech': async (recorder) => {
    const { call, id } = await finished(recorder, recordingLink('silence'), 'not_analyzable');
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'callbacks-lost': async (recorder) => {
    const recording = recordingLink('booked');
    await recorder.service.shunya.fault({ type: 'callback_lost', match: recording });
    const { call, id } = await finished(recorder, recording);
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'callback-without-result': async (recorder) => {
    const recording = recordingLink('booked');
    await recorder.service.shunya.fault({ type: 'callback_without_result', match: recording });
    await recorder.service.shunya.fault({ type: 'garbage', match: recording, on: 'result', times: 1 });
    const { call, id } = await finished(recorder, recording);
    return [recorder.company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'job-overdue': async (recorder) => {
    const { company, service } = recorder;
    const recording = recordingLink('booked');
    await service.shunya.fault({ type: 'job_never_answers', match: recording, kind: 'transcription' });
    const call = company.simulate({ recording, customerName: RECORDED_NAME });
    await company.play(call);
    const { id } = await eventually(async () => {
      const found = await company.findCall(call);
      if (!found.pipeline.needs_attention) throw new Error('no attention yet');
      return found;
    });
    const [job] = await company.jobs(call);
    await service.shunya.finish(job?.task_id ?? '');
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  'analysis-terminated': async (recorder) => {
    const { company, service } = recorder;
    const { call, id } = await blocked(recorder);
    await service.temporal.workflow.getHandle(analysisWorkflowId('call', id, 1)).terminate('a recording');
    // Nobody is there any more: the pipeline starts again from its rows.
    await company.manager.post(`/pipelines/${company.workflowId(call)}/retry`, { reason: 'gone' }, { status: 202 });
    await company.callIn(call, 'done');
    return [company.workflowId(call), analysisWorkflowId('call', id, 1)];
  },

  visit: async (recorder) => {
    const { rep, appointment } = await bookedVisit(recorder);
    const session = await rep.post('/recordings/sessions/start', { appointment_id: appointment });
    await rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: recordingLink('visit-won') });
    await sessionIn(rep, session.id, 'done');
    return [visitWorkflowId(session.id), analysisWorkflowId('visit', session.id, 1)];
  },

  'visit-never-stopped': async (recorder) => {
    const { rep, appointment } = await bookedVisit(recorder);
    const session = await rep.post('/recordings/sessions/start', { appointment_id: appointment });
    await sessionIn(rep, session.id, 'not_analyzable');
    await rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: recordingLink('visit-lost') });
    await sessionIn(rep, session.id, 'done');
    return [visitWorkflowId(session.id), analysisWorkflowId('visit', session.id, 1)];
  },

  'webhook-refused-once': async ({ company }) => {
    const receiver = await startWebhookReceiver();
    receiver.answers.push(500);
    try {
      await company.manager.post('/webhook-endpoints', { url: receiver.url, events: ['lead.updated'] });
      const call = company.simulate({ answered: false, customerName: RECORDED_NAME });
      await company.play(call, ['incoming', 'missed']);
      const { lead_id: leadId } = await company.callIn(call, 'done');
      await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
      return await eventually(async () => {
        const { items } = await company.manager.get('/webhook-deliveries?status=delivered');
        if (items.length === 0) throw new Error('not delivered yet');
        return [deliveryWorkflowId(items[0].id)];
      });
    } finally {
      await receiver.stop();
    }
  },

  reconciliation: async ({ service }) => {
    const settings = { callrail_api_key: CALLRAIL.apiKey, callrail_account_id: CALLRAIL.accountId };
    await service.company(settings);
    await service.temporal.schedule.getHandle(RECONCILIATION_SCHEDULE_ID).trigger();
    return eventually(async () => {
      const query = 'WorkflowType = "CallRailReconciliation" AND ExecutionStatus = "Completed"';
      for await (const { workflowId } of service.temporal.workflow.list({ query })) return [workflowId];
      throw new Error('no reconciliation yet');
    });
  },
};

/** Every branch that has a history of its own; a file without its scenario, or the other way round, is an error. */
export const SCENARIO_NAMES: readonly string[] = Object.keys(SCENARIOS).sort();

export interface RecordedHistory {
  scenario: string;
  workflowId: string;
  history: HistoryJson;
}

/** A history as plain JSON: numbers of 64 bits as text, bytes as base64. */
export interface HistoryJson {
  events: {
    eventType: string;
    activityTaskScheduledEventAttributes?: { activityType: { name: string } };
    workflowExecutionStartedEventAttributes?: { workflowType: { name: string } };
  }[];
}

// Not the SDK's historyToJSON: it fails where npm lays out more than one protobufjs.
const toJson = (history: proto.temporal.api.history.v1.IHistory) =>
  History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String }) as HistoryJson;

/** What can be replayed of it. */
export const fromJson = (history: HistoryJson) => History.fromObject(history);

/** Sends an Update; the same one again where the machine was too slow for it. */
const act = (service: Service, workflowId: string, update: typeof retryUpdate, action: OperatorAction) => {
  const options = { args: [action] as [OperatorAction], updateId: `recorded-${update.name}` };
  return eventually(() => service.temporal.workflow.getHandle(workflowId).executeUpdate(update, options));
};

/** At once; more of them only make each other late. */
const AT_ONCE = 6;

/** Runs scenarios against a service of their own. @returns what was recorded, and why the others were not */
export async function recordHistories(
  names: readonly string[],
): Promise<{ recorded: RecordedHistory[]; failed: string[] }> {
  const callrail = await startCallRailApi(CALLRAIL);
  const service = await startService({
    RECORDING_WAIT_SECONDS: '12',
    CALL_MAX_SECONDS: '8',
    VISIT_MAX_SECONDS: '8',
    SHUNYA_POLL_SECONDS: '2',
    SHUNYA_JOB_TIMEOUT_SECONDS: '10',
    CALLRAIL_BASE_URL: callrail.baseUrl,
    WEBHOOK_RETRY_SECONDS: '0.5,0.5',
  });
  try {
    const failed: string[] = [];
    const recorded = await inParallel(names, AT_ONCE, async (scenario) => {
      try {
        const run = SCENARIOS[scenario] as Scenario;
        const workflowIds = await run({ service, company: await service.company() });
        const histories = await Promise.all(workflowIds.map((workflowId) => historiesOf(service, workflowId)));
        return histories.flat().map((history) => ({ scenario, ...history }));
      } catch (error) {
        failed.push(`${scenario}: ${error instanceof Error ? error.message : error}`);
        return [];
      }
    });
    return { recorded: recorded.flat(), failed };
  } finally {
    await service.stop();
    await callrail.stop();
  }
}

/** The histories of all runs of a workflow that ended by itself, oldest first. */
async function historiesOf(service: Service, workflowId: string) {
  await eventually(async () => {
    const { status } = await service.temporal.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING') throw new Error(`${workflowId} still runs`);
  });
  const runs: { runId: string; startTime: Date }[] = [];
  const query = `WorkflowId = "${workflowId}"`;
  for await (const { runId, startTime } of service.temporal.workflow.list({ query })) runs.push({ runId, startTime });
  runs.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  return Promise.all(
    runs.map(async ({ runId }) => ({
      workflowId,
      history: toJson(await service.temporal.workflow.getHandle(workflowId, runId).fetchHistory()),
    })),
  );
}

async function finished({ company }: Recorder, recording: string, stage = 'done') {
  const call = company.simulate({ recording, customerName: RECORDED_NAME });
  await company.play(call);
  const { id } = await company.callIn(call, stage);
  return { call, id };
}

/** A call whose next try is ten minutes away; the fault is over already. */
async function blocked({ company, service }: Recorder) {
  const recording = recordingLink('booked');
  const fault = { type: 'error', match: recording, on: 'submit', status: 429, retry_after_seconds: 600, times: 1 };
  await service.shunya.fault(fault);
  const call = company.simulate({ recording, customerName: RECORDED_NAME });
  await company.play(call);
  const { id } = await eventually(async () => {
    const found = await company.findCall(call);
    if (!found.pipeline.blocked_on) throw new Error('not blocked yet');
    return found;
  });
  return { call, id, recording };
}

async function bookedVisit(recorder: Recorder) {
  const { company, service } = recorder;
  await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
  const { call } = await finished(recorder, recordingLink('booked', '?rep=rep-1'));
  const { contact } = await company.findCall(call);
  const [appointment] = (await company.manager.get(`/contacts/${contact.id}`)).appointments;
  return { rep: company.as('sales_rep', 'rep-1'), appointment: appointment.id };
}

const sessionIn = (rep: ReturnType<TestCompany['as']>, id: string, stage: string) =>
  eventually(async () => {
    const session = await rep.get(`/recordings/sessions/${id}`);
    if (session.pipeline.stage !== stage) throw new Error(`the visit is ${session.pipeline.stage}, not ${stage}`);
  });
