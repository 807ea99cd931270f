/** One step of a call's pipeline: fold its events and decide from its rows what is next. */
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { lockCall } from '../../db/queries/calls.ts';
import { writeTogether } from '../../db/writes.ts';
import { mayLackRecording } from '../../domain/call.ts';
import { type PipelineWaits, remaining, type SubjectState } from '../../domain/pipelineSteps.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { type Decision, inStage, nextAnalysisStep } from '../analysis/next.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';
import { setStage } from '../pipelines/state.ts';
import {
  type FoldedCallRow,
  type FoundCall,
  foldEvents,
  type ProviderCall,
  type RunRow,
  redactEvents,
  takeCall,
} from './fold.ts';

export interface AdvanceCallInput extends ProviderCall {
  waits: PipelineWaits;
}

const GONE: SubjectState = { subjectId: null, stage: 'done', block: null, next: { do: 'finish' } };

/**
 * Folds all events of a call into its contact, lead and call rows, marks them applied, and says what is next: one
 * transaction, harmless to repeat. Closes a call that never ends, or gets no recording in time; a recording that comes
 * later still is analyzed all the same: its event starts the workflow anew, which advances once more.
 */
export async function advanceCall(db: Database, config: Config, input: AdvanceCallInput): Promise<SubjectState> {
  return db.transaction(async (tx) => {
    await lockCall(tx, input);
    const found = await takeCall(tx, input);
    if (!found || found.isDeleted) {
      await redactEvents(tx, input);
      return GONE;
    }
    return (await followCall(tx, config, input, found)) ?? GONE;
  });
}

/** @returns undefined where no event speaks of the call */
async function followCall(
  tx: Transaction,
  config: Config,
  input: AdvanceCallInput,
  found: FoundCall,
): Promise<SubjectState | undefined> {
  const call = await foldEvents(tx, input, config, found);
  return call && decideNext(tx, config, input, call, found.run ?? undefined);
}

async function decideNext(
  tx: Transaction,
  config: Config,
  input: AdvanceCallInput,
  call: FoldedCallRow,
  run: RunRow | undefined,
): Promise<SubjectState> {
  const key = { companyId: input.companyId, subjectKind: 'call' as const, subjectId: call.id };
  const decided = await stageOf(tx, config, input, call, run);
  if (decided === 'call_overdue') {
    await storeAbandoned(tx, input);
    const found = await takeCall(tx, input);
    return (found && (await followCall(tx, config, input, found))) ?? GONE;
  }
  const isMoved = decided.stage !== call.stage || decided.reason !== call.reason;
  const stage = isMoved ? [setStage(tx, key, decided.stage, decided.reason)] : [];
  await writeTogether(tx, [...(decided.writes ?? []), ...stage]);
  return { subjectId: call.id, stage: decided.stage, block: decided.block, next: decided.next };
}

async function stageOf(
  tx: Transaction,
  config: Config,
  input: AdvanceCallInput,
  call: FoldedCallRow,
  run: RunRow | undefined,
): Promise<Decision | 'call_overdue'> {
  const ended = call.status !== 'ringing' && call.status !== 'in_progress';
  if (!ended) {
    const seconds = remaining(call.createdAt, input.waits.callMaxSeconds);
    if (seconds <= 0) return 'call_overdue';
    return inStage('awaiting_end', { do: 'wait', for: 'call_end', seconds });
  }
  if (call.recordingUrl) {
    const { id: subjectId, generation, recordingUrl, recordingTold } = call;
    const subject = { ...input, subjectKind: 'call' as const, subjectId, generation, recordingUrl, recordingTold };
    return nextAnalysisStep(tx, config, subject, run, call);
  }
  if (mayLackRecording(call.status)) return inStage('done', { do: 'finish' });
  const seconds = remaining(call.endedAt ?? call.createdAt, input.waits.recordingWaitSeconds);
  if (seconds > 0) return inStage('awaiting_recording', { do: 'wait', for: 'recording', seconds });
  return inStage('not_analyzable', { do: 'finish' }, 'no_recording_in_time');
}

/** The end that never came, as an event of our own, so that a fold needs nothing but events. */
async function storeAbandoned(tx: Transaction, input: ProviderCall): Promise<void> {
  const { companyId, providerCallId } = input;
  const workflowId = callWorkflowId(companyId, providerCallId);
  await storeInternalEvent(tx, { companyId, providerCallId, route: 'call.abandoned', workflowId });
}
