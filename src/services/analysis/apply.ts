/** Applies a finished analysis to leads and appointments and ends its pipeline. */
import type { Transaction } from '../../db/client.ts';
import { type Write, writeTogether } from '../../db/writes.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { announce } from '../deliveries/announce.ts';
import { ringingPipeline } from '../pipelines/ring.ts';
import { settingStage } from '../pipelines/state.ts';
import { applyCallAnalysisEffects, applyVisitAnalysisEffects } from './effects.ts';
import type { Result } from './results.ts';
import { endingAsApplied } from './runs.ts';

/**
 * Applies the analysis of a call or visit, ends its run, which is locked and under way, and rings the call or visit.
 * @param taken what is to be written of it before, and what it comes to where that is known
 */
export async function applyAnalysis(
  tx: Transaction,
  run: SubjectKey & { generation: number; providerCallId: string | null },
  taken: Result,
): Promise<void> {
  const { companyId, subjectKind, subjectId } = run;
  const withRead = [...taken.writes, endingAsApplied(tx, run), ...ringingPipeline(tx, run)];
  const withEffects: Write[] = [settingStage(tx, run, 'done')];
  if (subjectKind === 'call') {
    await applyCallAnalysisEffects(tx, { companyId, callId: subjectId }, { ...taken, withRead, withEffects });
  } else {
    await writeTogether(tx, [...withRead, ...withEffects]);
    await applyVisitAnalysisEffects(tx, { companyId, sessionId: subjectId });
  }
  await announce(tx, { companyId, type: subjectKind === 'call' ? 'call.analyzed' : 'visit.analyzed', subjectId });
}
