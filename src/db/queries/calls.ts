/** Reads of calls with their contact and their current analysis. */
import { and, desc, eq, ilike, inArray, like, or, type SQL, sql } from 'drizzle-orm';
import type { BookingStatus, Qualification } from '../../domain/analysis.ts';
import type { CallStatus } from '../../domain/call.ts';
import { phoneForms } from '../../domain/phone.ts';
import type { PipelineStage } from '../../domain/pipeline.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import type { Queryable, Transaction } from '../client.ts';
import { appointments, callAnalyses, calls, callTranscripts, companies, contactCards } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';

/** What people see of an analysis; Shunya's raw answer stays in the database. */
const analysisColumns = {
  id: callAnalyses.id,
  generation: callAnalyses.generation,
  qualification: callAnalyses.qualification,
  bookingStatus: callAnalyses.bookingStatus,
  callOutcomeCategory: callAnalyses.callOutcomeCategory,
  objections: callAnalyses.objections,
  complianceScore: callAnalyses.complianceScore,
  stagesFollowed: callAnalyses.stagesFollowed,
  stagesMissed: callAnalyses.stagesMissed,
  sentimentScore: callAnalyses.sentimentScore,
  summary: callAnalyses.summary,
  appointmentDate: callAnalyses.appointmentDate,
  appointmentLocation: callAnalyses.appointmentLocation,
  serviceRequested: callAnalyses.serviceRequested,
  assignedRepId: callAnalyses.assignedRepId,
  humanFields: callAnalyses.humanFields,
  version: callAnalyses.version,
  edited: callAnalyses.edited,
  analyzedAt: callAnalyses.analyzedAt,
  updatedAt: callAnalyses.updatedAt,
};

const contactColumns = { id: contactCards.id, phoneNumber: contactCards.phoneNumber, name: contactCards.name };

const selectCalls = (db: Queryable) =>
  db
    .select({ call: calls, contact: contactColumns, analysis: analysisColumns })
    .from(calls)
    .innerJoin(contactCards, eq(contactCards.id, calls.contactId))
    .leftJoin(callAnalyses, isCurrentAnalysis);

/** The analysis that counts: the one of the highest generation. */
const isCurrentAnalysis = and(
  eq(callAnalyses.callId, calls.id),
  sql`${callAnalyses.generation} = (select max(each.generation) from call_analyses as each where each.call_id = ${calls.id})`,
);

export type CallRow = Awaited<ReturnType<typeof listCalls>>[number];
export type CallAnalysisRow = NonNullable<CallRow['analysis']>;

/** Whose calls somebody may see. */
export interface CallScope {
  /** Undefined: every company. */
  companyId: string | undefined;
  /** Only calls of this rep's appointments: those that booked one, and those of an appointment's lead. */
  repId?: string;
}

export interface CallFilter extends CallScope {
  contactId?: string;
  status?: readonly CallStatus[];
  stage?: readonly PipelineStage[];
  bookingStatus?: readonly BookingStatus[];
  qualification?: readonly Qualification[];
  csrId?: string;
  /** The caller's, E.164 */
  phoneNumber?: string;
  startedOn?: Partial<DayRange> & { timeZone: string };
  /** Part of the contact's name, the summary or the caller's number. */
  text?: string;
}

/** Where a page ends; calls are listed by it, newest first. */
export interface CallPosition {
  startedAt: Date;
  id: string;
}

/** A page of calls, newest first. */
export async function listCalls(db: Queryable, filter: CallFilter, page: { limit: number; after?: CallPosition }) {
  const { after } = page;
  const beyond =
    after &&
    sql`(${calls.startedAt}, ${calls.id}) < (${after.startedAt.toISOString()}::timestamptz, ${after.id}::text)`;
  return selectCalls(db)
    .where(and(matches(filter), beyond))
    .orderBy(desc(calls.startedAt), desc(calls.id))
    .limit(page.limit);
}

/** The calls that match, to be counted. */
export const callsMatching = (db: Queryable, filter: CallFilter): SQL =>
  db
    .select({ one: sql`1` })
    .from(calls)
    .innerJoin(contactCards, eq(contactCards.id, calls.contactId))
    .leftJoin(callAnalyses, isCurrentAnalysis)
    .where(matches(filter))
    .getSQL();

/** One call of the scope. */
export async function findCall(db: Queryable, scope: CallScope, id: string): Promise<CallRow | undefined> {
  const [row] = await selectCalls(db).where(and(matches(scope), eq(calls.id, id)));
  return row;
}

/** Those of these calls that are of the scope, in no order. */
export async function findCalls(db: Queryable, scope: CallScope, ids: string[]): Promise<CallRow[]> {
  return selectCalls(db).where(and(matches(scope), inArray(calls.id, ids)));
}

/** The newest transcript of a call. */
export async function findTranscript(db: Queryable, callId: string) {
  const [row] = await db
    .select({
      transcriptText: callTranscripts.transcriptText,
      turns: callTranscripts.turns,
      language: callTranscripts.language,
      confidence: callTranscripts.confidence,
    })
    .from(callTranscripts)
    .where(eq(callTranscripts.callId, callId))
    .orderBy(desc(callTranscripts.generation))
    .limit(1);
  return row;
}

function matches(filter: CallFilter): SQL | undefined {
  const { repId, status, stage, bookingStatus, qualification } = filter;
  return and(
    filter.companyId === undefined ? undefined : eq(calls.companyId, filter.companyId),
    repId === undefined ? undefined : isOfRep(repId),
    filter.contactId === undefined ? undefined : eq(calls.contactId, filter.contactId),
    status && inArray(calls.status, status),
    stage && inArray(calls.stage, stage),
    bookingStatus && inArray(callAnalyses.bookingStatus, bookingStatus),
    qualification && inArray(callAnalyses.qualification, qualification),
    filter.csrId === undefined ? undefined : eq(calls.csrId, filter.csrId),
    filter.phoneNumber === undefined ? undefined : inArray(contactCards.phoneNumber, phoneForms(filter.phoneNumber)),
    filter.startedOn && onDays(sql`${calls.startedAt}`, filter.startedOn),
    filter.text === undefined ? undefined : mentions(filter.text),
  );
}

const isOfRep = (repId: string): SQL => sql`exists (
  select 1 from ${appointments}
  where ${appointments.companyId} = ${calls.companyId} and ${appointments.assignedRepId} = ${repId}
    and (${appointments.callId} = ${calls.id} or ${appointments.leadId} = ${calls.leadId}))`;

/** Fewer digits than this in a search are no part of a phone number. */
const PHONE_DIGITS_MIN = 3;

function mentions(text: string): SQL | undefined {
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  const digits = text.replace(/\D/g, '');
  const looksLikePhone = digits.length >= PHONE_DIGITS_MIN && /^[\d\s().+-]+$/.test(text);
  return or(
    ilike(contactCards.name, pattern),
    ilike(callAnalyses.summary, pattern),
    ilike(calls.callerNumberRaw, pattern),
    looksLikePhone ? like(contactCards.phoneNumber, `%${digits}%`) : undefined,
  );
}

/** Where the recording of a call is kept, and the key for links that need the company's. For playing only. */
export async function findRecordingSource(db: Queryable, call: { companyId: string; callId: string }) {
  const [row] = await db
    .select({ recordingUrl: calls.recordingUrl, apiKey: companies.callrailApiKey })
    .from(calls)
    .innerJoin(companies, eq(companies.id, calls.companyId))
    .where(and(eq(calls.companyId, call.companyId), eq(calls.id, call.callId)));
  return row?.recordingUrl ? { recordingUrl: row.recordingUrl, apiKey: row.apiKey } : undefined;
}

/**
 * Takes the lock under which a call's events are folded: no pipeline step changes its rows, or brings them back, until
 * the transaction ends.
 */
export async function lockCall(tx: Transaction, call: { companyId: string; providerCallId: string }): Promise<void> {
  const key = callWorkflowId(call.companyId, call.providerCallId);
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`);
}
