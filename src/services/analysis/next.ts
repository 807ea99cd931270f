/** What an ended call or stopped visit with a recording does next, by the state of its newest run. */
import { eq } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Transaction } from '../../db/client.ts';
import type { PipelineStage } from '../../domain/pipeline.ts';
import type { Block, NextStep, SubjectKey } from '../../domain/pipelineSteps.ts';
import { currentState, subjectTable } from '../pipelines/state.ts';
import { applyAnalysis } from './apply.ts';
import { selectRun, startRun } from './runs.ts';

/** A decision on a pipeline, to be written to its row. */
export interface Decision {
  stage: PipelineStage;
  reason: string | null;
  block: Block | null;
  next: NextStep;
}

/** A stage in which nothing is wrong. */
export const inStage = (stage: PipelineStage, next: NextStep, reason: string | null = null): Decision => ({
  stage,
  reason,
  block: null,
  next,
});

const FINISH: NextStep = { do: 'finish' };

/**
 * The next step by the newest run. Starts a run where there is none, or where the recording has changed since one that could
 * not be analyzed.
 */
export async function nextAnalysisStep(
  tx: Transaction,
  config: Config,
  subject: SubjectKey & { generation: number; recordingUrl: string; providerCallId?: string },
): Promise<Decision> {
  const { generation } = subject;
  const run = await selectRun(tx, subject, generation);
  switch (run?.state) {
    case undefined:
      return begin(tx, config, subject);
    case 'running': {
      const now = await currentState(tx, subject);
      const stage = now?.stage === 'analyzing' ? 'analyzing' : 'transcribing';
      return { stage, reason: null, block: now?.block ?? null, next: { do: 'analyze', generation } };
    }
    case 'analyzed':
      // An analysis is applied by the transaction that ends it; one from before 0.2 was left to its call.
      await applyAnalysis(tx, subject);
      return inStage('done', FINISH);
    case 'applied':
      return inStage('done', FINISH);
    case 'not_analyzable': {
      if (run.recordingUrl === subject.recordingUrl) return inStage('not_analyzable', FINISH, run.reason);
      const table = subjectTable(subject.subjectKind);
      await tx
        .update(table)
        .set({ generation: generation + 1 })
        .where(eq(table.id, subject.subjectId));
      return begin(tx, config, { ...subject, generation: generation + 1 });
    }
    case 'failed':
      return inStage('failed', FINISH, run.reason);
  }
}

async function begin(
  tx: Transaction,
  config: Config,
  subject: Parameters<typeof nextAnalysisStep>[2],
): Promise<Decision> {
  const refused = await startRun(tx, config, subject);
  if (refused) return inStage('not_analyzable', FINISH, refused);
  return inStage('transcribing', { do: 'analyze', generation: subject.generation });
}
