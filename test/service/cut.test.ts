/** The one cut of the workflows before 0.2: pipelines that ran before it are ended, and go on from their rows. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { analysisWorkflowId } from '../../src/domain/workflowIds.ts';
import { endFormerWorkflows } from '../../src/temporal/formerWorkflows.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

vi.setConfig({ testTimeout: 240_000 });
const RING_ANEW = fileURLToPath(new URL('../../drizzle/0022_ring_pipelines_anew.sql', import.meta.url));

let service: Service;
let company: TestCompany;
beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '600' });
  company = await service.company();
});
afterAll(() => service?.stop());

/** Puts a workflow of the earlier form, which nobody can go on with, in the place of the one that runs. */
async function replaceByFormer(type: string, workflowId: string): Promise<void> {
  const { workflow } = service.temporal;
  await workflow.getHandle(workflowId).terminate('a test');
  await workflow.start(type, { workflowId, taskQueue: 'of-former-code', args: [{ parentWorkflowId: 'x' }] });
}

it('loses nothing that waited for its end, its recording, its analysis, or an operator', async () => {
  const ringing = company.simulate({ recording: recordingLink('booked') });
  await company.play(ringing, ['incoming']);
  const withoutRecording = company.simulate();
  await company.play(withoutRecording);
  const [recording, refused] = [recordingLink('booked'), recordingLink('booked')];
  await service.shunya.fault({ type: 'job_never_answers', match: recording, kind: 'transcription' });
  const tooMany = { type: 'error', on: 'submit', status: 429, retry_after_seconds: 600, times: 1 };
  await service.shunya.fault({ ...tooMany, match: refused });
  const analyzed = company.simulate({ recording });
  await company.play(analyzed);
  const blocked = company.simulate({ recording: refused });
  await company.play(blocked);

  await company.callIn(ringing, 'awaiting_end');
  await company.callIn(withoutRecording, 'awaiting_recording');
  const { id: analyzedId } = await company.callIn(analyzed, 'transcribing');
  const { id: blockedId } = await eventually(async () => {
    const found = await company.findCall(blocked);
    expect(found.pipeline.blocked_on).toBe('shunya_transcription');
    expect((await company.jobs(analyzed))[0]?.task_id).toBeTruthy();
    return found;
  });
  const [job] = await company.jobs(analyzed);

  await service.worker.stop();
  for (const call of [ringing, withoutRecording, analyzed, blocked])
    await replaceByFormer('CallLifecycle', company.workflowId(call));
  for (const id of [analyzedId, blockedId]) await replaceByFormer('ShunyaAnalysis', analysisWorkflowId('call', id, 1));

  // What `npm run migrate` does, in this order.
  await service.sql.unsafe(readFileSync(RING_ANEW, 'utf8').replaceAll('--> statement-breakpoint', ''));
  await eventually(async () => expect(await endFormerWorkflows(service.temporal)).toBe(0));
  service.worker.start();
  await service.untilReady();

  await company.callIn(blocked, 'done');
  await service.shunya.finish(job?.task_id ?? '');
  await company.callIn(analyzed, 'done');
  await company.play(ringing, ['answered', 'completed']);
  await company.callIn(ringing, 'done');
  await company.play({ ...withoutRecording, recording: recordingLink('booked') }, ['modified']);
  await company.callIn(withoutRecording, 'done');
  for (const call of [ringing, withoutRecording, analyzed, blocked]) {
    const jobs = await company.jobs(call);
    expect(jobs.map(({ state, attempt }) => ({ state, attempt }))).toEqual([
      { state: 'completed', attempt: 1 },
      { state: 'completed', attempt: 1 },
    ]);
    const submits = await service.shunya.submitsOf(Number(jobs[0]?.shunya_call_id));
    expect(submits.map(({ accepted }) => accepted)).toEqual([1, 1]);
  }
});
