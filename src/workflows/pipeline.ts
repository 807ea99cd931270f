/**
 * What every pipeline workflow shows and takes: its stage and block as search attributes, current details and the query
 * `status`; the Updates and signals by which an operator hurries or gives up a blocked step.
 */
import * as wf from '@temporalio/workflow';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';
import type { Blocker, PipelineStage } from '../domain/pipeline.ts';
import type { Block, PipelineWaits } from '../domain/pipelineSteps.ts';
import {
  type OperatorAction,
  type OperatorAnswer,
  type PipelineStatus,
  type ResumedPipeline,
  retrySignal,
  retryUpdate,
  ringSignal,
  SEARCH_ATTRIBUTE_KEYS,
  skipSignal,
  skipUpdate,
  statusQuery,
} from './contracts.ts';

/** What `retry` and `skip` may take; they need nothing. */
const ACTION_FORM = '{"operator": "your user id", "reason": "why"}';
/** Longer values would only fill Temporal's history. */
const OPERATOR_MAX = 255;
const REASON_MAX = 2000;

/** What was sent, whatever it was: a person who acts in the Web UI may leave all of it out. */
function readAction(given: unknown): OperatorAction {
  const { operator, reason } = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  return {
    operator: typeof operator === 'string' && operator !== '' ? operator.slice(0, OPERATOR_MAX) : 'unknown',
    reason: typeof reason === 'string' ? reason.slice(0, REASON_MAX) : '',
  };
}

/** A refusal that the Web UI shows as it is: a stack trace would tell an operator nothing. */
function refusal(message: string, type: string): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable(message, type);
  failure.stack = '';
  return failure;
}

/** Waits this long at most while our own database is away: it comes back sooner than a provider. */
const DATABASE_RETRY_MAX_SECONDS = 30;

export interface PipelineOptions {
  waits: PipelineWaits;
  stage: PipelineStage;
  /** Where an earlier run left off; its search attributes came along by themselves. */
  resumed?: ResumedPipeline;
  /** Writes the block to the row of the call or visit. */
  showBlock(block: Block | null): Promise<void>;
  /** Writes an operator's action to the audit log, unless it came from REST and is there already. */
  audit(entry: AuditedAction): Promise<void>;
  /** The workflow below that may be blocked instead; operators' actions are passed on to it. */
  blockedBelow?(): string | undefined;
}

/** An operator's action that took effect here. `id` is the same again when a Reset applies it once more. */
export interface AuditedAction extends OperatorAction {
  id: string;
  action: 'retry' | 'skip';
  workflowId: string;
}

export type Pipeline = ReturnType<typeof createPipeline>;

/** Sets up handlers and state; to be called first thing in a workflow, before anything is awaited. */
export function createPipeline(options: PipelineOptions) {
  const { waits, resumed } = options;
  let stage = resumed?.stage ?? options.stage;
  let waitingFor = 'its first step';
  let since = new Date();
  let block: Block | null = resumed?.block ?? null;
  let shown: Block | null = block;
  let rung = false;
  let hurried = false;
  let skipped = false;
  let notBefore = resumed?.notBefore ?? 0;
  /** What operators did here that is not in the audit log yet. */
  const actions: AuditedAction[] = [];

  /** What the analysis below told of itself. */
  let below: { needsAttention: boolean; blockedOn: Blocker | null } = { needsAttention: false, blockedOn: null };
  const requireBlock = () => {
    if (!block && !options.blockedBelow?.()) throw refusal('nothing is blocked in this pipeline', 'NothingBlocked');
  };
  const passOn = async (given: unknown, signal: typeof retrySignal): Promise<OperatorAnswer | undefined> => {
    const workflowId = block ? undefined : options.blockedBelow?.();
    if (!workflowId) return undefined;
    try {
      await wf.getExternalWorkflowHandle(workflowId).signal(signal, readAction(given));
      return { workflowId, effect: 'passed_on' };
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      // It ended in this very moment: there is nothing to hurry any more.
      return undefined;
    }
  };
  const self = wf.workflowInfo().workflowId;
  /** Signals have no validator: whatever one carries, it must not fail the workflow. */
  const act = (action: 'retry' | 'skip', given: unknown): void => {
    if (!block) return;
    if (action === 'retry') hurried = true;
    else skipped = true;
    const id = `${self}/${wf.currentUpdateInfo()?.id ?? wf.uuid4()}`;
    actions.push({ id, action, workflowId: self, ...readAction(given) });
  };
  /** By the workflow, not by the handlers: two local activities at a time do not replay in the order they ended. */
  const recordActions = async (): Promise<void> => {
    for (const action of [...actions]) {
      try {
        if (wf.patched('audit-operators')) await options.audit(action);
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        // The pipeline must not stand still for it: the next step tries again.
        return;
      }
      actions.shift();
    }
  };

  wf.setHandler(ringSignal, () => {
    rung = true;
  });
  wf.setHandler(retrySignal, async (action) => {
    if (!(await passOn(action, retrySignal))) act('retry', action);
  });
  wf.setHandler(skipSignal, async (action) => {
    if (!(await passOn(action, skipSignal))) act('skip', action);
  });
  wf.setHandler(
    retryUpdate,
    async (action): Promise<OperatorAnswer> => {
      const passedOn = await passOn(action, retrySignal);
      if (passedOn) return passedOn;
      act('retry', action);
      return { workflowId: self, effect: 'retrying' };
    },
    {
      validator: (_action: OperatorAction) => requireBlock(),
      description: `Try the blocked step now instead of waiting for its next turn. Data may be empty, or ${ACTION_FORM}`,
    },
  );
  wf.setHandler(
    skipUpdate,
    async (action): Promise<OperatorAnswer> => {
      const passedOn = await passOn(action, skipSignal);
      if (passedOn) return passedOn;
      act('skip', action);
      return { workflowId: self, effect: 'skipped' };
    },
    {
      validator: (_action: OperatorAction) => requireBlock(),
      description: `Give the blocked step up for good: the pipeline ends in stage failed. Data may be empty, or ${ACTION_FORM}`,
    },
  );
  wf.setHandler(
    statusQuery,
    (): PipelineStatus => ({
      stage,
      waitingFor,
      since: since.toISOString(),
      blockedOn: block?.blockedOn ?? below.blockedOn,
      needsAttention: block?.needsAttention ?? below.needsAttention,
      attempts: block?.attempts ?? 0,
      lastError: block?.reason ?? null,
    }),
    { description: 'Where this pipeline stands: stage, what it waits for, since when, failed attempts, last error.' },
  );

  function describe(): void {
    const lines = [`**Stage** ${stage}`, `**Waiting for** ${waitingFor}, since ${since.toISOString()}`];
    if (block) {
      const { blockedOn, attempts, reason } = block;
      lines.push(
        `**Blocked on** ${blockedOn}: ${reason}, ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}. It goes on trying by itself${notBefore > Date.now() ? `, next at ${new Date(notBefore).toISOString()}` : ''}.`,
        'An operator can send the Update `retry` to try now, or `skip` to give this step up; no argument is needed.',
      );
    }
    wf.setCurrentDetails(lines.join('\n\n'));
  }

  const upsert = (attributes: Parameters<typeof wf.upsertSearchAttributes>[0]) => wf.upsertSearchAttributes(attributes);

  /** Brings search attributes, details and the row to the block as it is now; nothing where they say so already. */
  async function showBlock(): Promise<void> {
    await recordActions();
    if (JSON.stringify(block) === JSON.stringify(shown)) return;
    const [now, before] = [block, shown];
    if ((now?.needsAttention ?? false) !== (before?.needsAttention ?? false) || now?.blockedOn !== before?.blockedOn)
      upsert([
        { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: now?.needsAttention ?? false },
        { key: SEARCH_ATTRIBUTE_KEYS.blockedOn, value: now?.blockedOn ?? null },
      ]);
    describe();
    shown = now;
    try {
      await options.showBlock(now);
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      // The row cannot be written while the database is what is away; the next change tries again.
      shown = before;
    }
  }

  return {
    /** Whether the doorbell rang since `listen`. */
    get rung() {
      return rung;
    },
    get skipped() {
      return skipped;
    },
    get stage() {
      return stage;
    },
    /** Writes what operators did here to the audit log. Only for the workflow's own course: nothing else may run meanwhile. */
    recordActions,
    /** To be called before the rows are read: rings from here on make them be read again. */
    listen() {
      rung = false;
    },

    /** Shows that the analysis below needs a person, or does not any more: operators filter calls and visits by it. */
    showBelow(next: { needsAttention: boolean; blockedOn: Blocker | null }): void {
      if (block || JSON.stringify(next) === JSON.stringify(below)) return;
      below = next;
      upsert([
        { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: next.needsAttention },
        { key: SEARCH_ATTRIBUTE_KEYS.blockedOn, value: next.blockedOn },
      ]);
    },

    setStage(next: PipelineStage): void {
      if (next === stage) return;
      stage = next;
      since = new Date();
      upsert([{ key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: stage }]);
      describe();
    },

    /** Says in plain words what comes now. */
    waitFor(words: string): void {
      if (words === waitingFor) return;
      waitingFor = words;
      since = new Date();
      describe();
    },

    /** Sleeps until the doorbell rings, an operator acts, or the time (Infinity: none) is over. @returns what ended it */
    async sleep(seconds: number): Promise<'rung' | 'operator' | 'time'> {
      const disturbed = () => rung || hurried || skipped;
      await (Number.isFinite(seconds) ? wf.condition(disturbed, Math.max(0, seconds) * 1000) : wf.condition(disturbed));
      if (hurried || skipped) {
        hurried = false;
        return 'operator';
      }
      return rung ? 'rung' : 'time';
    },

    /** Whether the blocked step's next turn has come; if not, sleeps for it. False when something else may be new. */
    async turnHasCome(): Promise<boolean> {
      if (!block || hurried || Date.now() >= notBefore) {
        hurried = false;
        return true;
      }
      await wf.condition(() => rung || hurried || skipped, notBefore - Date.now());
      if (!hurried && Date.now() < notBefore) return false;
      hurried = false;
      return true;
    },

    /** Sleeps until the blocked step's next turn, or until an operator acts; rings do not matter. */
    async untilTurn(): Promise<void> {
      await wf.condition(() => hurried || skipped, Math.max(0, notBefore - Date.now()));
      hurried = false;
      await recordActions();
    },

    /** A step failed: shows it, and sets when its next turn comes. `attempts` counts its failures so far. */
    async blocked(blockedOn: Blocker, attempts: number, failure: { code: string; retryAfterSeconds?: number }) {
      const max =
        blockedOn === 'database' ? Math.min(DATABASE_RETRY_MAX_SECONDS, waits.retryMaxSeconds) : waits.retryMaxSeconds;
      const backOff = Math.min(max, waits.retryInitialSeconds * 2 ** Math.min(attempts - 1, 30));
      notBefore = Date.now() + Math.max(backOff, failure.retryAfterSeconds ?? 0) * 1000;
      const needsAttention = attempts >= waits.retryAttempts;
      block = { blockedOn, attempts, reason: failure.code, needsAttention };
      await showBlock();
    },

    /** Raises attention without a failure: something takes too long. */
    async overdue(blockedOn: Blocker, reason: string) {
      block = { blockedOn, attempts: Math.max(1, block?.attempts ?? 0), reason, needsAttention: true };
      await showBlock();
    },

    async unblocked() {
      block = null;
      notBefore = 0;
      hurried = false;
      await showBlock();
    },
    /** The end that an operator asked for. */
    async fail() {
      if (block && wf.patched('fail-unblocked')) {
        block = null;
        await showBlock();
      }
      this.setStage('failed');
    },
    toResume: (): ResumedPipeline => ({ stage, block, notBefore }),
    get isBlocked() {
      return block !== null;
    },
    get blockedOn() {
      return block?.blockedOn;
    },
  };
}

/** What an activity's failure says: the code that failures.ts gave it, or how Temporal ended it. */
export function failureOf(error: unknown): { code: string; retryAfterSeconds?: number } {
  if (error instanceof ChildWorkflowFailure) return { code: 'analysis_was_ended' };
  // A regular activity's failure is wrapped, a local one's is not.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  // Anything else is a bug: the workflow task fails, is shown, and goes on once the code is mended.
  if (!(cause instanceof ApplicationFailure) && !(cause instanceof TimeoutFailure)) throw error;
  const [details] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  if (isDetails(details)) return details;
  return { code: cause instanceof TimeoutFailure ? 'timeout' : 'unknown' };
}

const isDetails = (value: unknown): value is { code: string; retryAfterSeconds?: number } =>
  typeof value === 'object' && value !== null && 'code' in value;
