/**
 * The workflows on a real Temporal server with activities that play what a test writes down: the rows are the seam, so a
 * script says what the rows would have said. Used for nothing but the branches of the workflows themselves.
 */
import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowOptions } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { ReconcileCompanyInput, ReconcileOutcome } from '../../src/activities/reconciliation.ts';
import { callIdOf } from '../../src/domain/callId.ts';
import type { AnalysisStep, PipelineWaits, SubjectState } from '../../src/domain/pipelineSteps.ts';
import { analysisWorkflowId, callWorkflowId, visitWorkflowId } from '../../src/domain/workflowIds.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflowBundle.ts';
import {
  analysisAttributes,
  type CallRailReconciliationInput,
  callAttributes,
  callrailQueue,
  RECONCILIATION_SCHEDULE_ID,
  ringSignal,
  type ShunyaAnalysisInput,
  shunyaReadQueue,
  shunyaSubmitQueue,
  statusQuery,
  visitAttributes,
} from '../../src/workflows/contracts.ts';
import { serviceDataDir } from '../harness/build.ts';
import { createTestNamespace } from '../harness/infra.ts';
import { eventually } from '../harness/poll.ts';

const TASK_QUEUE = 'scripted';
const COMPANY = 'acme';

const WAITS: PipelineWaits = {
  callMaxSeconds: 3600,
  visitMaxSeconds: 3600,
  recordingWaitSeconds: 3600,
  shunyaPollSeconds: 3600,
  shunyaJobTimeoutSeconds: 86_400,
  retryInitialSeconds: 0.01,
  retryMaxSeconds: 0.05,
  retryAttempts: 3,
};

/** What one activity answers, call after call; the last answer stays. A function may fail, or wait. */
type Answers<T> = (T | (() => T | Promise<T>))[];

export interface Script {
  advance: Answers<SubjectState | AnalysisStep>;
  submit?: Answers<void>;
  read?: Answers<void>;
  giveUp?: Answers<void>;
  passActionOn?: Answers<void>;
  listReconciliations?: Answers<{ companies: ReconcileCompanyInput[]; next: string | null }>;
  reconcileCompany?: Answers<ReconcileOutcome>;
}

export type CallOptions = Pick<WorkflowOptions, 'workflowTaskTimeout'>;

/** One activity as it was asked for. */
export interface Played {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: inputs of any activity.
  input: any;
}

/** A failure as an activity gives it, by its code. */
export const failing = (code: string, retryAfterSeconds?: number) => () => {
  throw ApplicationFailure.create({
    type: 'ProviderFailure',
    message: code,
    nonRetryable: true,
    details: [{ code, retryAfterSeconds }],
  });
};

export type Scripted = Awaited<ReturnType<typeof startScripted>>;

/** Starts a worker for scripted workflows in a namespace of its own. */
export async function startScripted() {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });
  const { address, namespace } = await createTestNamespace();
  const [connection, nativeConnection, workflowBundle] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
    loadWorkflowBundle({ dataDir: serviceDataDir(inject('servers').dataDir) }),
  ]);
  const client = new Client({ connection, namespace });
  const plays = new Map<string, Play>();
  const play = (id: string): Play => {
    const found = plays.get(id);
    if (!found) throw ApplicationFailure.nonRetryable(`no script for ${id}`);
    return found;
  };

  const database = {
    advanceCall: (input: { providerCallId: string }) => play(input.providerCallId).next('advance', input),
    advanceVisit: (input: { sessionId: string }) => play(input.sessionId).next('advance', input),
    advanceAnalysis: (input: { subjectId: string }) => play(input.subjectId).next('advance', input),
    showBlock: (input: { subjectId: string }) => play(input.subjectId).note('showBlock', input),
    showAnalysisBlock: (input: { subjectId: string }) => play(input.subjectId).note('showAnalysisBlock', input),
    giveUp: (input: { subjectId: string }) => play(input.subjectId).next('giveUp', input),
    recordOperatorAction: (input: { subjectId: string }) => play(input.subjectId).note('recordOperatorAction', input),
    passActionOn: (input: { subjectId: string }) => play(input.subjectId).next('passActionOn', input),
  };
  const provider = {
    submitJob: (input: { jobId: string }) => play(input.jobId).next('submit', input),
    readJob: (input: { jobId: string }) => play(input.jobId).next('read', input),
  };
  const reconciliation = {
    listReconciliations: (input: object) => play(RECONCILIATION_SCHEDULE_ID).next('listReconciliations', input),
    reconcileCompany: (input: object) => play(RECONCILIATION_SCHEDULE_ID).next('reconcileCompany', input),
  };
  const shared = { connection: nativeConnection, namespace };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: TASK_QUEUE, workflowBundle, activities: database }),
    Worker.create({ ...shared, taskQueue: shunyaSubmitQueue(TASK_QUEUE), activities: provider }),
    Worker.create({ ...shared, taskQueue: shunyaReadQueue(TASK_QUEUE), activities: provider }),
    Worker.create({ ...shared, taskQueue: callrailQueue(TASK_QUEUE), activities: reconciliation }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));

  const open = async (
    type: string,
    workflowId: string,
    input: object,
    attributes: Attributes,
    options: CallOptions = {},
  ) => {
    const handle = await client.workflow.signalWithStart(type, {
      workflowId,
      taskQueue: TASK_QUEUE,
      args: [input],
      signal: ringSignal,
      signalArgs: [{}],
      typedSearchAttributes: attributes,
      ...options,
    });
    return {
      handle,
      workflowId,
      status: () => handle.query(statusQuery),
      /** The status once it waits for this. */
      waitingFor: (words: string) =>
        eventually(async () => {
          const status = await handle.query(statusQuery);
          if (status.waitingFor !== words) throw new Error(`it waits for ${status.waitingFor}, not ${words}`);
          return status;
        }),
      /** The status once it is blocked, by at least so many failures. */
      blocked: (attempts = 1) =>
        eventually(async () => {
          const status = await handle.query(statusQuery);
          if (status.attempts < attempts) throw new Error(`it has failed ${status.attempts} times, not ${attempts}`);
          return status;
        }),
      ring: () => handle.signal(ringSignal, {}),
      result: () => handle.result(),
      attributes: async () => (await handle.describe()).searchAttributes,
    };
  };

  return {
    client,
    /** A call whose rows say what the script says. */
    async call(script: Script, waits: Partial<PipelineWaits> = {}, options: CallOptions = {}) {
      const providerCallId = randomUUID();
      const id = callIdOf(COMPANY, providerCallId);
      const played = new Play(script);
      plays.set(providerCallId, played);
      plays.set(id, played);
      const input = { companyId: COMPANY, providerCallId, waits: { ...WAITS, ...waits } };
      const workflowId = callWorkflowId(COMPANY, providerCallId);
      const opened = await open('CallLifecycle', workflowId, input, callAttributes(COMPANY, id), options);
      return { ...opened, id, played: played.log };
    },
    async visit(script: Script, waits: Partial<PipelineWaits> = {}) {
      const id = randomUUID();
      const played = new Play(script);
      plays.set(id, played);
      const input = { companyId: COMPANY, sessionId: id, waits: { ...WAITS, ...waits } };
      const opened = await open('VisitRecording', visitWorkflowId(id), input, visitAttributes(COMPANY));
      return { ...opened, id, played: played.log };
    },
    /** The analysis of a call; `jobId` of its steps is the id it is given here. */
    async analysis(
      script: (id: string) => Script,
      waits: Partial<PipelineWaits> = {},
      more: Partial<ShunyaAnalysisInput> = {},
    ) {
      const id = randomUUID();
      const played = new Play(script(id));
      plays.set(id, played);
      const subject = { companyId: COMPANY, subjectKind: 'call' as const, subjectId: id, generation: 1 };
      const input: ShunyaAnalysisInput = { ...subject, waits: { ...WAITS, ...waits }, ...more };
      const attributes = analysisAttributes(COMPANY, 'call', id);
      const opened = await open('ShunyaAnalysis', analysisWorkflowId('call', id, 1), input, attributes);
      return { ...opened, id, played: played.log };
    },
    /** A comparison with CallRail's lists; one at a time. @returns what it came to, and what was asked of activities */
    async reconciliation(script: Omit<Script, 'advance'>) {
      const played = new Play({ advance: [], ...script });
      plays.set(RECONCILIATION_SCHEDULE_ID, played);
      const workflowId = `${RECONCILIATION_SCHEDULE_ID}-${randomUUID()}`;
      const args: [CallRailReconciliationInput] = [{ lookbackSeconds: 3600 }];
      const type = 'CallRailReconciliation';
      const result = await client.workflow.execute(type, { workflowId, taskQueue: TASK_QUEUE, args });
      return { result, played: played.log };
    },
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await nativeConnection.close();
      await connection.close();
    },
  };
}

type Attributes = ReturnType<typeof callAttributes>;

/** A script as it is played: what was asked, and which answer is next. */
class Play {
  readonly log: Played[] = [];
  private readonly script: Script;
  private readonly at: Record<string, number> = {};

  constructor(script: Script) {
    this.script = script;
  }

  async next(name: keyof Script, input: unknown): Promise<unknown> {
    this.log.push({ name, input });
    const answers: Answers<unknown> = this.script[name] ?? [];
    const index = this.at[name] ?? 0;
    this.at[name] = index + 1;
    const answer = answers[Math.min(index, answers.length - 1)];
    return typeof answer === 'function' ? answer() : answer;
  }

  async note(name: string, input: unknown): Promise<void> {
    this.log.push({ name, input });
  }
}
