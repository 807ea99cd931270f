/** Recording sessions of visits, with the current analysis. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { appointments, recordingAnalyses, recordingSessions } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

const sessionColumns = {
  id: recordingSessions.id,
  companyId: recordingSessions.companyId,
  appointmentId: recordingSessions.appointmentId,
  startedBy: recordingSessions.startedBy,
  status: recordingSessions.status,
  startedAt: recordingSessions.startedAt,
  stoppedAt: recordingSessions.stoppedAt,
  hasRecording: sql<boolean>`${recordingSessions.audioUrl} is not null`,
  stage: recordingSessions.stage,
  needsAttention: recordingSessions.needsAttention,
  blockedOn: recordingSessions.blockedOn,
  attempts: recordingSessions.attempts,
  reason: recordingSessions.reason,
  pipelineUpdatedAt: recordingSessions.pipelineUpdatedAt,
  createdAt: recordingSessions.createdAt,
  updatedAt: recordingSessions.updatedAt,
};

const analysisColumns = {
  outcome: recordingAnalyses.outcome,
  objections: recordingAnalyses.objections,
  complianceScore: recordingAnalyses.complianceScore,
  stagesFollowed: recordingAnalyses.stagesFollowed,
  stagesMissed: recordingAnalyses.stagesMissed,
  scorecardVersion: recordingAnalyses.scorecardVersion,
  weightedScore: recordingAnalyses.weightedScore,
  sentimentScore: recordingAnalyses.sentimentScore,
  summary: recordingAnalyses.summary,
  analyzedAt: recordingAnalyses.analyzedAt,
};

/** The analysis that counts: the one of the highest generation. */
const isCurrentAnalysis = and(
  eq(recordingAnalyses.sessionId, recordingSessions.id),
  sql`${recordingAnalyses.generation} = (select max(each.generation) from recording_analyses as each where each.session_id = ${recordingSessions.id})`,
);

export type SessionRow = Awaited<ReturnType<typeof listSessions>>[number];

/** Whose sessions somebody may see. */
export interface SessionScope {
  companyId: string;
  /** Only those of appointments assigned to this rep. */
  repId?: string;
}

export interface SessionFilter extends SessionScope {
  ids?: readonly string[];
  appointmentId?: string;
}

/** A page of sessions, newest first. */
export async function listSessions(db: Queryable, filter: SessionFilter, page: Page) {
  return db
    .select({ session: sessionColumns, analysis: analysisColumns })
    .from(recordingSessions)
    .leftJoin(recordingAnalyses, isCurrentAnalysis)
    .where(and(matching(filter), olderThan(recordingSessions.startedAt, recordingSessions.id, page.after)))
    .orderBy(desc(recordingSessions.startedAt), desc(recordingSessions.id))
    .limit(page.limit);
}

export const countSessions = (db: Queryable, filter: SessionFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${recordingSessions} where ${matching(filter)}`);

export async function findSession(db: Queryable, scope: SessionScope, id: string): Promise<SessionRow | undefined> {
  const [row] = await listSessions(db, { ...scope, ids: [id] }, { limit: 1 });
  return row;
}

/** The session of an appointment that is being recorded. */
export async function findOpenSession(db: Queryable, appointmentId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ id: recordingSessions.id })
    .from(recordingSessions)
    .where(and(eq(recordingSessions.appointmentId, appointmentId), eq(recordingSessions.status, 'recording')));
  return row?.id;
}

/** Locks a session for a change. */
export async function lockSession(db: Queryable, scope: SessionScope, id: string) {
  const [row] = await db
    .select({ id: recordingSessions.id, audioUrl: recordingSessions.audioUrl })
    .from(recordingSessions)
    .where(matching({ ...scope, ids: [id] }))
    .for('update');
  return row;
}

const matching = (filter: SessionFilter): SQL | undefined =>
  and(
    eq(recordingSessions.companyId, filter.companyId),
    filter.ids && inArray(recordingSessions.id, [...filter.ids]),
    filter.appointmentId === undefined ? undefined : eq(recordingSessions.appointmentId, filter.appointmentId),
    filter.repId === undefined
      ? undefined
      : sql`exists (select 1 from ${appointments} where ${appointments.id} = ${recordingSessions.appointmentId} and ${appointments.assignedRepId} = ${filter.repId})`,
  );
