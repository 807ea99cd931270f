/** People over AI: a person's correction of a call's analysis, and asking for the analysis once more. */
import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Queryable, Transaction } from '../../db/client.ts';
import { lockCall } from '../../db/queries/calls.ts';
import { analysisRuns, callAnalyses, calls } from '../../db/schema/index.ts';
import {
  type BookingStatus,
  type CallOutcomeCategory,
  deriveCategory,
  type Objection,
  type Qualification,
} from '../../domain/analysis.ts';
import { isFinalStage } from '../../domain/pipeline.ts';
import { applyCorrection } from '../analysis/effects.ts';
import { setAnalysisDue } from '../pipelines/state.ts';
import { scoreStages } from '../scorecards/score.ts';

/** Corrected fields by their API names; an absent one stays as it is. */
export interface Correction {
  qualification?: Qualification | null;
  booking_status?: BookingStatus | null;
  call_outcome_category?: CallOutcomeCategory | null;
  objections?: Objection[];
  sop_compliance?: { score?: number | null; stages_followed?: string[]; stages_missed?: string[] };
  sentiment_score?: number | null;
  summary?: string | null;
  appointment_date?: string | null;
  appointment_location?: string | null;
  service_requested?: string | null;
  assigned_rep_id?: string | null;
}

/** What a correction changed. Values are told of states only: texts must not outlive the deletion of their call. */
export interface CorrectionRecord {
  fields: string[];
  before: AnalysisState;
  after: AnalysisState;
}

/**
 * Corrects the current analysis of a call and lets it take effect on the lead and the appointment. What a person set is
 * remembered by field name: no later analysis changes it.
 * @param check throws where the person read another version than the one that is there now
 * @returns undefined where the call has no analysis yet
 */
export async function correctAnalysis(
  tx: Transaction,
  call: { companyId: string; id: string; providerCallId: string },
  correction: Correction,
  check: (current: { version: number; updatedAt: Date }) => void,
): Promise<CorrectionRecord | undefined> {
  await lockCall(tx, call);
  const current = await selectForUpdate(tx, call.id);
  if (!current) return undefined;
  check(current);

  const fields = Object.entries(correction).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const columns = correctedColumns(current, correction);
  const version = current.version + 1;
  await tx
    .update(callAnalyses)
    .set({
      ...columns,
      // By the version that it was scored with: a correction is of the analysis, not of the scorecard.
      ...(await scoreStages(tx, call.companyId, columns, current.scorecardVersion)),
      humanFields: [...new Set([...current.humanFields, ...fields])],
      version,
      edited: true,
      updatedAt: sql`now()`,
    })
    .where(eq(callAnalyses.id, current.id));
  await tx.update(calls).set({ updatedAt: sql`now()` }).where(eq(calls.id, call.id));
  await applyCorrection(tx, { companyId: call.companyId, callId: call.id, fields });
  return { fields, before: stateOf(current), after: stateOf({ ...columns, version }) };
}

type AnalysisState = ReturnType<typeof stateOf>;

const stateOf = (
  row: Pick<CurrentAnalysis, 'qualification' | 'bookingStatus' | 'callOutcomeCategory' | 'version'>,
) => ({
  qualification: row.qualification,
  booking_status: row.bookingStatus,
  call_outcome_category: row.callOutcomeCategory,
  version: row.version,
});

type CurrentAnalysis = NonNullable<Awaited<ReturnType<typeof selectForUpdate>>>;

async function selectForUpdate(tx: Transaction, callId: string) {
  const [row] = await tx
    .select({
      id: callAnalyses.id,
      qualification: callAnalyses.qualification,
      bookingStatus: callAnalyses.bookingStatus,
      callOutcomeCategory: callAnalyses.callOutcomeCategory,
      complianceScore: callAnalyses.complianceScore,
      stagesFollowed: callAnalyses.stagesFollowed,
      stagesMissed: callAnalyses.stagesMissed,
      scorecardVersion: callAnalyses.scorecardVersion,
      humanFields: callAnalyses.humanFields,
      version: callAnalyses.version,
      updatedAt: callAnalyses.updatedAt,
    })
    .from(callAnalyses)
    .where(eq(callAnalyses.callId, callId))
    .orderBy(desc(callAnalyses.generation))
    .limit(1)
    .for('update');
  return row;
}

function correctedColumns(current: CurrentAnalysis, correction: Correction) {
  const judgement = {
    qualification: pick(correction.qualification, current.qualification),
    bookingStatus: pick(correction.booking_status, current.bookingStatus),
  };
  const { sop_compliance: compliance } = correction;
  return {
    ...judgement,
    callOutcomeCategory: correctedCategory(current, correction, judgement),
    objections: correction.objections,
    complianceScore: pick(compliance?.score, current.complianceScore),
    stagesFollowed: compliance?.stages_followed ?? current.stagesFollowed,
    stagesMissed: compliance?.stages_missed ?? current.stagesMissed,
    sentimentScore: correction.sentiment_score,
    summary: correction.summary,
    appointmentDate: correction.appointment_date,
    appointmentLocation: correction.appointment_location,
    serviceRequested: correction.service_requested,
    assignedRepId: correction.assigned_rep_id,
  };
}

/** Null is a value that a person may set; undefined is none. */
const pick = <T>(corrected: T | undefined, current: T): T => (corrected === undefined ? current : corrected);

/** Derived again where what it follows from was corrected, unless a person set it, now or earlier. */
function correctedCategory(
  current: CurrentAnalysis,
  correction: Correction,
  judgement: Parameters<typeof deriveCategory>[0],
): CallOutcomeCategory | null {
  if (correction.call_outcome_category !== undefined) return correction.call_outcome_category;
  const isHuman = current.humanFields.includes('call_outcome_category');
  const isTouched = correction.qualification !== undefined || correction.booking_status !== undefined;
  return isTouched && !isHuman ? deriveCategory(judgement) : current.callOutcomeCategory;
}

export type ReanalysisResult =
  | { outcome: 'started'; generation: number }
  | { outcome: 'not_ended' | 'no_recording' | 'running' };

/**
 * Asks for both steps once more, under a new generation. In the same transaction the caller stores the event that rings
 * the workflow.
 */
export async function startReanalysis(
  tx: Transaction,
  call: { companyId: string; id: string; providerCallId: string },
): Promise<ReanalysisResult> {
  await lockCall(tx, call);
  const [row] = await tx
    .select({
      status: calls.status,
      recordingUrl: calls.recordingUrl,
      stage: calls.stage,
      generation: calls.generation,
    })
    .from(calls)
    .where(eq(calls.id, call.id))
    .for('update');
  if (!row || row.status === 'ringing' || row.status === 'in_progress') return { outcome: 'not_ended' };
  if (row.recordingUrl === null) return { outcome: 'no_recording' };
  // A stage that is not final has an analysis before it, under way or about to be.
  if (!isFinalStage(row.stage) || (await hasOpenRun(tx, call.id))) return { outcome: 'running' };

  const generation = row.generation + 1;
  await setAnalysisDue(tx, { companyId: call.companyId, subjectKind: 'call', subjectId: call.id }, generation);
  return { outcome: 'started', generation };
}

async function hasOpenRun(tx: Queryable, callId: string): Promise<boolean> {
  const open = await tx
    .select({ generation: analysisRuns.generation })
    .from(analysisRuns)
    .where(
      and(
        eq(analysisRuns.subjectKind, 'call'),
        eq(analysisRuns.subjectId, callId),
        inArray(analysisRuns.state, ['running', 'analyzed']),
      ),
    )
    .limit(1);
  return open.length > 0;
}
