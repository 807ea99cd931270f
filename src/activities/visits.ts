/** The database steps of a visit: follow its session, close one that was never stopped, apply its analysis. */
import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { announce } from '../db/queries/deliveries.ts';
import { analysisRuns, recordingSessions, webhookEvents } from '../db/schema/index.ts';
import { visitWorkflowId } from '../domain/workflowIds.ts';
import { applyVisitAnalysisEffects } from '../services/analysis/effects.ts';
import type { PipelineWaits } from '../workflows/contracts.ts';
import type { ActivityDeps } from './deps.ts';
import { nextAnalysisStep, remaining, runKey, type SubjectState, setStage } from './runs.ts';

export interface AdvanceVisitInput {
  companyId: string;
  sessionId: string;
  waits: PipelineWaits;
}

export function createVisitActivities({ db, config }: ActivityDeps) {
  return {
    /** Takes the session's events, closes a session that nobody stopped in time, and says what is next; in one transaction. */
    async advanceVisit(input: AdvanceVisitInput): Promise<SubjectState> {
      return db.transaction(async (tx) => {
        const key = { companyId: input.companyId, subjectKind: 'visit' as const, subjectId: input.sessionId };
        const session = await lockSession(tx, input);
        await markApplied(tx, input.sessionId);
        if (!session) return { subjectId: null, stage: 'done', next: { do: 'finish' } };

        if (session.status !== 'completed') {
          const seconds = remaining(session.startedAt, input.waits.visitMaxSeconds);
          if (session.status === 'recording' && seconds > 0) {
            await setStage(tx, key, 'awaiting_end');
            return { subjectId: session.id, stage: 'awaiting_end', next: { do: 'wait', for: 'visit_end', seconds } };
          }
          await tx
            .update(recordingSessions)
            .set({ status: 'failed', updatedAt: sql`now()` })
            .where(eq(recordingSessions.id, session.id));
          await setStage(tx, key, 'not_analyzable', 'visit_never_stopped');
          return { subjectId: session.id, stage: 'not_analyzable', next: { do: 'finish' } };
        }
        const { generation, audioUrl } = session;
        const decided = await nextAnalysisStep(tx, config, { ...key, generation, recordingUrl: audioUrl ?? '' });
        await setStage(tx, key, decided.stage, decided.reason);
        return { subjectId: session.id, stage: decided.stage, next: decided.next };
      });
    },

    /** Applies a finished analysis to the appointment and its lead and ends the pipeline, in one transaction; once. */
    async applyVisitAnalysis(input: { companyId: string; sessionId: string; generation: number }): Promise<void> {
      await db.transaction(async (tx) => {
        const key = { companyId: input.companyId, subjectKind: 'visit' as const, subjectId: input.sessionId };
        const applied = await tx
          .update(analysisRuns)
          .set({ state: 'applied', appliedAt: sql`now()` })
          .where(and(runKey(key, input.generation), eq(analysisRuns.state, 'analyzed')))
          .returning({ generation: analysisRuns.generation });
        if (applied.length === 0) return;
        await applyVisitAnalysisEffects(tx, input);
        await setStage(tx, key, 'done');
        await announce(tx, { companyId: input.companyId, type: 'visit.analyzed', subjectId: input.sessionId });
      });
    },
  };
}

async function lockSession(tx: Transaction, input: AdvanceVisitInput) {
  const [session] = await tx
    .select({
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

async function markApplied(tx: Transaction, sessionId: string): Promise<void> {
  await tx
    .update(webhookEvents)
    .set({ status: 'applied', appliedAt: sql`now()` })
    .where(
      and(
        eq(webhookEvents.workflowId, visitWorkflowId(sessionId)),
        // An operator's action is applied once it is sent.
        ne(webhookEvents.source, 'operator'),
        inArray(webhookEvents.status, ['pending', 'dispatched']),
      ),
    );
}
