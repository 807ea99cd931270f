/** Changed workflow code is deployed while calls run: the worked example of docs/changing-workflows.md, as printed there. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SimulatedCall } from '../../simulators/callrail.ts';
import { eventually } from '../harness/poll.ts';
import type { TestProcess } from '../harness/processes.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';
import { fromJson } from '../replay/histories.ts';

const { EventType, WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = path.join(ROOT, 'docs', 'changing-workflows.md');
const PATCHED = "if (wf.patched('settle')) ";
/** Bundling takes most of it. */
vi.setConfig({ testTimeout: 240_000 });

let service: Service;
let company: TestCompany;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'callwright-deploy-'));
  service = await startService({ SHUNYA_POLL_SECONDS: '600' });
  company = await service.company();
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The sources with the diff of the document applied, and what is given replaced; @returns its worker, not started. */
function changedWorker(name: string, replace: (source: string) => string): TestProcess {
  const root = path.join(folder, name);
  mkdirSync(root);
  cpSync(path.join(ROOT, 'src'), path.join(root, 'src'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(path.join(ROOT, file), path.join(root, file));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'), 'dir');
  const { file, from, to } = readExample();
  const target = path.join(root, file);
  const source = readFileSync(target, 'utf8');
  expect(source.split(from), `${file} has what the example changes, once`).toHaveLength(2);
  writeFileSync(target, replace(source.replace(from, to)));
  return service.createWorker(path.join(root, 'src', 'worker.ts'), { DATA_DIR: path.join(root, '.data') });
}

/** The diff of the document: which lines of which file become which. Where in the file they are does not matter. */
function readExample(): { file: string; from: string; to: string } {
  const [, diff = ''] = /```diff\n([\s\S]+?)```/.exec(readFileSync(EXAMPLE, 'utf8')) ?? [];
  const lines = diff.split('\n');
  const linesOf = (sign: '-' | '+') =>
    lines
      .filter((line) => line.startsWith(' ') || (line.startsWith(sign) && !line.startsWith(sign.repeat(3))))
      .map((line) => line.slice(1));
  const file = lines.find((line) => line.startsWith('+++ b/'))?.slice('+++ b/'.length) ?? '';
  return { file, from: linesOf('-').join('\n'), to: linesOf('+').join('\n') };
}

/** Recorded histories that the code which this worker ran does not replay. */
async function unreplayable(name: string): Promise<string[]> {
  const cache = path.join(folder, name, '.data', 'cache');
  const bundle = readdirSync(cache).find((file) => file.startsWith('workflow-bundle-'));
  const workflowBundle = { codePath: path.join(cache, bundle ?? '') };
  const recordings = path.join(ROOT, 'test', 'replay', 'histories');
  const histories = readdirSync(recordings).map((file) => {
    const { workflowId, history } = JSON.parse(readFileSync(path.join(recordings, file), 'utf8'));
    return { workflowId, history: fromJson(history) };
  });
  const failed: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories))
    if (error) failed.push(workflowId);
  return failed;
}

async function eventsOf(call: SimulatedCall) {
  const { events } = await service.temporal.workflow.getHandle(company.workflowId(call)).fetchHistory();
  return events ?? [];
}

async function hasMarker(call: SimulatedCall): Promise<boolean> {
  return (await eventsOf(call)).some(({ eventType, markerRecordedEventAttributes }) => {
    return (
      eventType === EventType.EVENT_TYPE_MARKER_RECORDED && markerRecordedEventAttributes?.markerName === 'core_patch'
    );
  });
}

async function appointmentsOf(call: SimulatedCall): Promise<unknown[]> {
  const { contact } = await company.findCall(call);
  return (await company.manager.get(`/contacts/${contact.id}`)).appointments;
}

async function expectAnalyzedOnce(call: SimulatedCall) {
  await company.callIn(call, 'done');
  expect(await appointmentsOf(call)).toHaveLength(1);
  const jobs = await company.jobs(call);
  expect(jobs.map(({ kind, state, attempt }) => ({ kind, state, attempt }))).toEqual([
    { kind: 'transcription', state: 'completed', attempt: 1 },
    { kind: 'analysis', state: 'completed', attempt: 1 },
  ]);
}

// What fails once here is a finding.
describe('deploying changed workflow code while calls run', { retry: 0 }, () => {
  it('without patched() stops a call and loses nothing; with it, old runs go on as they began and new ones take the new way', async () => {
    const recording = recordingLink('booked');
    const waitsForAnalysis = company.simulate({ recording });
    await service.shunya.fault({ type: 'job_never_answers', match: recording, kind: 'transcription' });
    // It has waited for its end: where the example puts something new, its history has nothing.
    await company.play(waitsForAnalysis, ['incoming']);
    await company.callIn(waitsForAnalysis, 'awaiting_end');
    await company.play(waitsForAnalysis, ['answered', 'completed']);
    const [job] = await eventually(async () => {
      const jobs = await company.jobs(waitsForAnalysis);
      expect(jobs[0]?.task_id).toBeTruthy();
      return jobs;
    });
    const waitsForRecording = company.simulate();
    await company.play(waitsForRecording);
    await company.callIn(waitsForRecording, 'awaiting_recording');
    await service.worker.stop();

    const careless = changedWorker('careless', (source) => {
      expect(source).toContain(PATCHED);
      return source.replace(PATCHED, '');
    });
    careless.start();
    try {
      // What it waited for comes, so that the call goes on.
      await service.shunya.finish(job?.task_id ?? '');
      await eventually(async () => {
        const causes = (await eventsOf(waitsForAnalysis)).map(
          ({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes?.cause,
        );
        expect(causes).toContain(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
      }, 120);
      const { status } = await service.temporal.workflow.getHandle(company.workflowId(waitsForAnalysis)).describe();
      expect(status.name).toBe('RUNNING');
    } finally {
      await careless.stop();
    }

    const careful = changedWorker('careful', (source) => source);
    careful.start();
    try {
      await expectAnalyzedOnce(waitsForAnalysis);
      expect(await hasMarker(waitsForAnalysis)).toBe(false);
      await company.play({ ...waitsForRecording, recording: recordingLink('booked') }, ['modified']);
      await expectAnalyzedOnce(waitsForRecording);
      expect(await hasMarker(waitsForRecording)).toBe(true);
    } finally {
      await careful.stop();
    }

    const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
    Runtime.install({ logger: new DefaultLogger('ERROR', () => {}), telemetryOptions: { logging: { filter } } });
    expect(await unreplayable('careful')).toEqual([]);
    expect(await unreplayable('careless')).not.toEqual([]);
  });
});
