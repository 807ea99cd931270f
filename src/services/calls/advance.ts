/** One step of a call's pipeline: fold its events and decide from its rows what is next. */
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { writeTogether } from '../../db/writes.ts';
import { mayLackRecording } from '../../domain/call.ts';
import { type PipelineWaits, remaining, type SubjectState } from '../../domain/pipelineSteps.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { type Decision, inStage, nextAnalysisStep } from '../analysis/next.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';
import { adoptEventsOfCall } from '../inbox/reroute.ts';
import { settingStage } from '../pipelines/state.ts';
import {
  type CallState,
  foldEvents,
  loadCallAndMarkApplied,
  type ProviderCall,
  type RunRow,
  redactEvents,
  stateOf,
  writeCall,
} from './fold.ts';
import { lockCall } from './lock.ts';

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
    return advanceLocked(tx, config, input);
  });
}

/** Folds the events of a call whose lock is held, decides by that what is next, and writes both. */
async function advanceLocked(tx: Transaction, config: Config, input: AdvanceCallInput): Promise<SubjectState> {
  const found = await loadCallAndMarkApplied(tx, input);
  if (!found || found.isDeleted) {
    await redactEvents(tx, input);
    return GONE;
  }
  // Events of it that wait for its company to be known: this makes it so.
  if (!found.call && found.hasUnrouted) await adoptEventsOfCall(tx, input.providerCallId, config);
  const events = foldEvents(found);
  const call = events ? stateOf(input, events, found.call) : found.call;
  if (!call) return GONE;

  const decided = await decide(
    tx,
    config,
    input,
    { ...call, hasNewRecordingEvent: events?.hasNewRecordingEvent ?? false },
    found.run,
  );
  if (decided === 'call_overdue') {
    await storeAbandoned(tx, input);
    return advanceLocked(tx, config, input);
  }
  const { stage, reason, block, next, writes = [] } = decided;
  if (events) await writeCall(tx, input, found, events, { stage, reason, writes });
  else {
    const key = { companyId: input.companyId, subjectKind: 'call' as const, subjectId: call.id };
    const isMoved = stage !== call.stage || reason !== call.reason;
    await writeTogether(tx, [...writes, ...(isMoved ? [settingStage(tx, key, stage, reason)] : [])]);
  }
  return { subjectId: call.id, stage, block, next };
}

async function decide(
  tx: Transaction,
  config: Config,
  input: AdvanceCallInput,
  call: CallState & { hasNewRecordingEvent: boolean },
  run: RunRow | null,
): Promise<Decision | 'call_overdue'> {
  const ended = call.status !== 'ringing' && call.status !== 'in_progress';
  if (!ended) {
    const seconds = remaining(call.createdAt, input.waits.callMaxSeconds);
    if (seconds <= 0) return 'call_overdue';
    return inStage('awaiting_end', { do: 'wait', for: 'call_end', seconds });
  }
  if (call.recordingUrl) {
    const { id: subjectId, generation, recordingUrl, hasNewRecordingEvent } = call;
    const subject = {
      ...input,
      subjectKind: 'call' as const,
      subjectId,
      generation,
      recordingUrl,
      hasNewRecordingEvent,
    };
    return nextAnalysisStep(tx, config, subject, run ?? undefined, call);
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
