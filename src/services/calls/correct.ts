/** A person's correction of a call's analysis; later analyses do not overwrite it. */
import { desc, eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findCall } from '../../db/queries/calls.ts';
import { callAnalyses, calls } from '../../db/schema/index.ts';
import {
  type BookingStatus,
  type CallOutcomeCategory,
  deriveCategory,
  type Objection,
  type Qualification,
} from '../../domain/analysis.ts';
import { applyCorrection } from '../analysis/effects.ts';
import { audit } from '../audit.ts';
import { refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { scoreStages } from '../scorecards/score.ts';
import { lockCall } from './lock.ts';

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

/**
 * Corrects the current analysis of a call and lets it take effect on the lead and the appointment. What a person set is
 * remembered by field name: no later analysis changes it.
 * @param check throws where the person read another version than the one that is there now
 */
export async function correctAnalysis(
  tx: Transaction,
  requester: Requester,
  id: string,
  { reason, ...correction }: Correction & { reason: string },
  check: (current: { version: number; updatedAt: Date }) => void,
): Promise<void> {
  const { call } = (await findCall(tx, requester, id)) ?? {};
  if (!call) throw refuseMissing();
  const { companyId } = call;
  await lockCall(tx, call);
  const current = await selectForUpdate(tx, call.id);
  if (!current) throw refuseMissing();
  check(current);

  const fields = Object.entries(correction).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const columns = correctedColumns(current, correction);
  const version = current.version + 1;
  await tx
    .update(callAnalyses)
    .set({
      ...columns,
      // By the version that it was scored with: a correction is of the analysis, not of the scorecard.
      ...(await scoreStages(tx, companyId, columns, current.scorecardVersion)),
      humanFields: [...new Set([...current.humanFields, ...fields])],
      version,
      edited: true,
      updatedAt: sql`now()`,
    })
    .where(eq(callAnalyses.id, current.id));
  await tx.update(calls).set({ updatedAt: sql`now()` }).where(eq(calls.id, call.id));
  await applyCorrection(tx, { companyId, callId: call.id, fields });
  // States only: texts must not outlive the deletion of their call.
  const details = { fields, before: stateOf(current), after: stateOf({ ...columns, version }) };
  await audit(tx, requester, {
    action: 'analysis.correct',
    subject: { kind: 'call', id: call.id },
    companyId,
    reason,
    details,
  });
}

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
