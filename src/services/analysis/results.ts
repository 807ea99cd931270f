/** Writes what Shunya found: the transcript, or the analysis, normalised beside its raw form. */
import { randomUUID } from 'node:crypto';
import { and, desc, eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { findScorecard } from '../../db/queries/scorecards.ts';
import { callAnalyses, callTranscripts, recordingAnalyses, recordingTranscripts } from '../../db/schema/index.ts';
import { type Write, writeTogether } from '../../db/writes.ts';
import { type CallAnalysis, type ConversationAnalysis, deriveCategory } from '../../domain/analysis.ts';
import type { JobKind, SubjectKind } from '../../domain/pipeline.ts';
import { cleanJson } from '../../providers/shunya/fields.ts';
import { normalizeCallAnalysis, normalizeTranscript, normalizeVisitAnalysis } from '../../providers/shunya/payload.ts';
import { type Scorecard, scoreBy } from '../scorecards/score.ts';
import { markingCompleted } from './jobStates.ts';

interface ResultKey {
  id: string;
  companyId: string;
  subjectKind: SubjectKind;
  subjectId: string;
  generation: number;
  kind: JobKind;
}

/** What stores a job's result and completes the job. */
export interface Result {
  writes: Write[];
  /** Of a call: what it comes to. */
  analysis?: AnalysisColumns;
}

/** Stores the result of a job that has not ended, and completes the job. Its company's places must be locked. */
export async function storeResult(tx: Transaction, job: ResultKey, raw: unknown): Promise<void> {
  const scorecard = job.kind === 'analysis' ? await findScorecard(tx, job.companyId) : undefined;
  await writeTogether(tx, (await readResult(tx, job, raw, scorecard)).writes);
}

/**
 * The same, to be sent with other writes.
 * @param scorecard the company's current one
 */
export async function readResult(
  tx: Transaction,
  job: ResultKey,
  raw: unknown,
  scorecard: Scorecard | undefined,
): Promise<Result> {
  const completed = markingCompleted(tx, job.id);
  if (job.kind === 'transcription') return { writes: [completed, storingTranscript(tx, job, raw)] };
  if (job.subjectKind === 'visit') return { writes: [completed, storingVisitAnalysis(tx, job, raw, scorecard)] };
  const { write, analysis } = await readCallAnalysis(tx, job, raw, scorecard);
  return { writes: [completed, write], analysis };
}

function storingTranscript(tx: Transaction, job: ResultKey, raw: unknown): Write {
  const transcript = normalizeTranscript(raw);
  if (!transcript) throw new Error('a transcription completed without a transcript');
  const { companyId, generation } = job;
  const { text, turns, language, confidence } = transcript;
  const row = { id: randomUUID(), companyId, generation, transcriptText: text, turns, language, confidence };
  return job.subjectKind === 'call'
    ? tx
        .insert(callTranscripts)
        .values({ ...row, callId: job.subjectId })
        .onConflictDoNothing()
    : tx
        .insert(recordingTranscripts)
        .values({ ...row, sessionId: job.subjectId })
        .onConflictDoNothing();
}

async function readCallAnalysis(tx: Transaction, job: ResultKey, raw: unknown, scorecard: Scorecard | undefined) {
  const analysis = normalizeCallAnalysis(raw);
  const before = await selectPrevious(tx, job);
  const humanFields = before?.humanFields ?? [];
  const kept = before ? keepHumanFields(analysis, before, humanFields) : columnsOf(analysis);
  const write: Write = tx
    .insert(callAnalyses)
    .values({
      ...kept,
      id: randomUUID(),
      companyId: job.companyId,
      callId: job.subjectId,
      generation: job.generation,
      humanFields,
      edited: humanFields.length > 0,
      version: (before?.version ?? 0) + 1,
      ...scoreBy(scorecard, kept),
      raw: cleanJson(raw),
    })
    .onConflictDoNothing();
  return { write, analysis: kept };
}

async function selectPrevious(tx: Transaction, job: ResultKey) {
  if (job.generation === 1) return undefined;
  const [row] = await tx
    .select()
    .from(callAnalyses)
    .where(and(eq(callAnalyses.companyId, job.companyId), eq(callAnalyses.callId, job.subjectId)))
    .orderBy(desc(callAnalyses.generation))
    .limit(1);
  return row;
}

type AnalysisColumns = ReturnType<typeof columnsOf>;

/** What an analysis says of any conversation. */
const judgementOf = (analysis: ConversationAnalysis) => ({
  objections: analysis.objections,
  complianceScore: analysis.sopCompliance.score,
  stagesFollowed: analysis.sopCompliance.stagesFollowed,
  stagesMissed: analysis.sopCompliance.stagesMissed,
  sentimentScore: analysis.sentimentScore,
  summary: analysis.summary,
});

const columnsOf = (analysis: CallAnalysis) => ({
  ...judgementOf(analysis),
  qualification: analysis.qualification,
  bookingStatus: analysis.bookingStatus,
  callOutcomeCategory: analysis.callOutcomeCategory,
  appointmentDate: analysis.appointmentDate,
  appointmentLocation: analysis.appointmentLocation,
  serviceRequested: analysis.serviceRequested,
  assignedRepId: analysis.assignedRepId,
});

/** The API field that a person corrects → the columns it holds. */
const HUMAN_FIELD_COLUMNS: Record<string, (keyof AnalysisColumns)[]> = {
  qualification: ['qualification'],
  booking_status: ['bookingStatus'],
  call_outcome_category: ['callOutcomeCategory'],
  objections: ['objections'],
  sop_compliance: ['complianceScore', 'stagesFollowed', 'stagesMissed'],
  sentiment_score: ['sentimentScore'],
  summary: ['summary'],
  appointment_date: ['appointmentDate'],
  appointment_location: ['appointmentLocation'],
  service_requested: ['serviceRequested'],
  assigned_rep_id: ['assignedRepId'],
};

/** A field that a person set is final for later analyses; the category follows the two it is derived from. */
function keepHumanFields(analysis: CallAnalysis, before: AnalysisColumns, humanFields: string[]): AnalysisColumns {
  const fresh = columnsOf(analysis);
  const columns = humanFields.flatMap((field) => HUMAN_FIELD_COLUMNS[field] ?? []);
  const kept = { ...fresh, ...Object.fromEntries(columns.map((column) => [column, before[column]])) };
  const decided = columns.includes('qualification') || columns.includes('bookingStatus');
  if (decided && !columns.includes('callOutcomeCategory')) kept.callOutcomeCategory = deriveCategory(kept);
  return kept;
}

function storingVisitAnalysis(tx: Transaction, job: ResultKey, raw: unknown, scorecard: Scorecard | undefined): Write {
  const analysis = normalizeVisitAnalysis(raw);
  return tx
    .insert(recordingAnalyses)
    .values({
      id: randomUUID(),
      companyId: job.companyId,
      sessionId: job.subjectId,
      generation: job.generation,
      outcome: analysis.outcome,
      ...judgementOf(analysis),
      ...scoreBy(scorecard, analysis.sopCompliance),
      raw: cleanJson(raw),
    })
    .onConflictDoNothing();
}
