/** One step of a visit's pipeline: follow its session, close one that was never stopped, and decide what is next. */
import { and, eq, ne, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { isOpen, recordingSessions, webhookEvents } from '../../db/schema/index.ts';
import { alongside, writeTogether } from '../../db/writes.ts';
import { type PipelineWaits, remaining, type SubjectState } from '../../domain/pipelineSteps.ts';
import { visitWorkflowId } from '../../domain/workflowIds.ts';
import { type Decision, inStage, nextAnalysisStep } from '../analysis/next.ts';
import { selectRun } from '../analysis/runs.ts';
import { markingApplied } from '../inbox/applied.ts';
import { isRingOf, takingRings } from '../inbox/internalEvents.ts';
import { settingStage, shownColumns } from '../pipelines/state.ts';

export interface AdvanceVisitInput {
  companyId: string;
  sessionId: string;
  waits: PipelineWaits;
}

/** Takes the session's events, closes a session that nobody stopped in time, and says what is next; in one transaction. */
export async function advanceVisit(db: Database, config: Config, input: AdvanceVisitInput): Promise<SubjectState> {
  return db.transaction(async (tx) => {
    const key = { companyId: input.companyId, subjectKind: 'visit' as const, subjectId: input.sessionId };
    const session = await loadVisitAndMarkApplied(tx, input);
    if (!session) return { subjectId: null, stage: 'done', block: null, next: { do: 'finish' } };
    const { stage, reason, block, next, writes = [] } = await decide(tx, config, input, session);
    const isMoved = stage !== session.stage || reason !== session.reason;
    await writeTogether(tx, [...writes, ...(isMoved ? [settingStage(tx, key, stage, reason)] : [])]);
    return { subjectId: session.id, stage, block, next };
  });
}

async function decide(
  tx: Transaction,
  config: Config,
  { companyId, waits }: AdvanceVisitInput,
  session: Session,
): Promise<Decision> {
  const { id, status, startedAt, generation, audioUrl } = session;
  if (status === 'completed') {
    const subject = { companyId, subjectKind: 'visit' as const, subjectId: id };
    const run = await selectRun(tx, subject, generation);
    const recording = { generation, recordingUrl: audioUrl ?? '', providerCallId: null };
    return nextAnalysisStep(tx, config, { ...subject, ...recording }, run, session);
  }
  const seconds = remaining(startedAt, waits.visitMaxSeconds);
  if (status === 'recording' && seconds > 0) return inStage('awaiting_end', { do: 'wait', for: 'visit_end', seconds });
  await tx
    .update(recordingSessions)
    .set({ status: 'failed', updatedAt: sql`now()` })
    .where(eq(recordingSessions.id, id));
  return inStage('not_analyzable', { do: 'finish' }, 'visit_never_stopped');
}

type Session = NonNullable<Awaited<ReturnType<typeof loadVisitAndMarkApplied>>>;

/** Locks a session, which shows all that its events tell of: deletes the rings of its workflow and marks those applied. */
async function loadVisitAndMarkApplied(tx: Transaction, input: AdvanceVisitInput) {
  const workflowId = visitWorkflowId(input.sessionId);
  // An operator's action is applied once it is sent.
  const isTaken = and(ne(webhookEvents.source, 'operator'), isOpen(webhookEvents), sql`not ${isRingOf(workflowId)}`);
  const applied = markingApplied(tx, and(eq(webhookEvents.workflowId, workflowId), isTaken));
  const [session] = await tx
    .with(takingRings(tx, workflowId), ...alongside(tx, [applied]))
    .select({
      ...shownColumns(recordingSessions),
      id: recordingSessions.id,
      status: recordingSessions.status,
      startedAt: recordingSessions.startedAt,
      audioUrl: recordingSessions.audioUrl,
      generation: recordingSessions.generation,
    })
    .from(recordingSessions)
    .where(and(eq(recordingSessions.companyId, input.companyId), eq(recordingSessions.id, input.sessionId)))
    .for('update');
  return session;
}
