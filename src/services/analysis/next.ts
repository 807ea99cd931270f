/** What an ended call or stopped visit with a recording does next, by the state of its newest run. */
import type { Config } from '../../config/config.ts';
import type { Transaction } from '../../db/client.ts';
import type { Write } from '../../db/writes.ts';
import type { Blocker, PipelineStage } from '../../domain/pipeline.ts';
import type { Block, NextStep, SubjectKey } from '../../domain/pipelineSteps.ts';
import { analysisWorkflowId } from '../../domain/workflowIds.ts';
import { queueOperatorAction } from '../inbox/queuedActions.ts';
import { blockOf, type ShownState, setGeneration } from '../pipelines/state.ts';
import { type selectRun, startingRun } from './runs.ts';

/** A decision on a pipeline, to be written to its row. */
export interface Decision {
  stage: PipelineStage;
  reason: string | null;
  block: Block | null;
  next: NextStep;
  /** What is to be written with the stage. */
  writes?: readonly Write[];
}

/** A stage in which nothing is wrong. */
export const inStage = (stage: PipelineStage, next: NextStep, reason: string | null = null): Decision => ({
  stage,
  reason,
  block: null,
  next,
});

const FINISH: NextStep = { do: 'finish' };

interface AnalyzedSubject extends SubjectKey {
  generation: number;
  recordingUrl: string;
  providerCallId: string | null;
  /** The recording was told of just now, by the same link perhaps: its audio may be there only since. */
  hasNewRecordingEvent?: boolean;
}

/** What another try at the same link may mend. */
const MAY_BE_MENDED = /^(refused_by_shunya:|recording_host_not_allowed$)/;

/**
 * The next step by the newest run. Starts a run where there is none, or where the recording has changed, or was told of once
 * more, since one that could not be analyzed.
 * @param run of this generation
 * @param now what the row of the call or visit shows
 */
export async function nextAnalysisStep(
  tx: Transaction,
  config: Config,
  subject: AnalyzedSubject,
  run: Awaited<ReturnType<typeof selectRun>>,
  now: ShownState,
): Promise<Decision> {
  const { generation } = subject;
  switch (run?.state) {
    case undefined:
      return begin(tx, config, subject);
    case 'running': {
      const stage = now.stage === 'analyzing' ? 'analyzing' : 'transcribing';
      if (subject.hasNewRecordingEvent) await tryAtOnce(tx, subject, now.blockedOn ?? undefined);
      return { stage, reason: null, block: blockOf(now), next: { do: 'analyze', generation } };
    }
    case 'applied':
      return inStage('done', FINISH);
    case 'not_analyzable': {
      const isWorthwhile = subject.hasNewRecordingEvent && MAY_BE_MENDED.test(run.reason ?? '');
      if (run.recordingUrl === subject.recordingUrl && !isWorthwhile)
        return inStage('not_analyzable', FINISH, run.reason);
      await setGeneration(tx, subject, generation + 1);
      return begin(tx, config, { ...subject, generation: generation + 1 });
    }
    case 'failed':
      return inStage('failed', FINISH, run.reason);
  }
}

/** An analysis that waits for its next turn at the recording has it now. */
async function tryAtOnce(tx: Transaction, subject: AnalyzedSubject, blockedOn?: Blocker): Promise<void> {
  if (blockedOn !== 'shunya_transcription' && blockedOn !== 'callrail_recording') return;
  const { companyId, subjectKind, subjectId, generation } = subject;
  const workflowId = analysisWorkflowId(subjectKind, subjectId, generation);
  const told = { workflowIds: [workflowId], operator: 'callrail', reason: 'told of the recording again' };
  await queueOperatorAction(tx, 'retry', { companyId, providerCallId: null, workflowId }, told);
}

function begin(tx: Transaction, config: Config, subject: AnalyzedSubject): Decision {
  const { refused, writes } = startingRun(tx, config, subject);
  if (refused) return { ...inStage('not_analyzable', FINISH, refused), writes };
  return { ...inStage('transcribing', { do: 'analyze', generation: subject.generation }), writes };
}
