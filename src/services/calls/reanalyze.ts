import { and, eq } from 'drizzle-orm';
import type { Queryable, Transaction } from '../../db/client.ts';
import { findCall } from '../../db/queries/calls.ts';
import { analysisRuns, calls } from '../../db/schema/index.ts';
import { isFinalStage } from '../../domain/pipeline.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { audit } from '../audit.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';
import { setAnalysisDue } from '../pipelines/state.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { lockCall } from './lock.ts';

/**
 * Has a call transcribed and analyzed once more, under a new generation, as a person asks; the event that rings its workflow
 * is stored in the same transaction.
 */
export async function reanalyzeCall(
  tx: Transaction,
  requester: Requester,
  id: string,
  reason: string,
): Promise<{ workflowId: string; generation: number }> {
  const { call } = (await findCall(tx, requester, id)) ?? {};
  if (!call) throw refuseMissing();
  const { companyId, providerCallId } = call;
  await lockCall(tx, call);
  const generation = await nextGeneration(tx, call.id);
  await setAnalysisDue(tx, { companyId, subjectKind: 'call', subjectId: call.id }, generation);

  const workflowId = callWorkflowId(companyId, providerCallId);
  const details = { generation };
  await storeInternalEvent(tx, { companyId, providerCallId, workflowId, route: 'call.reanalyze', body: details });
  await audit(tx, requester, {
    action: 'call.reanalyze',
    subject: { kind: 'call', id: call.id },
    companyId,
    reason,
    details,
  });
  return { workflowId, generation };
}

/** @throws {Refusal} where the call cannot be analyzed, or is being analyzed */
async function nextGeneration(tx: Transaction, callId: string): Promise<number> {
  const [row] = await tx
    .select({
      status: calls.status,
      recordingUrl: calls.recordingUrl,
      stage: calls.stage,
      generation: calls.generation,
    })
    .from(calls)
    .where(eq(calls.id, callId))
    .for('update');
  if (!row || row.status === 'ringing' || row.status === 'in_progress')
    throw new Refusal('conflict', { detail: 'The call has not ended.' });
  if (row.recordingUrl === null) throw new Refusal('no_recording');
  // A stage that is not final has an analysis before it, under way or about to be.
  if (!isFinalStage(row.stage) || (await hasOpenRun(tx, callId))) throw new Refusal('analysis_running');
  return row.generation + 1;
}

async function hasOpenRun(tx: Queryable, callId: string): Promise<boolean> {
  const open = await tx
    .select({ generation: analysisRuns.generation })
    .from(analysisRuns)
    .where(
      and(eq(analysisRuns.subjectKind, 'call'), eq(analysisRuns.subjectId, callId), eq(analysisRuns.state, 'running')),
    )
    .limit(1);
  return open.length > 0;
}
