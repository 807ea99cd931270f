/** Starts pipelines again whose workflow was ended, or is silent, while their rows say that something is left to do. */
import type { Database, Transaction } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import { callIdOf } from '../../domain/callId.ts';
import { isFinalStage, type SubjectKind } from '../../domain/pipeline.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { parseWorkflowId, pipelineWorkflowId } from '../../domain/workflowIds.ts';
import { selectRun } from '../analysis/runs.ts';
import { isRingOf, storeInternalEvent } from '../inbox/internalEvents.ts';
import { ringAnalysis, ringPipeline, ringRunningAnalysis } from './ring.ts';
import { currentStage } from './state.ts';

interface RestartedPipeline {
  kind: SubjectKind;
  companyId: string;
  subjectId: string;
  providerCallId: string | null;
}

/** Rings a pipeline's workflow, and its analysis, through the inbox, as any event would: one that is gone starts again. */
export async function restartPipeline(tx: Transaction, pipeline: RestartedPipeline): Promise<void> {
  const { kind, companyId, subjectId } = pipeline;
  const providerCallId = pipeline.providerCallId ?? undefined;
  const workflowId = pipelineWorkflowId(pipeline);
  await storeInternalEvent(tx, { companyId, route: `${kind}.restart`, workflowId, providerCallId });
  await ringRunningAnalysis(tx, { companyId, subjectKind: kind, subjectId });
}

/** Rings a workflow that was ended, where it should run. @returns whether it should */
export async function restartEnded(
  db: Database,
  ended: { workflowId: string; companyId: string | undefined },
): Promise<boolean> {
  const { workflowId, companyId } = ended;
  const subject = parseWorkflowId(workflowId);
  if (!subject || companyId === undefined) return false;
  return db.transaction(async (tx) => {
    const [rung] = await tx.select({ id: webhookEvents.id }).from(webhookEvents).where(isRingOf(workflowId)).limit(1);
    if (rung) return false;
    switch (subject.type) {
      case 'call': {
        const subjectId = 'callId' in subject ? subject.callId : callIdOf(subject.companyId, subject.providerCallId);
        return ringUnfinished(tx, { companyId, subjectKind: 'call', subjectId });
      }
      case 'visit':
        return ringUnfinished(tx, { companyId, subjectKind: 'visit', subjectId: subject.sessionId });
      case 'analysis': {
        const { subjectKind, subjectId, generation } = subject;
        const key = { companyId, subjectKind, subjectId };
        const run = await selectRun(tx, key, generation);
        if (run?.state !== 'running') return false;
        await ringAnalysis(tx, { ...key, generation });
        return true;
      }
      case 'delivery':
        // Deliveries that are lost are found by their next attempt.
        return false;
    }
  });
}

async function ringUnfinished(tx: Transaction, key: SubjectKey): Promise<boolean> {
  const stage = await currentStage(tx, key);
  if (!stage || isFinalStage(stage)) return false;
  await ringPipeline(tx, key);
  return true;
}
