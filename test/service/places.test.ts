/** A company's places among the jobs at Shunya: whoever waits for one goes on as soon as it is free. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService } from '../harness/service.ts';

vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '600', SHUNYA_MAX_PER_COMPANY: '1' });
});
afterAll(() => service?.stop());

/** Two calls of one company: the first has its only place, the second waits for it. */
async function twoCalls() {
  const company = await service.company();
  const recording = recordingLink('booked');
  await service.shunya.fault({ type: 'job_never_answers', match: recording, kind: 'transcription' });
  const first = company.simulate({ recording });
  await company.play(first);
  const [job] = await eventually(async () => {
    const jobs = await company.jobs(first);
    expect(jobs[0]?.task_id).toBeTruthy();
    return jobs;
  });
  const second = company.simulate({ recording: recordingLink('booked') });
  await company.play(second);
  await eventually(async () => expect((await company.jobs(second))[0]?.state).toBe('waiting'));
  return { company, first, second, taskId: job?.task_id ?? '' };
}

it('the end of a job gives its place to the one that has waited longest', async () => {
  const { company, first, second, taskId } = await twoCalls();
  await service.shunya.finish(taskId);
  await company.callIn(second, 'done');
  await company.callIn(first, 'done');
});

it('a call that is deleted leaves its place to the others', async () => {
  const { company, first, second } = await twoCalls();
  const { id } = await company.findCall(first);
  await company.manager.delete(`/calls/${id}`, { status: 204 });
  await company.callIn(second, 'done');
});
