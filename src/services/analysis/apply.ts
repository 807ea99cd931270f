/** Applies a finished analysis to leads and appointments and ends its pipeline. */
import type { Transaction } from '../../db/client.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { announce } from '../deliveries/announce.ts';
import { setStage } from '../pipelines/state.ts';
import { applyCallAnalysisEffects, applyVisitAnalysisEffects } from './effects.ts';
import { endAsApplied } from './runs.ts';

/**
 * Applies the analysis of a call or visit and ends its run, in the transaction that stored it; once, however often it is
 * asked for.
 */
export async function applyAnalysis(tx: Transaction, run: SubjectKey & { generation: number }): Promise<void> {
  if (!(await endAsApplied(tx, run))) return;
  const { companyId, subjectKind, subjectId } = run;
  if (subjectKind === 'call') await applyCallAnalysisEffects(tx, { companyId, callId: subjectId });
  else await applyVisitAnalysisEffects(tx, { companyId, sessionId: subjectId });
  await setStage(tx, run, 'done');
  await announce(tx, { companyId, type: subjectKind === 'call' ? 'call.analyzed' : 'visit.analyzed', subjectId });
}
