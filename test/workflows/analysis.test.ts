/** Every branch of ShunyaAnalysis, on a real Temporal server; what the rows say and how Shunya answers is scripted. */
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobKind } from '../../src/domain/pipeline.ts';
import type { AnalysisStep } from '../../src/domain/pipelineSteps.ts';
import { retryUpdate, skipUpdate } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { failing, type Scripted, startScripted } from './scripted.ts';

let scripted: Scripted;
beforeAll(async () => {
  scripted = await startScripted();
});
afterAll(async () => {
  release();
  await scripted?.stop();
});

const DONE: AnalysisStep = { do: 'finish', stage: 'done' };
const about = (jobId: string, kind: JobKind = 'transcription', attempt = 1) => ({ jobId, kind, attempt });
const submit = (id: string, kind?: JobKind, attempt?: number): AnalysisStep => ({
  do: 'submit',
  ...about(id, kind, attempt),
});
const wait = (id: string, kind?: JobKind, seconds: { ask?: number; overdue?: number } = {}): AnalysisStep => ({
  do: 'wait',
  askInSeconds: seconds.ask ?? 3600,
  overdueInSeconds: seconds.overdue ?? 86_400,
  ...about(id, kind),
});
const ACTION = { operator: 'jo', reason: 'it is back' };
/** Shunya still works on it: the activity's own retry is the poll. */
const notReady = () => {
  throw ApplicationFailure.create({ type: 'JobNotReady', message: 'not finished yet' });
};
/** An answer that does not come as long as the tests run. */
let release = () => {};
const released = new Promise<void>((resolve) => {
  release = resolve;
});
const forever = () => released;

describe.concurrent('an analysis', () => {
  it('is two jobs in turn, each submitted once and finished by a callback that rings', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [submit(id), wait(id), submit(id, 'analysis'), wait(id, 'analysis'), DONE],
    }));
    await run.waitingFor("Shunya's transcription");
    await run.ring();
    await run.waitingFor("Shunya's analysis");
    expect((await run.attributes()).PipelineStage).toEqual(['analyzing']);
    await run.ring();
    await run.result();
    expect(run.played.filter(({ name }) => name === 'submit')).toHaveLength(2);
    expect((await run.attributes()).PipelineStage).toEqual(['done']);
  });

  it('whose jobs are submitted while it advances has no activity beside', async () => {
    const run = await scripted.analysis((id) => ({ advance: [wait(id), wait(id, 'analysis'), DONE] }));
    await run.waitingFor("Shunya's transcription");
    await run.ring();
    await run.waitingFor("Shunya's analysis");
    expect((await run.attributes()).PipelineStage).toEqual(['analyzing']);
    await run.ring();
    await run.result();
    expect(run.played.map(({ name }) => name)).toEqual(['advance', 'advance', 'advance']);
    expect(run.played.every(({ input }) => input.submitsPromptly)).toBe(true);
  });

  it('whose advance failed to submit keeps to what the provider said, and tries again by the queue', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [
        { ...submit(id), failed: { code: 'http_429', retryAfterSeconds: 3600 } } as AnalysisStep,
        submit(id),
        wait(id),
      ],
    }));
    const { attempts, nextTryAt } = await run.blocked();
    expect(attempts).toBe(1);
    expect(Date.parse(nextTryAt ?? '')).toBeGreaterThan(Date.now() + 3_000_000);
    await run.handle.executeUpdate(retryUpdate, { args: [ACTION] });
    await run.waitingFor("Shunya's transcription");
    expect(run.played.filter(({ name }) => name === 'submit')).toHaveLength(1);
    const advances = run.played.filter(({ name }) => name === 'advance');
    // While it is blocked no advance may submit by itself.
    expect(advances.map(({ input }) => input.submitsPromptly)).toEqual([true, false, true]);
    await run.handle.terminate();
  });

  it('takes a callback that comes before the submit has answered', async () => {
    let ring: (() => Promise<void>) | undefined;
    const run = await scripted.analysis((id) => ({
      advance: [submit(id), wait(id, 'analysis'), DONE],
      submit: [async () => ring?.()],
    }));
    ring = run.ring;
    await run.waitingFor("Shunya's analysis");
    await run.ring();
    await run.result();
  });

  it('takes a callback that comes twice as an advance too many', async () => {
    const run = await scripted.analysis((id) => ({ advance: [submit(id), wait(id), wait(id), DONE] }));
    await run.waitingFor("Shunya's transcription");
    await run.ring();
    await eventually(() => expect(run.played.filter(({ name }) => name === 'advance')).toHaveLength(3));
    await run.ring();
    await run.result();
    expect(run.played.filter(({ name }) => name === 'submit')).toHaveLength(1);
  });

  it('whose callback is lost asks until the job is finished, at no cost of history', async () => {
    const run = await scripted.analysis(
      (id) => ({
        advance: [wait(id, 'transcription', { ask: 0.05 }), wait(id, 'transcription', { ask: 0 }), DONE],
        read: [notReady, notReady, notReady, () => {}],
      }),
      { shunyaPollSeconds: 0.02 },
    );
    await run.result();
    expect(run.played.filter(({ name }) => name === 'read')).toHaveLength(4);
    const { events } = await run.handle.fetchHistory();
    expect((events ?? []).filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(1);
  });

  it('reads a result that a callback only hinted at', async () => {
    const run = await scripted.analysis((id) => ({ advance: [{ do: 'read', ...about(id) }, DONE] }));
    await run.result();
    expect(run.played.map(({ name }) => name)).toEqual(['advance', 'read', 'advance']);
  });

  it('stops asking when a ring comes meanwhile', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [wait(id, 'transcription', { ask: 0 }), DONE],
      read: [forever],
    }));
    await eventually(() => expect(run.played.map(({ name }) => name)).toContain('read'));
    await run.ring();
    await run.result();
  });

  it('waits for a free place until one rings', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [{ do: 'wait_for_slot', ...about(id) }, submit(id), DONE],
    }));
    await run.waitingFor("a free place among this company's jobs at Shunya, for the transcription");
    await run.ring();
    await run.result();
  });

  it('follows a job that failed by the next attempt, and says so meanwhile', async () => {
    const repeat: AnalysisStep = {
      do: 'repeat',
      code: 'MODEL_OVERLOADED',
      jobId: 'x',
      kind: 'transcription',
      attempt: 1,
    };
    const run = await scripted.analysis((id) => ({ advance: [repeat, submit(id, 'transcription', 2), DONE] }), {
      retryInitialSeconds: 2,
    });
    expect(await run.blocked()).toMatchObject({ blockedOn: 'shunya_transcription', lastError: 'MODEL_OVERLOADED' });
    await run.result();
    const asked = run.played.filter(({ name }) => name === 'advance').map(({ input }) => input.repeatAttempt);
    expect(asked).toEqual([undefined, 1, 1]);
  });

  it('goes on trying a provider that is away, asks for a person in time, and takes that back by itself', async () => {
    const away = failing('http_503');
    const run = await scripted.analysis(
      (id) => ({
        advance: [submit(id), submit(id), submit(id), submit(id), wait(id)],
        submit: [away, away, away, () => {}],
      }),
      { retryInitialSeconds: 1, retryMaxSeconds: 4 },
    );
    expect(await run.blocked(3)).toMatchObject({ blockedOn: 'shunya_transcription', needsAttention: true });
    await run.waitingFor("Shunya's transcription");
    expect(await run.attributes()).toMatchObject({ NeedsAttention: [false] });
    const shown = run.played
      .filter(({ name }) => name === 'showAnalysisBlock')
      .map(({ input }) => input.block?.attempts);
    expect(shown).toEqual([1, 2, 3, undefined]);
    await run.handle.terminate();
  });

  it('keeps to the time that a provider asked for, and tries at once when an operator says so', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [submit(id), submit(id), wait(id)],
      submit: [failing('http_429', 3600), () => {}],
    }));
    const { nextTryAt } = await run.blocked();
    expect(Date.parse(nextTryAt ?? '')).toBeGreaterThan(Date.now() + 3_000_000);
    expect(await run.handle.executeUpdate(retryUpdate, { args: [ACTION] })).toEqual({
      workflowId: run.workflowId,
      effect: 'retrying',
    });
    await run.waitingFor("Shunya's transcription");
    const recorded = run.played.filter(({ name }) => name === 'recordOperatorAction');
    expect(recorded.map(({ input }) => input)).toMatchObject([{ ...ACTION, action: 'retry' }]);
    await run.handle.terminate();
  });

  it('says whom to ask where the link to the recording cannot be had', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [submit(id)],
      submit: [failing('callrail_unauthorized', 3600)],
    }));
    expect(await run.blocked()).toMatchObject({ blockedOn: 'callrail_recording', lastError: 'callrail_unauthorized' });
    await run.handle.terminate();
  });

  it('raises attention to a job that takes too long, and still takes its result', async () => {
    const run = await scripted.analysis((id) => ({
      advance: [wait(id, 'transcription', { ask: 0, overdue: 0 }), DONE],
      read: [forever],
    }));
    expect(await run.blocked()).toMatchObject({ needsAttention: true, lastError: 'job_timeout' });
    await run.ring();
    await run.result();
    expect(await run.attributes()).toMatchObject({ NeedsAttention: [false], PipelineStage: ['done'] });
  });

  it('that an operator gives up ends as failed', async () => {
    const run = await scripted.analysis((id) => ({ advance: [submit(id)], submit: [failing('http_429', 3600)] }));
    await run.blocked();
    await run.handle.executeUpdate(skipUpdate, { args: [ACTION] });
    await run.result();
    expect(run.played.map(({ name }) => name)).toContain('giveUp');
    expect(await run.attributes()).toMatchObject({ NeedsAttention: [false], PipelineStage: ['failed'] });
  });

  it('ends without a word where its call was given up or deleted meanwhile', async () => {
    const gone = await scripted.analysis(() => ({ advance: [{ do: 'finish', stage: null }] }));
    await gone.result();
    const given = await scripted.analysis(() => ({ advance: [{ do: 'finish', stage: 'failed' }] }));
    await given.result();
    expect((await given.attributes()).PipelineStage).toEqual(['failed']);
  });

  it('goes on in a run with a short history as it was: blocked, with its failures and when it is due', async () => {
    const block = { blockedOn: 'shunya_analysis', attempts: 7, reason: 'http_503', needsAttention: true } as const;
    const resumed = { stage: 'analyzing', block, notBefore: Date.now() + 3_600_000 } as const;
    const run = await scripted.analysis(
      (id) => ({ advance: [submit(id, 'analysis')], submit: [failing('http_503', 3600)] }),
      {},
      { failures: 7, resumed },
    );
    expect(await run.status()).toMatchObject({ stage: 'analyzing', attempts: 7, needsAttention: true });
    await run.handle.executeUpdate(retryUpdate, { args: [ACTION] });
    expect(await run.blocked(8)).toMatchObject({ lastError: 'http_503' });
    await run.handle.terminate();
  });

  it('is blocked on the database while that is away, and keeps the failures of its step', async () => {
    const away = failing('57P03');
    const run = await scripted.analysis((id) => ({ advance: [away, away, submit(id), wait(id)] }), {
      retryInitialSeconds: 0.2,
      retryMaxSeconds: 0.2,
    });
    expect(await run.blocked(2)).toMatchObject({ blockedOn: 'database', lastError: '57P03' });
    await run.waitingFor("Shunya's transcription");
    expect((await run.status()).blockedOn).toBeNull();
    await run.handle.terminate();
  });
});
