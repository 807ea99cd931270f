/** What goes wrong at Shunya, and what the pipeline and its operators make of it. The simulator counts what was accepted. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { modifiedPayload, type SimulatedCall } from '../../simulators/callrail.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { OperatorAction } from '../../src/domain/pipelineSteps.ts';
import { analysisWorkflowId } from '../../src/domain/workflowIds.ts';
import { queueOperatorAction } from '../../src/services/inbox/queuedActions.ts';
import { type PipelineStatus, retrySignal, retryUpdate, skipUpdate } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

// A busy machine is no failure.
vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '2', SHUNYA_JOB_TIMEOUT_SECONDS: '12' });
});
afterAll(async () => {
  await service?.stop();
});

/** A company with one call, whose recording is what faults are armed for. */
async function oneCall(words = 'booked') {
  const company = await service.company();
  const recording = recordingLink(words);
  const call = company.simulate({ recording });
  const fault = (fault: { type: string } & Record<string, unknown>) =>
    service.shunya.fault({ match: recording, ...fault });
  return { company, call, recording, fault };
}

/** Each of the steps was accepted this often, and never while the one before still counted. */
async function expectAccepted(company: TestCompany, call: SimulatedCall, transcriptions = 1, analyses = 1) {
  const jobs = await company.jobs(call);
  const submits = (
    await Promise.all([...new Set(jobs.map((job) => job.shunya_call_id))].map(Number).map(service.shunya.submitsOf))
  ).flat();
  const seen = submits.map(({ kind, accepted, duplicates }) => ({ kind, accepted, duplicates }));
  const expected = [
    { kind: 'transcription', accepted: transcriptions, duplicates: 0 },
    { kind: 'analysis', accepted: analyses, duplicates: 0 },
  ];
  expect(seen).toEqual(expected.filter((step) => step.accepted > 0));
}

async function expectOneAppointment(company: TestCompany, call: SimulatedCall) {
  const { contact } = await company.findCall(call);
  expect((await company.manager.get(`/contacts/${contact.id}`)).appointments).toHaveLength(1);
}

const waitingEvents = async (company: TestCompany): Promise<number> => {
  const [row] = await service.sql<{ count: number }[]>`
    select count(*)::int as count from webhook_events where company_id = ${company.id} and status in ('pending', 'dispatched')`;
  return row?.count ?? 0;
};

const callbackEvents = async (company: TestCompany, call: SimulatedCall) => {
  const jobs = await company.jobs(call);
  const taskIds = jobs.flatMap((job) => job.task_id ?? []);
  return service.sql<{ status: string; reason: string | null; received_at: Date; task_id: string; sequence: string }[]>`
    select status, reason, received_at, task_id, sequence from webhook_events
    where source = 'shunya' and (task_id = any(${taskIds}) or shunya_call_id = ${jobs[0]?.shunya_call_id ?? 0})
    order by sequence`;
};

const analysisOf = async (company: TestCompany, call: SimulatedCall) =>
  service.temporal.workflow.getHandle(analysisWorkflowId('call', (await company.findCall(call)).id, 1));

describe.concurrent('a callback', () => {
  it('that comes before the submit has answered is kept, and taken once the job is known', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_early' });
    await company.play(call);
    await company.callIn(call, 'done');
    const jobs = await company.jobs(call);
    const events = await callbackEvents(company, call);
    expect(events.map((event) => event.status)).toEqual(['applied', 'applied']);
    for (const job of jobs) {
      const event = events.find((row) => row.task_id === job.task_id);
      expect(event?.received_at.getTime()).toBeLessThanOrEqual(job.submitted_at?.getTime() ?? 0);
    }
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('of a job that is not known yet is unrouted until its submit is answered', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'delay', on: 'submit', kind: 'transcription', when: 'after', delay_ms: 2500 });
    await company.play(call);
    const unrouted = await eventually(async () => {
      const [event] = await callbackEvents(company, call);
      expect(event).toMatchObject({ status: 'unrouted', reason: 'unknown_job' });
      return event;
    });
    await company.callIn(call, 'done');
    const events = await callbackEvents(company, call);
    expect(events.find((event) => event.sequence === unrouted?.sequence)).toMatchObject({ status: 'applied' });
    await expectAccepted(company, call);
  });

  it('that comes several times counts once', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_duplicate', count: 5 });
    await company.play(call);
    await company.callIn(call, 'done');
    expect(await callbackEvents(company, call)).toHaveLength(2);
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('that comes long after all is done changes nothing', async () => {
    const { company, call } = await oneCall();
    await company.play(call);
    const done = await company.callIn(call, 'done');
    const [first] = await company.jobs(call);
    const late = { event: 'job.failed', job_id: first?.task_id, error: { error_code: 'TOO_LATE', retryable: true } };
    expect((await service.shunya.post(late)).body).toMatchObject({ status: 'accepted' });
    await eventually(async () => {
      const events = await callbackEvents(company, call);
      expect(events.at(-1)).toMatchObject({ status: 'applied', reason: 'came_late' });
    });
    expect(await company.findCall(call)).toEqual(done);
    await expectAccepted(company, call);
  });

  it('that comes in another order than the jobs ended is matched to its own job', async () => {
    const { company, recording, fault } = await oneCall();
    await fault({ type: 'callback_reordered', kind: 'transcription', count: 2, delay_ms: 8000 });
    const calls = [1, 2].map(() => company.simulate({ recording }));
    await Promise.all(calls.map((call) => company.play(call)));
    for (const call of calls) {
      await company.callIn(call, 'done');
      await expectAccepted(company, call);
      await expectOneAppointment(company, call);
    }
  });

  it('that is lost is made up for by asking', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_lost' });
    await company.play(call);
    await company.callIn(call, 'done');
    expect(await callbackEvents(company, call)).toEqual([]);
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('without a result makes the result be fetched', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_without_result' });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    expect(done.analysis.booking_status).toBe('booked');
    expect((await company.manager.get(`/calls/${done.id}/transcript`)).turns.length).toBeGreaterThan(3);
    await expectAccepted(company, call);
  });

  it('without a job id is matched by call id and type, in the other form too', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_without_job_id', kind: 'transcription' });
    await fault({ type: 'callback_event_type_form', kind: 'analysis' });
    await company.play(call);
    await company.callIn(call, 'done');
    expect((await callbackEvents(company, call)).map((event) => event.status)).toEqual(['applied', 'applied']);
    await expectAccepted(company, call);
  });

  it.each([
    ['callback_contradicting_id', 'job_contradicts_its_row'],
    ['callback_unknown_job', 'job_contradicts_its_row'],
    ['callback_wrong_company', 'company_mismatch'],
  ])('that is wrong (%s) is kept as invalid and has no effect', async (type, reason) => {
    const { company, call, fault } = await oneCall();
    await fault({ type, kind: 'analysis', times: 1 });
    await company.play(call);
    // Only asking can end it now.
    await company.callIn(call, 'done');
    const jobs = await company.jobs(call);
    const [event] = await service.sql`
      select status, reason, applied_at from webhook_events where source = 'shunya' and job_id is distinct from ${jobs[0]?.id ?? ''}
      and (task_id = ${jobs[1]?.task_id ?? ''} or shunya_call_id = ${jobs[0]?.shunya_call_id ?? 0})`;
    expect(event).toEqual({ status: 'invalid', reason, applied_at: null });
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('with the result of another call has that result ignored and the right one fetched', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_other_result' });
    await company.play(call);
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('that comes while its call is being deleted is forgotten with it', async () => {
    const given = await Promise.all(Array.from({ length: 8 }, () => oneCall()));
    const eventIds = await Promise.all(
      given.map(async ({ company, call, fault }, index) => {
        await fault({ type: 'job_never_answers' });
        await company.play(call);
        const { id } = await company.callIn(call, 'transcribing');
        const [job] = await eventually(async () => {
          const jobs = await company.jobs(call);
          expect(jobs[0]?.task_id).toBeTruthy();
          return jobs;
        });
        const said = { event: 'job.completed', job_type: 'transcription', result: { transcript_text: 'x' } };
        const callback = delay(index).then(() => service.shunya.post({ ...said, job_id: job?.task_id }));
        await company.manager.delete(`/calls/${id}`, { status: 204 });
        const { body } = await callback;
        return body.event_id as string;
      }),
    );
    await eventually(async () => {
      const left = await service.sql`
        select status, reason from webhook_events where id in ${service.sql(eventIds)}
        and not (status = 'applied' and length(body) = 0)`;
      expect([...left]).toEqual([]);
    });
  });

  it('that names the job of a submit whose call was deleted meanwhile is forgotten too', async () => {
    const { company, call, recording, fault } = await oneCall();
    await fault({ type: 'delay', on: 'submit', when: 'after', delay_ms: 2000, times: 1 });
    await fault({ type: 'job_never_answers' });
    await company.play(call);
    const shunyaCallId = await eventually(async () => {
      const [job] = await company.jobs(call);
      const id = Number(job?.shunya_call_id);
      expect(await service.shunya.jobsOf(id)).toHaveLength(1);
      return id;
    });
    const [job] = await service.shunya.jobsOf(shunyaCallId);
    const { id } = await company.findCall(call);
    await company.manager.delete(`/calls/${id}`, { status: 204 });
    const said = { event: 'job.completed', job_type: 'transcription', result: { transcript_text: recording } };
    const { body } = await service.shunya.post({ ...said, job_id: job?.task_id });
    await eventually(async () => {
      const [event] = await service.sql`
        select status, length(body) as bytes, company_id from webhook_events where id = ${body.event_id}`;
      expect(event).toEqual({ status: 'applied', bytes: 0, company_id: company.id });
    });
  });

  it('with a forged signature is refused, and asking ends the job', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_bad_signature' });
    await company.play(call);
    await company.callIn(call, 'done');
    expect(await callbackEvents(company, call)).toEqual([]);
    await expectAccepted(company, call);
  });
});

describe.concurrent('Shunya', () => {
  const needsAttention = async (workflowId: string) => {
    const found: string[] = [];
    const query = `NeedsAttention = true AND WorkflowId = "${workflowId}"`;
    for await (const workflow of service.temporal.workflow.list({ query })) found.push(workflow.workflowId);
    return found.length > 0;
  };

  it('that answers 500 raises attention with what is blocked, and lowers it by itself when it is back', async () => {
    const { company, call, fault } = await oneCall();
    const isBack = await fault({ type: 'error', on: 'submit', kind: 'analysis', status: 500 });
    await company.play(call);
    const blocked = await eventually(async () => {
      const [row] = (await company.manager.get('/pipelines?needs_attention=true')).items;
      expect(row).toBeDefined();
      return row;
    });
    expect(blocked).toMatchObject({
      workflow_id: company.workflowId(call),
      kind: 'call',
      stage: 'analyzing',
      needs_attention: true,
      blocked_on: 'shunya_analysis',
      reason: 'SIMULATED_FAILURE',
    });
    expect(blocked.attempts).toBeGreaterThanOrEqual(3);
    const found = await company.findCall(call);
    expect(found.pipeline).toMatchObject({ needs_attention: true, blocked_on: 'shunya_analysis' });
    const handle = await analysisOf(company, call);
    await eventually(async () => expect(await needsAttention(handle.workflowId)).toBe(true));
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes).toMatchObject({ BlockedOn: ['shunya_analysis'], NeedsAttention: [true] });
    const status = await handle.query<PipelineStatus>('status');
    expect(status).toMatchObject({ stage: 'analyzing', blockedOn: 'shunya_analysis', needsAttention: true });

    await isBack();
    const done = await company.callIn(call, 'done');
    expect(done.pipeline).toMatchObject({ needs_attention: false, blocked_on: null, attempts: 0, reason: null });
    expect((await company.manager.get('/pipelines?needs_attention=true')).items).toEqual([]);
    await eventually(async () => expect(await needsAttention(handle.workflowId)).toBe(false));
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('that fails while it is asked for a result raises attention, and lowers it when it answers', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_lost' });
    const isBack = await fault({ type: 'error', on: 'status', kind: 'transcription', status: 503 });
    await company.play(call);
    const blocked = await eventually(async () => {
      const found = await company.findCall(call);
      expect(found.pipeline.needs_attention).toBe(true);
      return found;
    });
    expect(blocked.pipeline).toMatchObject({ stage: 'transcribing', blocked_on: 'shunya_transcription' });
    await isBack();
    expect((await company.callIn(call, 'done')).pipeline.needs_attention).toBe(false);
    await expectAccepted(company, call);
  });

  it.each(['header', 'date', 'details'])(
    'that answers 429 is left alone for as long as it says in the %s',
    async (where) => {
      const { company, call, fault } = await oneCall();
      await fault({
        type: 'error',
        on: 'submit',
        kind: 'transcription',
        status: 429,
        retry_after_seconds: 4,
        retry_after_in: where,
        times: 1,
      });
      await company.play(call);
      const [refused] = await eventually(async () => {
        const jobs = await company.jobs(call);
        expect(jobs[0]?.failures).toBe(1);
        return jobs;
      });
      await company.callIn(call, 'done');
      const [job] = await company.jobs(call);
      const waited = (job?.submitted_at?.getTime() ?? 0) - (refused?.error_at?.getTime() ?? 0);
      // A date has whole seconds.
      expect(waited).toBeGreaterThanOrEqual(where === 'date' ? 2900 : 3900);
      await expectAccepted(company, call);
    },
  );

  it('that accepts a job and loses its answer is sent the same key again and accepts it once', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'disconnect', on: 'submit', when: 'after', times: 4 });
    await company.play(call);
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    const [job] = await company.jobs(call);
    const submits = await service.shunya.submitsOf(Number(job?.shunya_call_id));
    expect(submits.reduce((sum, step) => sum + step.repeats, 0)).toBe(4);
    await expectOneAppointment(company, call);
  });

  it.each([
    ['success: false that is worth another try', { type: 'error', status: 200, retryable: true }],
    ['success: false that does not say', { type: 'error', status: 200 }],
    ['401', { type: 'error', status: 401 }],
    ['garbage', { type: 'garbage' }],
    ['an empty object', { type: 'garbage', body: '{}' }],
    ['a closed connection', { type: 'disconnect' }],
  ])('that answers a submit with %s is tried again', async (_what, fault) => {
    const given = await oneCall();
    await given.fault({ ...fault, on: 'submit', times: 2 });
    await given.company.play(given.call);
    await given.company.callIn(given.call, 'done');
    await expectAccepted(given.company, given.call);
  });

  it.each([
    ['the result of another call', { type: 'other_result' }],
    ['garbage', { type: 'garbage', on: 'result' }],
    ['a list', { type: 'garbage', on: 'result', body: '[1]' }],
  ])('that answers %s for a result is asked again', async (_what, fault) => {
    const given = await oneCall();
    await given.fault({ type: 'callback_without_result' });
    await given.fault({ ...fault, times: 2 });
    await given.company.play(given.call);
    const done = await given.company.callIn(given.call, 'done');
    expect(done.analysis.booking_status).toBe('booked');
    await expectAccepted(given.company, given.call);
    await expectOneAppointment(given.company, given.call);
  });

  it.each([
    ['422 AUDIO_NOT_READY', { status: 422, error_code: 'AUDIO_NOT_READY' }],
    ['400 AUDIO_NOT_FOUND', { status: 400, error_code: 'AUDIO_NOT_FOUND' }],
    ['422 AUDIO_DOWNLOAD_FAILED', { status: 422, error_code: 'AUDIO_DOWNLOAD_FAILED' }],
    ['400 EMPTY_AUDIO', { status: 400, error_code: 'EMPTY_AUDIO' }],
  ])('with %s because the audio is not there yet, and is tried again until it is', async (_what, notYet) => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'error', on: 'submit', kind: 'transcription', ...notYet, times: 2 });
    await company.play(call);
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
  });

  it.each([
    [
      'success: false, not retryable',
      { status: 200, error_code: 'UNSUPPORTED_CODEC', retryable: false },
      'UNSUPPORTED_CODEC',
    ],
    ['422', { status: 422, error_code: 'BAD_AUDIO' }, 'BAD_AUDIO'],
  ])(
    'that refuses an input for good (%s) makes the call not analyzable, without attention',
    async (_what, fault, code) => {
      const given = await oneCall();
      await given.fault({ type: 'error', on: 'submit', kind: 'transcription', ...fault });
      await given.company.play(given.call);
      const call = await given.company.callIn(given.call, 'not_analyzable');
      expect(call.pipeline).toMatchObject({ reason: `refused_by_shunya:${code}`, needs_attention: false });
      expect(call.analysis).toBeNull();
      expect(await given.company.jobs(given.call)).toHaveLength(1);
      await expectAccepted(given.company, given.call, 0, 0);
    },
  );

  it('for good is asked again when CallRail tells of the same recording again, not of a note on the call', async () => {
    const { company, call, fault } = await oneCall();
    const end = await fault({
      type: 'error',
      on: 'submit',
      kind: 'transcription',
      status: 422,
      error_code: 'BAD_AUDIO',
    });
    await company.play(call);
    await company.callIn(call, 'not_analyzable');
    await end();

    await company.sender.send('modified', modifiedPayload(call, ['note']));
    await eventually(async () => expect(await waitingEvents(company)).toBe(0));
    expect((await company.findCall(call)).pipeline.stage).toBe('not_analyzable');
    await company.sender.send('modified', modifiedPayload(call));
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('whose job fails and is worth another try gets a new attempt with a new key and the same call id', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'job_fails', kind: 'analysis', first_attempts: 2, retryable: true, error_code: 'MODEL_BUSY' });
    await company.play(call);
    await company.callIn(call, 'done');
    const jobs = (await company.jobs(call)).filter((job) => job.kind === 'analysis');
    expect(jobs.map(({ attempt, state, error_code }) => ({ attempt, state, error_code }))).toEqual([
      { attempt: 1, state: 'failed', error_code: 'MODEL_BUSY' },
      { attempt: 2, state: 'failed', error_code: 'MODEL_BUSY' },
      { attempt: 3, state: 'completed', error_code: null },
    ]);
    expect(new Set(jobs.map((job) => job.idempotency_key)).size).toBe(3);
    expect(new Set(jobs.map((job) => job.shunya_call_id)).size).toBe(1);
    await expectAccepted(company, call, 1, 3);
    await expectOneAppointment(company, call);
  });

  it('whose job fails, found out by asking, gets a new attempt too', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'callback_lost' });
    await fault({ type: 'job_fails', kind: 'transcription', first_attempts: 1, error_code: 'WORKER_LOST' });
    await company.play(call);
    await company.callIn(call, 'done');
    await expectAccepted(company, call, 2, 1);
  });

  it('whose job fails for good makes the call not analyzable', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'job_fails', kind: 'transcription', retryable: false, error_code: 'CORRUPT_AUDIO' });
    await company.play(call);
    const given = await company.callIn(call, 'not_analyzable');
    expect(given.pipeline.reason).toBe('refused_by_shunya:CORRUPT_AUDIO');
    await expectAccepted(company, call, 1, 0);
  });

  it('that never answers a job raises attention when its time is over, and a late answer is still taken', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'job_never_answers', kind: 'transcription' });
    await company.play(call);
    const blocked = await eventually(async () => {
      const found = await company.findCall(call);
      expect(found.pipeline.needs_attention).toBe(true);
      return found;
    });
    expect(blocked.pipeline).toMatchObject({
      stage: 'transcribing',
      blocked_on: 'shunya_transcription',
      reason: 'job_timeout',
    });
    const [job] = await company.jobs(call);
    await service.shunya.finish(job?.task_id ?? '');
    expect((await company.callIn(call, 'done')).pipeline.needs_attention).toBe(false);
    await expectAccepted(company, call);
  });

  it('that gives the transcript in its answer has no job to wait for', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'inline_transcript' });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    expect((await company.manager.get(`/calls/${done.id}/transcript`)).transcript_text).toContain('You are booked.');
    await expectAccepted(company, call);
  });

  it('with values we do not know has them kept raw and counted as absent', async () => {
    const { company, call, recording } = await oneCall();
    const qualification = { qualification_status: 'lukewarm', booking_status: 7, appointment_date: { at: 'noon' } };
    const analysis = {
      qualification,
      objections: 'none',
      compliance: { compliance_score: 11 },
      summary: { summary: 'Odd.' },
    };
    await service.shunya.results(recording, { analysis });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    expect(done.analysis).toMatchObject({
      qualification: null,
      booking_status: null,
      objections: [],
      sop_compliance: { score: null },
      summary: 'Odd.',
    });
    const [row] = await service.sql`select raw from call_analyses where call_id = ${done.id}`;
    expect(row?.raw).toMatchObject(analysis);
  });
});

describe.concurrent('a key that Shunya knows with another body', () => {
  it.each(['transcription', 'analysis'])('is given up for another one at once, for the %s', async (kind) => {
    const { company, call, fault } = await oneCall();
    const refusal = { status: 422, error_code: 'IDEMPOTENCY_KEY_REUSED', retryable: false };
    await fault({ type: 'error', on: 'submit', kind, times: 1, ...refusal });
    await company.play(call);
    await company.callIn(call, 'done');
    const attempts = (await company.jobs(call)).filter((job) => job.kind === kind);
    expect(attempts).toMatchObject([
      { attempt: 1, state: 'failed', error_code: 'IDEMPOTENCY_KEY_REUSED' },
      { attempt: 2, state: 'completed' },
    ]);
    expect(new Set(attempts.map((job) => job.idempotency_key)).size).toBe(2);
    await expectAccepted(company, call);
  });
});

describe.concurrent('an operator', () => {
  const action = () => ({ operator: 'op-1', reason: `audit-${randomUUID()}` });

  /** A call that is blocked for ten minutes unless somebody acts; the fault is over already. */
  async function blockedCall() {
    const given = await oneCall();
    await given.fault({ type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: 1 });
    await given.company.play(given.call);
    const call = await eventually(async () => {
      const found = await given.company.findCall(given.call);
      expect(found.pipeline.blocked_on).toBe('shunya_transcription');
      return found;
    });
    return { ...given, id: call.id, workflowId: given.company.workflowId(given.call) };
  }

  /** What the audit log says of its pipelines, oldest first. */
  async function auditOf(company: TestCompany) {
    const { items } = await company.manager.get('/audit');
    return items.filter((item: { action: string }) => item.action.startsWith('pipeline.')).reverse();
  }

  async function rejection(run: Promise<unknown>) {
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    const cause = (error as WorkflowUpdateFailedError).cause as ApplicationFailure;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    // What an operator reads names no files of the server.
    expect(cause.failure?.stackTrace ?? '').toBe('');
    return { type: cause.type, message: cause.message };
  }

  it('who sends retry over REST ends the wait at once; it is in the audit log and Temporal sees only its id', async () => {
    const { company, call, id, workflowId } = await blockedCall();
    const reason = 'They have told me on the phone that it works again';
    const sent = await company.manager.post(`/pipelines/${workflowId}/retry`, { reason }, { status: 202 });
    await company.callIn(call, 'done');
    const [audit] =
      await service.sql`select actor_id, action, subject_id, reason from audit_log where id = ${sent.audit_id}`;
    expect(audit).toEqual({ actor_id: 'manager', action: 'pipeline.retry', subject_id: id, reason });
    expect(await auditOf(company)).toHaveLength(1);
    const history = JSON.stringify(await (await analysisOf(company, call)).fetchHistory());
    const inHistory = (text: string) => history.includes(Buffer.from(text).toString('base64').slice(4, -4));
    expect(history).toContain(sent.audit_id);
    expect(inHistory(reason)).toBe(false);
    await expectAccepted(company, call);
    await company.manager.post(`/pipelines/${workflowId}/retry`, { reason }, { status: 409 });
  });

  it('who sends the Update retry to the call has it passed on to the step that is blocked', async () => {
    const { company, call, id, workflowId } = await blockedCall();
    const handle = service.temporal.workflow.getHandle(workflowId);
    const by = action();
    const answer = await handle.executeUpdate(retryUpdate, { args: [by] });
    const { workflowId: below } = await analysisOf(company, call);
    expect(answer).toEqual({ workflowId: below, effect: 'passed_on' });
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    const entry = { actor_id: 'op-1', actor_role: 'operator', subject_kind: 'call', subject_id: id };
    const details = { via: 'temporal', workflow_id: below };
    expect(await auditOf(company)).toMatchObject([{ ...entry, action: 'pipeline.retry', reason: by.reason, details }]);
  });

  it('whose action was kept while Temporal was away has it sent to what is there, once', async () => {
    const { company, call, workflowId } = await blockedCall();
    const workflowIds = ['analysis:call:gone:1', workflowId];
    const by = action();
    const { db, close } = openDatabase(service.databaseUrl, { max: 1 });
    try {
      await queueOperatorAction(
        db,
        'retry',
        { companyId: company.id, providerCallId: call.id, workflowId },
        { workflowIds, ...by },
      );
    } finally {
      await close();
    }
    await company.callIn(call, 'done');
    expect(await auditOf(company)).toMatchObject([{ action: 'pipeline.retry', actor_id: 'op-1', reason: by.reason }]);
    // The call passes it on to its analysis, by another such event.
    const { items } = await company.manager.get('/webhook-events?source=operator');
    const { workflowId: analysisId } = await analysisOf(company, call);
    expect(items).toMatchObject([
      { route: 'retry', status: 'applied', workflow_id: analysisId },
      { route: 'retry', status: 'applied', workflow_id: workflowId },
    ]);
    await expectAccepted(company, call);
  });

  it('who acts in the Web UI is in the audit log, once for each action, whatever is typed there', async () => {
    const { company, call, fault } = await blockedCall();
    await fault({ type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: 1 });
    const handle = await analysisOf(company, call);
    const update = {
      args: [{ operator: 'op\0\ud800', reason: 'r'.repeat(5000) }] as [OperatorAction],
      updateId: 'one',
    };
    await handle.executeUpdate(retryUpdate, update);
    await eventually(async () => expect((await company.findCall(call)).pipeline.attempts).toBe(2));
    await handle.executeUpdate(retryUpdate, update);
    await handle.signal('skip');
    await company.callIn(call, 'failed');
    await eventually(async () => expect((await handle.describe()).status.name).toBe('COMPLETED'));
    expect(await auditOf(company)).toMatchObject([
      { actor_id: 'op\ufffd', action: 'pipeline.retry', reason: 'r'.repeat(2000) },
      { actor_id: 'unknown', action: 'pipeline.skip', reason: '' },
    ]);
  });

  it('leaves an audit entry whatever is given as the reason, the id of another entry too', async () => {
    const { company, call, id, workflowId, fault } = await blockedCall();
    const other = await company.manager.post(`/pipelines/retry`, { filter: { kind: 'visit' }, reason: 'of a batch' });
    const [used] = await service.sql`
      insert into audit_log (id, company_id, actor_id, actor_role, action, subject_kind, subject_id, reason, taken_up_by)
      values (${randomUUID()}, ${company.id}, 'jo', 'manager', 'pipeline.retry', 'call', ${id}, 'an old one', 'x')
      returning id`;
    const [ofAnother] = await service.sql`
      insert into audit_log (id, company_id, actor_id, actor_role, action, subject_kind, subject_id, reason)
      values (${randomUUID()}, 'another', 'jo', 'manager', 'pipeline.retry', 'call', ${id}, 'elsewhere') returning id`;
    const handle = await analysisOf(company, call);
    for (const reason of [other.audit_id, used?.id, ofAnother?.id]) {
      await fault({ type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: 1 });
      const { attempts } = (await company.findCall(call)).pipeline;
      await handle.executeUpdate(retryUpdate, { args: [{ operator: 'jo', reason }] });
      await eventually(async () => expect((await company.findCall(call)).pipeline.attempts).toBe(attempts + 1));
    }
    // What REST sends is in the log already; the same id again is another action.
    const sent = await company.manager.post(`/pipelines/${workflowId}/skip`, { reason: 'by REST' }, { status: 202 });
    await company.callIn(call, 'failed');
    const entries = (await auditOf(company)).filter((entry: { reason: string }) => entry.reason !== 'an old one');
    expect(entries).toMatchObject([
      { id: other.audit_id, action: 'pipeline.retry_batch' },
      { actor_id: 'jo', actor_role: 'operator', action: 'pipeline.retry', subject_id: id, reason: other.audit_id },
      { actor_id: 'jo', actor_role: 'operator', action: 'pipeline.retry', subject_id: id, reason: used?.id },
      { actor_id: 'jo', actor_role: 'operator', action: 'pipeline.retry', subject_id: id, reason: ofAnother?.id },
      { id: sent.audit_id, actor_id: 'manager', actor_role: 'manager', action: 'pipeline.skip', reason: 'by REST' },
    ]);
  });

  it('who sends the same Update twice gets the same outcome, and it acts once', async () => {
    const { company, call } = await blockedCall();
    const handle = await analysisOf(company, call);
    const updateId = `update-${randomUUID()}`;
    const first = await handle.executeUpdate(retryUpdate, { args: [action()], updateId });
    expect(first).toEqual({ workflowId: handle.workflowId, effect: 'retrying' });
    const again = await handle.executeUpdate(retryUpdate, { args: [{ operator: 'other', reason: 'other' }], updateId });
    expect(again).toEqual(first);
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
  });

  it('who retries again after a retry that failed is answered each time, and nothing is doubled', async () => {
    const { company, call, fault } = await blockedCall();
    await fault({ type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: 2 });
    const handle = await analysisOf(company, call);
    for (const failures of [2, 3]) {
      expect(await handle.executeUpdate(retryUpdate, { args: [action()] })).toMatchObject({ effect: 'retrying' });
      await eventually(async () => {
        expect((await company.jobs(call))[0]?.failures).toBe(failures);
        expect((await company.findCall(call)).pipeline.attempts).toBe(failures);
      });
    }
    await handle.executeUpdate(retryUpdate, { args: [action()] });
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
  });

  it('who retries what is healthy is told so, over REST and by the Update', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'job_never_answers', kind: 'transcription' });
    await company.play(call);
    await company.callIn(call, 'transcribing');
    const handle = await eventually(async () => {
      const found = await analysisOf(company, call);
      await found.describe();
      expect((await company.jobs(call))[0]?.task_id).toBeTruthy();
      return found;
    });
    for (const update of [retryUpdate, skipUpdate]) {
      const refused = await rejection(handle.executeUpdate(update, { args: [action()] }));
      expect(refused).toEqual({ type: 'NothingBlocked', message: 'nothing is blocked in this pipeline' });
    }
    const answer = await company.manager.post(
      `/pipelines/${company.workflowId(call)}/retry`,
      { reason: 'to be sure' },
      { status: 409 },
    );
    expect(answer.code).toBe('nothing_to_retry');
    const [job] = await company.jobs(call);
    await service.shunya.finish(job?.task_id ?? '');
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
  });

  it('who sends an Update without data, or with garbage, has it taken all the same', async () => {
    const { company, call, fault } = await blockedCall();
    const handle = await analysisOf(company, call);
    const garbage = [[], [null], ['now'], [{ operator: 7 }]];
    await fault({ type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: garbage.length - 1 });
    for (const [index, args] of garbage.entries()) {
      expect(await handle.executeUpdate('retry', { args: args as [] })).toMatchObject({ effect: 'retrying' });
      if (index < garbage.length - 1)
        await eventually(async () => expect((await company.findCall(call)).pipeline.attempts).toBe(index + 2));
    }
    await company.callIn(call, 'done');
    const unsaid = { actor_id: 'unknown', action: 'pipeline.retry', reason: '' };
    expect(await auditOf(company)).toMatchObject(garbage.map(() => unsaid));
  });

  it('who looks for what needs attention finds the call too, until it does not any more', async () => {
    const { company, call, fault } = await oneCall();
    await fault({ type: 'error', on: 'submit', status: 503, times: 5 });
    await company.play(call);
    const handle = service.temporal.workflow.getHandle(company.workflowId(call));
    const attention = async () => (await handle.describe()).searchAttributes.NeedsAttention;
    await eventually(async () => expect(await attention()).toEqual([true]));
    await handle.signal('stage', { stage: 'no such stage' });
    await handle.signal('stage');
    await company.callIn(call, 'done');
    await eventually(async () => expect(await attention()).toEqual([false]));
    expect((await handle.describe()).status.name).not.toBe('FAILED');
  });

  it('who skips the blocked step ends the pipeline as failed, and what comes later changes nothing', async () => {
    const { company, call, workflowId } = await blockedCall();
    await company.manager.post(`/pipelines/${workflowId}/skip`, { reason: 'hopeless' }, { status: 202 });
    const given = await company.callIn(call, 'failed');
    expect(given.pipeline).toMatchObject({ needs_attention: false, blocked_on: null, reason: 'skipped_by_operator' });
    await eventually(async () => {
      const { status } = await service.temporal.workflow.getHandle(workflowId).describe();
      expect(status.name).toBe('COMPLETED');
    });
    // Nobody who looks for what needs attention finds it any more.
    const analysis = await analysisOf(company, call);
    await eventually(async () => {
      const { searchAttributes } = await analysis.describe();
      expect(searchAttributes).toMatchObject({ NeedsAttention: [false], PipelineStage: ['failed'] });
      expect(searchAttributes.BlockedOn ?? []).toEqual([]);
    });
    await company.play({ ...call, durationSeconds: 99 }, ['modified']);
    await eventually(async () => expect((await company.findCall(call)).duration_seconds).toBe(99));
    expect((await company.findCall(call)).pipeline.stage).toBe('failed');
    await expectAccepted(company, call, 0, 0);
  });

  it('who analyzes anew what was skipped gets it analyzed', async () => {
    const { company, call, id, workflowId } = await blockedCall();
    await company.manager.post(`/pipelines/${workflowId}/skip`, { reason: 'hopeless' }, { status: 202 });
    await company.callIn(call, 'failed');
    await company.manager.post(`/calls/${id}/reanalyze`, { reason: 'It is back' }, { status: 202 });
    expect((await company.callIn(call, 'done')).analysis.booking_status).toBe('booked');
    await expectAccepted(company, call);
  });

  it('who sends the signal retry to many ends the waits of all', async () => {
    const blocked = await Promise.all([1, 2, 3].map(() => blockedCall()));
    const [first, second, third] = blocked.map(async ({ company, call }) => analysisOf(company, call));
    await (await first)?.signal(retrySignal, action());
    await (await second)?.signal(retrySignal, action());
    // To the call above it: the signal is passed on as well.
    await third;
    await service.temporal.workflow.getHandle(blocked[2]?.workflowId ?? '').signal(retrySignal, action());
    for (const { company, call } of blocked) {
      await company.callIn(call, 'done');
      await expectAccepted(company, call);
    }
  });

  it('who retries a whole company over REST reaches its blocked calls and no others', async () => {
    const [mine, other] = await Promise.all([blockedCall(), blockedCall()]);
    const filter = { blocked_on: 'shunya_transcription' };
    const answer = await mine.company.manager.post('/pipelines/retry', { filter, reason: 'all' }, { status: 202 });
    expect(answer).toMatchObject({ matched: 1, sent: 1 });
    await mine.company.callIn(mine.call, 'done');
    expect((await other.company.findCall(other.call)).pipeline.stage).toBe('transcribing');
  });

  it('who terminates the analysis has it start again by itself, and analyzed without a second job', async () => {
    const { company, call } = await blockedCall();
    await (await analysisOf(company, call)).terminate('a test');
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });

  it('who terminates the call as well starts it again with the next event, and nothing is doubled', async () => {
    const { company, call, workflowId } = await blockedCall();
    await service.temporal.workflow.getHandle(workflowId).terminate('a test');
    await (await analysisOf(company, call)).terminate('a test');
    await company.manager.post(
      `/pipelines/${workflowId}/retry`,
      { reason: randomBytes(4).toString('hex') },
      { status: 202 },
    );
    await company.callIn(call, 'done');
    await expectAccepted(company, call);
    await expectOneAppointment(company, call);
  });
});
