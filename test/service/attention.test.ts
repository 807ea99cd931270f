/** What people learn of a step that fails: in the log, in Temporal's Web UI, and how news from CallRail sets it going again. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { modifiedPayload } from '../../simulators/callrail.ts';
import { type OperatorAnswer, retryUpdate } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService } from '../harness/service.ts';

// A busy machine is no failure.
vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  // The first failure needs a person, and nothing is tried again by itself before the tests are over.
  service = await startService({
    PROVIDER_RETRY_INITIAL_SECONDS: '300',
    PROVIDER_RETRY_MAX_SECONDS: '300',
    PROVIDER_RETRY_ATTEMPTS: '1',
    LOG_LEVEL: 'info',
  });
});
afterAll(async () => {
  await service?.stop();
});

/** A call whose audio Shunya does not find. */
async function stuckCall() {
  const company = await service.company();
  const recording = recordingLink('booked');
  const call = company.simulate({ recording });
  const refusal = { type: 'error', on: 'submit', status: 422, error_code: 'AUDIO_NOT_READY' };
  const mend = await service.shunya.fault({ ...refusal, match: recording });
  await company.play(call);
  await eventually(async () => expect((await company.findCall(call)).pipeline.needs_attention).toBe(true), 60);
  return { company, call, mend };
}

const linesOf = (text: string) =>
  service
    .logs()
    .split('\n')
    .filter((line) => line.includes(text));

it('a failure is one line, a person that is needed one more, and the end of that another; none holds what is private', async () => {
  const { company, call, mend } = await stuckCall();
  const { id, pipeline } = await company.findCall(call);
  expect(pipeline).toMatchObject({ blocked_on: 'shunya_transcription', reason: 'AUDIO_NOT_READY' });
  const host = new URL(service.shunya.url).host;
  const hint = `HTTP 422 ${host}`;
  const [stuck] = (await company.manager.get(`/pipelines?needs_attention=true`)).items;
  expect(stuck).toMatchObject({ subject_id: id, reason: 'AUDIO_NOT_READY', hint });

  const workflowId = `analysis:call:${id}:1`;
  expect(linesOf(workflowId).filter((line) => /activity failed/i.test(line))).toHaveLength(1);
  const needed = `needs attention: call ${company.id}/${call.id}, shunya_transcription, 1 attempt, AUDIO_NOT_READY (${hint}), http`;
  await eventually(() => expect(linesOf(needed)).toHaveLength(1));
  expect(linesOf(needed)[0]).toContain(`/workflows/${encodeURIComponent(workflowId)}`);
  const workflow = service.temporal.workflow.getHandle(workflowId);
  const summary = await (await workflow.describe()).staticSummary();
  expect(summary).toContain(`${company.id} · ${call.id}`);

  await mend();
  await workflow.executeUpdate<OperatorAnswer, []>(retryUpdate.name, { args: [] });
  await company.callIn(call, 'done');
  expect(await company.manager.get(`/pipelines/${encodeURIComponent(stuck.workflow_id)}`)).toMatchObject({
    hint: null,
  });
  await eventually(() => expect(linesOf(`no longer needs attention: call ${company.id}/${call.id}`)).toHaveLength(1));
  expect(service.logs()).not.toContain(call.customerNumber.slice(2));
  expect(service.logs()).not.toContain('test-recordings');
});

it('CallRail tells of the same recording again: it is tried at once', async () => {
  const { company, call, mend } = await stuckCall();
  await mend();
  await company.sender.send('modified', modifiedPayload(call));
  await company.callIn(call, 'done');
  const { items } = await company.manager.get('/audit');
  const retried = items.filter(({ action }: { action: string }) => action === 'pipeline.retry');
  expect(retried).toMatchObject([{ actor_id: 'callrail' }]);
});
