/**
 * The workflow code of today replays what earlier code has done, so that it can be deployed while calls run. The histories
 * are recorded by `npm run histories`; one that does not replay any more needs `patched()`, not another recording: see
 * docs/changing-workflows.md.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { loadWorkflowBundle } from '../../src/temporal/workflowBundle.ts';
import { WORKFLOW_TYPES } from '../../src/workflows/contracts.ts';
import { serviceDataDir } from '../harness/build.ts';
import { FORBIDDEN_WORDS, fromJson, type RecordedHistory, recordHistories, SCENARIO_NAMES } from './histories.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const FOLDER = fileURLToPath(new URL('./histories', import.meta.url));

/** Links, and phone numbers as they are written; whole ones, since a build id may begin like one. */
const PRIVATE = /https?:|\+\d{8,15}\b|\b\d{3}[- ]?555[- ]?\d{4}\b/;

interface Recorded extends RecordedHistory {
  file: string;
}

let workflowBundle: { codePath: string };
let recorded: Recorded[];

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });
  if (process.env.RECORD_HISTORIES === '1') await recordMissing();
  workflowBundle = await loadWorkflowBundle({ dataDir: serviceDataDir(inject('servers').dataDir) });
  recorded = readAll();
});

/** Those there are stay: they are what code of before did. */
async function recordMissing(): Promise<void> {
  const known = new Set(readAll().map(({ scenario }) => scenario));
  const { recorded: histories, failed } = await recordHistories(SCENARIO_NAMES.filter((name) => !known.has(name)));
  const counts = new Map<string, number>();
  for (const { scenario, workflowId, history } of histories) {
    const file = `${scenario}.${workflowId.split(':')[0]?.replace(/-workflow.*|-\d.*/, '')}`;
    const count = (counts.get(file) ?? 0) + 1;
    counts.set(file, count);
    const content = JSON.stringify({ scenario, workflowId, history }, null, 1);
    writeFileSync(path.join(FOLDER, `${file}.${count}.json`), `${content}\n`);
  }
  // What was recorded stays: the next time only the others are.
  if (failed.length > 0) throw new Error(`not recorded: ${failed.join('; ')}`);
}

const readAll = (): Recorded[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) }));

async function replay(recordings: Recorded[]): Promise<(Error | undefined)[]> {
  const errors: (Error | undefined)[] = [];
  const histories = recordings.map(({ workflowId, history }) => ({ workflowId, history: fromJson(history) }));
  for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories)) errors.push(error);
  return errors;
}

describe('recorded histories', () => {
  it('replay against the workflow code as it is', async () => {
    const errors = await replay(recorded);
    expect(errors).toHaveLength(recorded.length);
    const failed = recorded.flatMap(({ file }, index) => (errors[index] ? [`${file}: ${errors[index]}`] : []));
    expect(failed).toEqual([]);
  });

  it('are there for every branch and every workflow type', () => {
    expect([...new Set(recorded.map(({ scenario }) => scenario))].sort()).toEqual(SCENARIO_NAMES);
    const types = recorded.map(
      ({ history }) => history.events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name,
    );
    expect([...new Set(types)].sort()).toEqual(Object.values(WORKFLOW_TYPES).sort());
  });

  it('make the replay fail where the code does something else', async () => {
    const withActivity = recorded.find(({ file }) => file.startsWith('booked.analysis'));
    const changed = structuredClone(withActivity) as Recorded;
    const scheduled = changed.history.events.find((event) => event.activityTaskScheduledEventAttributes);
    if (!scheduled?.activityTaskScheduledEventAttributes) expect.fail('no activity in it');
    scheduled.activityTaskScheduledEventAttributes.activityType.name = 'somethingElse';
    const [error] = await replay([changed]);
    expect(error).toBeInstanceOf(DeterminismViolationError);
  });

  it('hold no phone number, name, link or transcript', () => {
    const found: string[] = [];
    for (const { file, history } of recorded) {
      const texts = textsOf(history);
      expect(texts.length, file).toBeGreaterThan(5);
      const isForbidden = (text: string) => PRIVATE.test(text) || FORBIDDEN_WORDS.some((word) => text.includes(word));
      found.push(...texts.filter(isForbidden).map((text) => `${file}: ${text}`));
    }
    expect(found).toEqual([]);
    // It would be found: this is how a payload carries it.
    expect(
      textsOf({ data: Buffer.from('{"to":"+12125550147"}').toString('base64') }).some((text) => PRIVATE.test(text)),
    ).toBe(true);
  });
});

/** Every string in it, those that payloads carry decoded. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') {
    const decoded = /^[A-Za-z0-9+/]{8,}={0,2}$/.test(value) ? Buffer.from(value, 'base64').toString('utf8') : '';
    return [value, decoded];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
