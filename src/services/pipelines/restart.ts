/** Starts pipelines again whose workflow was ended by hand while their rows say that something is left to do. */
import type { Database, Transaction } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import { callIdOf } from '../../domain/callId.ts';
import { isFinalStage } from '../../domain/pipeline.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { parseWorkflowId } from '../../domain/workflowIds.ts';
import { selectRun } from '../analysis/runs.ts';
import { isRingOf, ringAnalysis, ringPipeline } from './ring.ts';
import { currentStage } from './state.ts';

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
        return restartPipeline(tx, { companyId, subjectKind: 'call', subjectId });
      }
      case 'visit':
        return restartPipeline(tx, { companyId, subjectKind: 'visit', subjectId: subject.sessionId });
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

async function restartPipeline(tx: Transaction, key: SubjectKey): Promise<boolean> {
  const stage = await currentStage(tx, key);
  if (!stage || isFinalStage(stage)) return false;
  await ringPipeline(tx, key);
  return true;
}
