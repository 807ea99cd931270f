/**
 * Rings of pipelines' workflows: inbox rows, stored in the transaction of the change that the workflow has to know of and
 * brought by the relay like any event. The workflow's next advance deletes them.
 */
import { and, eq } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { analysisRuns, calls } from '../../db/schema/index.ts';
import { type Write, writeTogether } from '../../db/writes.ts';
import type { SubjectKey } from '../../domain/pipelineSteps.ts';
import { RING } from '../../domain/webhookEvent.ts';
import { analysisWorkflowId, callWorkflowId, visitWorkflowId } from '../../domain/workflowIds.ts';
import { storingInternalEvent } from '../inbox/internalEvents.ts';

/** Rings the workflow of a call or visit. */
export async function ringPipeline(tx: Queryable, key: SubjectKey): Promise<void> {
  const providerCallId = key.subjectKind === 'call' ? await findProviderCallId(tx, key.subjectId) : null;
  await writeTogether(tx, ringingPipeline(tx, { ...key, providerCallId }));
}

/** Rings the analysis of one generation; the relay starts it where none runs. */
export async function ringAnalysis(tx: Queryable, run: RunKey): Promise<void> {
  const providerCallId = run.subjectKind === 'call' ? await findProviderCallId(tx, run.subjectId) : null;
  await ringingAnalysis(tx, { ...run, providerCallId });
}

/** The same, to be sent with other writes; none where there is no such call any more. */
export function ringingPipeline(tx: Queryable, key: SubjectKey & KnownCall): Write[] {
  const { companyId, subjectKind, subjectId, providerCallId } = key;
  if (subjectKind === 'visit')
    return [storingInternalEvent(tx, { companyId, route: RING, workflowId: visitWorkflowId(subjectId) })];
  if (providerCallId === null) return [];
  const workflowId = callWorkflowId(companyId, providerCallId);
  return [storingInternalEvent(tx, { companyId, route: RING, workflowId, providerCallId })];
}

/** The same, to be sent with other writes. */
export function ringingAnalysis(
  tx: Queryable,
  { companyId, subjectKind, subjectId, generation, ...of }: RunKey & KnownCall,
): Write {
  const workflowId = analysisWorkflowId(subjectKind, subjectId, generation);
  // The call's id is for the summary that people read.
  const body = { call: of.providerCallId ?? undefined };
  return storingInternalEvent(tx, { companyId, route: RING, workflowId, body });
}

type RunKey = SubjectKey & { generation: number };

interface KnownCall {
  /** CallRail's id of the call; null of a visit. */
  providerCallId: string | null;
}

/** Rings the analysis of a call or visit that is under way, if there is one. */
export async function ringRunningAnalysis(tx: Queryable, key: SubjectKey): Promise<void> {
  const [running] = await tx
    .select({ generation: analysisRuns.generation })
    .from(analysisRuns)
    .where(
      and(
        eq(analysisRuns.subjectKind, key.subjectKind),
        eq(analysisRuns.subjectId, key.subjectId),
        eq(analysisRuns.state, 'running'),
      ),
    )
    .limit(1);
  if (running) await ringAnalysis(tx, { ...key, generation: running.generation });
}

/** CallRail's id of a call; null where there is no such call. */
export async function findProviderCallId(tx: Queryable, callId: string): Promise<string | null> {
  const [call] = await tx.select({ providerCallId: calls.providerCallId }).from(calls).where(eq(calls.id, callId));
  return call?.providerCallId ?? null;
}
