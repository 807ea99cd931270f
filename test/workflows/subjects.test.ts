/** Every branch of CallLifecycle and VisitRecording, on a real Temporal server; what the rows say is scripted. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Block, SubjectState } from '../../src/domain/pipelineSteps.ts';
import { analysisWorkflowId } from '../../src/domain/workflowIds.ts';
import { retrySignal, retryUpdate, skipUpdate } from '../../src/workflows/contracts.ts';
import { eventually } from '../harness/poll.ts';
import { type CallOptions, failing, type Script, type Scripted, startScripted } from './scripted.ts';

let scripted: Scripted;
beforeAll(async () => {
  scripted = await startScripted();
});
afterAll(() => scripted?.stop());

const state = (stage: SubjectState['stage'], next: SubjectState['next'], block: Block | null = null): SubjectState => ({
  subjectId: 'replaced',
  stage,
  block,
  next,
});
const RINGING = state('awaiting_end', { do: 'wait', for: 'call_end', seconds: 3600 });
const WITHOUT_RECORDING = state('awaiting_recording', { do: 'wait', for: 'recording', seconds: 3600 });
const ANALYZING = state('transcribing', { do: 'analyze', generation: 1 });
const DONE = state('done', { do: 'finish' });
const soon = (of: SubjectState): SubjectState => ({
  ...of,
  next: { ...of.next, seconds: 0.05 } as SubjectState['next'],
});
const NEEDS_PERSON: Block = { blockedOn: 'shunya_analysis', attempts: 9, reason: 'http_503', needsAttention: true };

describe.concurrent('a call', () => {
  it('ends with its first advance where nothing is left to do', async () => {
    const call = await scripted.call({ advance: [DONE] });
    await call.result();
    expect(call.played).toHaveLength(1);
    expect((await call.attributes()).PipelineStage).toEqual(['done']);
  });

  it('waits for its end, and advances when it is rung', async () => {
    const call = await scripted.call({ advance: [RINGING, DONE] });
    await call.waitingFor('the end of the call');
    await call.ring();
    await call.result();
    expect(call.played).toHaveLength(2);
  });

  it('without an end advances when its time is over', async () => {
    const call = await scripted.call({ advance: [soon(RINGING), state('done', { do: 'finish' })] });
    await call.result();
    expect(call.played).toHaveLength(2);
  });

  it('without a recording waits for it, and is not analyzable when none came in time', async () => {
    const never = state('not_analyzable', { do: 'finish' });
    const call = await scripted.call({ advance: [soon(WITHOUT_RECORDING), never] });
    await call.result();
    expect((await call.attributes()).PipelineStage).toEqual(['not_analyzable']);
  });

  it('whose recording comes late is analyzed then', async () => {
    const call = await scripted.call({ advance: [WITHOUT_RECORDING, ANALYZING, DONE] });
    await call.waitingFor('the recording');
    await call.ring();
    await call.waitingFor('its analysis by Shunya');
    await call.ring();
    await call.result();
    expect((await call.attributes()).PipelineStage).toEqual(['done']);
  });

  it('advances once more where it was rung while it advanced for the last time', async () => {
    let ring: (() => Promise<void>) | undefined;
    const call = await scripted.call({
      advance: [
        RINGING,
        async () => {
          await ring?.();
          return DONE;
        },
        DONE,
      ],
    });
    ring = call.ring;
    await call.waitingFor('the end of the call');
    await call.ring();
    await call.result();
    expect(call.played).toHaveLength(3);
  });

  it('goes on with an advance too many, or one too few: the rows say what is next', async () => {
    const call = await scripted.call({ advance: [RINGING, RINGING, RINGING, DONE] });
    await call.waitingFor('the end of the call');
    for (const advances of [2, 3, 4]) {
      await call.ring();
      await eventually(() => expect(call.played).toHaveLength(advances));
    }
    await call.result();
  });

  it('says that it is blocked while the database is away, asks for a person in time, and goes on by itself', async () => {
    const away = failing('ECONNREFUSED');
    const call = await scripted.call(
      { advance: [away, away, away, DONE] },
      { retryInitialSeconds: 2, retryMaxSeconds: 2 },
    );
    const status = await call.blocked(3);
    expect(status).toMatchObject({ blockedOn: 'database', needsAttention: true, lastError: 'ECONNREFUSED' });
    expect(Date.parse(status.nextTryAt ?? '')).toBeGreaterThan(Date.now() - 1000);
    await call.result();
    expect(await call.attributes()).toMatchObject({ NeedsAttention: [false], PipelineStage: ['done'] });
  });

  it('tries a blocked step at once when an operator says so, with or without data', async () => {
    for (const args of [[], [{ operator: 'jo', reason: 'it is back' }]]) {
      const call = await scripted.call(
        { advance: [RINGING, failing('ECONNREFUSED'), DONE] },
        { retryInitialSeconds: 3600 },
      );
      await call.waitingFor('the end of the call');
      await call.ring();
      await call.blocked();
      const answer = await call.handle.executeUpdate('retry', { args: args as never });
      expect(answer).toEqual({ workflowId: call.workflowId, effect: 'retrying' });
      await call.result();
    }
  });

  it('refuses retry and skip where nothing is blocked, without a stack trace', async () => {
    const call = await scripted.call({ advance: [RINGING] });
    await call.waitingFor('the end of the call');
    for (const update of [retryUpdate, skipUpdate]) {
      const error = await call.handle
        .executeUpdate(update, { args: [{ operator: 'jo', reason: '' }] })
        .catch((refused: unknown) => refused);
      expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
      const { cause } = error as WorkflowUpdateFailedError;
      expect(cause).toMatchObject({ type: 'NothingBlocked' });
      expect((cause as ApplicationFailure).failure?.stackTrace ?? '').toBe('');
    }
    await call.handle.terminate();
  });

  it('passes retry on to its analysis, through the rows', async () => {
    const analyzed = await analyzing();
    const answer = await analyzed.handle.executeUpdate(retryUpdate, { args: [{ operator: 'jo', reason: 'r' }] });
    const below = analysisWorkflowId('call', analyzed.id, 1);
    expect(answer).toEqual({ workflowId: below, effect: 'passed_on' });
    await eventually(() => {
      const passed = analyzed.played.find(({ name }) => name === 'passActionOn');
      expect(passed?.input).toMatchObject({ action: 'retry', operator: 'jo', reason: 'r', workflowId: below });
    });
    await analyzed.handle.terminate();
  });

  it('passes an action on that comes while another is passed on, and advances once for both', async () => {
    let sendSecond = async () => {};
    // A workflow that waits for a local activity receives signals with the next heartbeat of its task, at 0.8 of this
    // time-out; a task that misses it on a busy machine runs its local activities again.
    const call = await analyzing([null], [() => sendSecond(), () => {}], { workflowTaskTimeout: '3s' });
    const advances = () => call.played.filter(({ name }) => name === 'advance').length;
    const advancesBefore = advances();
    sendSecond = async () => {
      await call.handle.signal(retrySignal, { operator: 'jo', reason: 'second' });
      await eventually(async () => {
        const { events } = await call.handle.fetchHistory();
        const names = events?.map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
        expect(names?.filter((name) => name === 'retry')).toHaveLength(2);
      });
    };
    await call.handle.signal(retrySignal, { operator: 'jo', reason: 'first' });
    await eventually(() => expect(advances()).toBeGreaterThan(advancesBefore));
    // A query is answered once the workflow waits.
    await call.status();
    const passed = call.played.filter(({ name }) => name === 'passActionOn');
    expect(passed.map(({ input }) => input.reason)).toEqual(['first', 'second']);
    expect(advances()).toBe(advancesBefore + 1);
    await call.handle.terminate();
  });

  it('passes an action on later where that failed, though nothing rings', async () => {
    const call = await analyzing([null], [failing('57P03'), () => {}]);
    await call.handle.signal(retrySignal, { operator: 'jo', reason: 'r' });
    await eventually(() => expect(call.played.filter(({ name }) => name === 'passActionOn')).toHaveLength(2));
    await call.handle.terminate();
  });

  it('whose rows nobody has read yet has its operators recorded under its own id', async () => {
    const call = await scripted.call(
      { advance: [failing('ECONNREFUSED'), DONE] },
      { retryInitialSeconds: 3600, retryMaxSeconds: 3600 },
    );
    await call.blocked();
    await call.handle.executeUpdate(retryUpdate, { args: [{ operator: 'jo', reason: 'r' }] });
    await call.result();
    // Before the advance that reads the rows.
    expect(call.played.map(({ name }) => name).slice(0, 3)).toEqual(['advance', 'recordOperatorAction', 'advance']);
    expect(call.played[1]?.input.subjectId).toBe(call.id);
  });

  it('shows that its analysis needs a person, and that it does not any more', async () => {
    const call = await analyzing([NEEDS_PERSON, null]);
    await call.ring();
    await eventually(async () => {
      expect(await call.attributes()).toMatchObject({ NeedsAttention: [true], BlockedOn: ['shunya_analysis'] });
    });
    await call.ring();
    await eventually(async () => expect(await call.attributes()).toMatchObject({ NeedsAttention: [false] }));
    expect((await call.attributes()).BlockedOn ?? []).toEqual([]);
    await call.handle.terminate();
  });

  it('that an operator gives up ends as failed', async () => {
    const { id, ...call } = await blockedForLong();
    await call.handle.executeUpdate(skipUpdate, { args: [{ operator: 'jo', reason: 'hopeless' }] });
    await call.result();
    expect(await call.attributes()).toMatchObject({ NeedsAttention: [false], PipelineStage: ['failed'] });
    const did = call.played.map(({ name }) => name);
    expect(did).toContain('recordOperatorAction');
    expect(did).toContain('giveUp');
    expect(call.played.find(({ name }) => name === 'giveUp')?.input.subjectId).toBe(id);
  });

  it('that an operator gave up while the database was away ends as failed once it is back', async () => {
    const call = await scripted.call(
      { advance: [RINGING, failing('ECONNREFUSED'), RINGING], giveUp: [failing('ECONNREFUSED'), () => {}] },
      { retryInitialSeconds: 3600, retryMaxSeconds: 3600 },
    );
    await call.waitingFor('the end of the call');
    await call.ring();
    await call.blocked();
    await call.handle.executeUpdate(skipUpdate, { args: [{ operator: 'jo', reason: 'hopeless' }] });
    await call.result();
    expect((await call.attributes()).PipelineStage).toEqual(['failed']);
    const names = call.played.map(({ name }) => name).filter((name) => name === 'advance' || name === 'giveUp');
    expect(names).toEqual(['advance', 'advance', 'giveUp', 'advance', 'giveUp']);
  });

  it('takes signals of any kind without a failed task', async () => {
    const call = await analyzing();
    const garbage = [[], [null], [7], ['x'.repeat(3000)], [{}], [{ stage: 'nonsense' }], [[1, 2]]];
    for (const name of ['ring', 'retry', 'skip', 'stage', 'nobody-knows-this'])
      for (const args of garbage) await call.handle.signal(name, ...(args as []));
    await call.handle.signal('ring', { raw: Buffer.from('not json') });
    await call.waitingFor('its analysis by Shunya');
    const { events } = await call.handle.fetchHistory();
    expect((events ?? []).filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
    await call.handle.terminate();
  });

  /** A call whose analysis is under way, with what then blocks it, advance after advance. */
  async function analyzing(
    blocks: (Block | null)[] = [null],
    passActionOn: Script['passActionOn'] = [],
    options: CallOptions = {},
  ) {
    let id = '';
    const at = (block: Block | null) => () => ({ ...ANALYZING, subjectId: id, block });
    const advance = [async () => RINGING, ...[null, ...blocks].map(at)];
    const call = await scripted.call({ advance, passActionOn }, {}, options);
    id = call.id;
    await call.waitingFor('the end of the call');
    await call.ring();
    await call.waitingFor('its analysis by Shunya');
    return call;
  }

  async function blockedForLong() {
    let id = '';
    const call = await scripted.call(
      { advance: [() => ({ ...RINGING, subjectId: id }), failing('ECONNREFUSED')] },
      { retryInitialSeconds: 3600 },
    );
    id = call.id;
    await call.waitingFor('the end of the call');
    await call.ring();
    await eventually(() => expect(call.played.length).toBeGreaterThan(1));
    await call.blocked();
    return call;
  }
});

describe.concurrent('a visit', () => {
  it('waits for its stop, then for its analysis, then ends', async () => {
    const recording = state('awaiting_end', { do: 'wait', for: 'visit_end', seconds: 3600 });
    const visit = await scripted.visit({ advance: [recording, ANALYZING, DONE] });
    await visit.waitingFor('the end of the visit');
    await visit.ring();
    await visit.waitingFor('its analysis by Shunya');
    await visit.ring();
    await visit.result();
    expect((await visit.attributes()).PipelineStage).toEqual(['done']);
  });

  it('that nobody stops advances when its time is over', async () => {
    const recording = state('awaiting_end', { do: 'wait', for: 'visit_end', seconds: 0.05 });
    const visit = await scripted.visit({ advance: [recording, state('not_analyzable', { do: 'finish' })] });
    await visit.result();
    expect((await visit.attributes()).PipelineStage).toEqual(['not_analyzable']);
  });

  it('passes retry sent as a signal on to its analysis', async () => {
    let id = '';
    const visit = await scripted.visit({ advance: [RINGING, () => ({ ...ANALYZING, subjectId: id })] });
    id = visit.id;
    await visit.waitingFor('the end of the visit');
    await visit.ring();
    await visit.waitingFor('its analysis by Shunya');
    await visit.handle.signal(retrySignal, { operator: 'jo', reason: 'r' });
    await eventually(() => {
      const passed = visit.played.find(({ name }) => name === 'passActionOn');
      expect(passed?.input.workflowId).toBe(analysisWorkflowId('visit', id, 1));
    });
    await visit.handle.terminate();
  });
});
