/** Reads of calls with their contact and their current analysis. */
import { and, desc, eq, ilike, inArray, isNotNull, isNull, like, or, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { BookingStatus, Qualification } from '../../domain/analysis.ts';
import type { CallDirection, CallStatus } from '../../domain/call.ts';
import { phoneForms } from '../../domain/phone.ts';
import type { PipelineStage } from '../../domain/pipeline.ts';
import type { Queryable } from '../client.ts';
import { createReader, type RowOf } from '../reader.ts';
import {
  appointments,
  callAnalyses,
  callObjections,
  calls,
  callTranscripts,
  companies,
  contactCards,
  type SearchedPart,
  unfinishedFills,
} from '../schema/index.ts';
import { isAnyOf, textArray } from './conditions.ts';
import { type DayRange, onDays } from './days.ts';
import { type Count, countOf, countUpTo, LARGE_TOTAL, type LargeLists, type Page, totalOf } from './paging.ts';
import { type CallSearch, countFound, isIndexed, searchPage } from './search.ts';

/** What people see of an analysis; Shunya's raw answer stays in the database. */
const analysisColumns = {
  id: callAnalyses.id,
  qualification: callAnalyses.qualification,
  bookingStatus: callAnalyses.bookingStatus,
  callOutcomeCategory: callAnalyses.callOutcomeCategory,
  objections: callAnalyses.objections,
  complianceScore: callAnalyses.complianceScore,
  stagesFollowed: callAnalyses.stagesFollowed,
  stagesMissed: callAnalyses.stagesMissed,
  scorecardVersion: callAnalyses.scorecardVersion,
  weightedScore: callAnalyses.weightedScore,
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

const isUnfilled = sql`${calls.facet} is null`;

/** What the call's row says of its current analysis; a row that is not filled yet is asked for by its analyses. */
const currentAnalysis = (onRow: AnyPgColumn, inAnalyses: SQL): SQL => sql`case when ${isUnfilled} then (
  select ${inAnalyses} from call_analyses as each where each.call_id = ${calls.id} order by each.generation desc limit 1
) else ${onRow} end`;

/** The analysis that counts: the one of the highest generation. */
const isCurrentAnalysis = and(
  eq(callAnalyses.callId, calls.id),
  eq(callAnalyses.generation, currentAnalysis(calls.analysisGeneration, sql`each.generation`)),
);

/** What people see of a call, and what is asked of one that they name. */
const callColumns = {
  id: calls.id,
  companyId: calls.companyId,
  providerCallId: calls.providerCallId,
  status: calls.status,
  direction: calls.direction,
  answered: calls.answered,
  spam: calls.spam,
  startedAt: calls.startedAt,
  endedAt: calls.endedAt,
  durationSeconds: calls.durationSeconds,
  trackingNumber: calls.trackingNumber,
  callerNumber: calls.callerNumber,
  callerNumberRaw: calls.callerNumberRaw,
  leadId: calls.leadId,
  csrId: calls.csrId,
  recordingUrl: calls.recordingUrl,
  stage: calls.stage,
  needsAttention: calls.needsAttention,
  reason: calls.reason,
  blockedOn: calls.blockedOn,
  attempts: calls.attempts,
  pipelineUpdatedAt: calls.pipelineUpdatedAt,
  createdAt: calls.createdAt,
  updatedAt: calls.updatedAt,
};

const callFields = { call: callColumns, contact: contactColumns, analysis: analysisColumns };
const callTables = sql`${calls} join ${contactCards} on ${eq(contactCards.id, calls.contactId)}
  left join ${callAnalyses} on ${isCurrentAnalysis}`;

const readFound = createReader(callFields, callTables);
const pageColumns = { total: sql<number | null>`page.total` };
const readPage = createReader({ ...callFields, page: pageColumns }, callTables);

const transcriptText = sql`(
  select transcript_text from call_transcripts where call_id = ${calls.id} order by generation desc limit 1)`;
/** The transcript of a call that has the words nowhere else, since it may be long. */
const searchedColumns = {
  ...pageColumns,
  parts: sql<SearchedPart[]>`to_json(page.parts)`,
  transcript: sql<string | null>`case when page.parts = array['transcript'] then ${transcriptText} end`,
};
const readSearched = createReader({ ...callFields, page: searchedColumns }, callTables);

type FoundRow = RowOf<typeof callFields>;
export type CallAnalysisRow = FoundRow['analysis'];
export interface CallRow extends Omit<FoundRow, 'analysis'> {
  analysis: CallAnalysisRow | null;
}

/** A call without an analysis has none, not one of empty fields. */
const callRow = ({ call, contact, analysis }: FoundRow): CallRow => ({
  call,
  contact,
  analysis: analysis.id === null ? null : analysis,
});

const newestFirst = sql`order by ${desc(calls.startedAt)}, ${desc(calls.id)}`;

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
  direction?: readonly CallDirection[];
  spam?: boolean;
  stage?: readonly PipelineStage[];
  bookingStatus?: readonly BookingStatus[];
  qualification?: readonly Qualification[];
  csrId?: string;
  /** Calls that name any of these as agent; `none`: calls that name nobody. */
  handledBy?: readonly string[];
  /** Whether the call has an analysis, even an empty one. */
  analyzed?: boolean;
  /** As the metrics count it: hot, warm or cold, or booked. */
  qualified?: boolean;
  /** Category of an objection that was heard. */
  objection?: string;
  /** The caller's, E.164 */
  phoneNumber?: string;
  startedOn?: Partial<DayRange> & { timeZone: string };
  /** Words of the summary or the transcript, or part of the caller's name or number. */
  text?: string;
}

/** A filter as it is read. */
interface ReadFilter extends CallFilter {
  /** Old calls are still to be filled, so each is asked for its objections. */
  objectionCallByCall?: true;
}

export interface CallPage {
  rows: CallRow[];
  count: Count;
  /** Of each call that was found by its words, what they are in. */
  hits?: Map<string, SearchHit>;
}

export interface SearchHit {
  parts: SearchedPart[];
  /** Where the words are in nothing else. */
  transcript: string | null;
}

/** A page of calls, newest first, and how many match in all. @param large filters that match more than are counted */
export async function pageCalls(db: Queryable, asked: CallFilter, page: Page, large?: LargeLists): Promise<CallPage> {
  const list = JSON.stringify(asked);
  const known = large?.has(list) ? LARGE_TOTAL : undefined;
  const found = await findPage(db, await withFill(db, asked), page, known);
  if (found.count.total_is_estimate && known === undefined) large?.add(list);
  return found;
}

/** @param known how many match, where that need not be counted */
async function findPage(db: Queryable, filter: ReadFilter, page: Page, known: number | undefined): Promise<CallPage> {
  const search = searchOf(filter);
  const searched = search && (await selectSearched(db, search, page, known === undefined));
  const rows =
    searched ?? (await selectPage(db, filter, page, known === undefined ? totalOf(rowsOf(filter, {})) : undefined));
  const hits = searched && new Map(searched.map(({ call, page }) => [call.id, page]));
  const total = known ?? rows[0]?.page.total;
  if (rows.length > 0 && typeof total === 'number') return { rows: rows.map(callRow), count: countOf(total), hits };
  // No row that could say it: nothing matches, or the page is within the last one.
  if (!page.after) return { rows: [], count: { total: 0 }, hits };
  return { rows: [], count: await (searched ? countFound(db, search) : countUpTo(db, matching(filter, {}))), hits };
}

/** Whether the table of objections has all calls, where that is asked for. */
async function withFill(db: Queryable, filter: CallFilter): Promise<ReadFilter> {
  if (filter.objection === undefined) return filter;
  const [row] = await db.execute<{ filling: boolean }>(
    sql`select exists (select 1 from ${unfinishedFills} where name = 'call_objections') as filling`,
  );
  return { ...filter, ...(row?.filling && { objectionCallByCall: true }) };
}

/** What the index of words is asked, where there are words to search for in one company. */
function searchOf(filter: ReadFilter): CallSearch | undefined {
  const { companyId, text, ...others } = filter;
  if (companyId === undefined || text === undefined) return undefined;
  const also = { companyId, ...others };
  const isAlone = Object.values(others).every((each) => each === undefined);
  const where = isAlone
    ? undefined
    : {
        named: namedFacets(also),
        isMet: (id: SQL) =>
          sql`exists (select 1 from ${calls} where ${calls.id} = ${id} and ${matches(also)} offset 0)`,
        met: (from: SQL, to: SQL) =>
          rowsOf(also, { within: (startedAt) => sql`${startedAt} >= ${from} and ${startedAt} < ${to}` }),
        isMetByIndex: isByFacets(also),
      };
  return { companyId, text, where, startedOn: filter.startedOn };
}

/** @returns undefined while old calls of the company are still to be indexed: until then the calls themselves have to be read */
async function selectSearched(db: Queryable, search: CallSearch, page: Page, isCounted: boolean) {
  const found = sql`join (${searchPage(search, page, isCounted)}) as page on page.id = ${calls.id} ${newestFirst}`;
  const rows = await readSearched(db, found);
  return rows.length > 0 || (await isIndexed(db, search.companyId)) ? rows : undefined;
}

/** A page of calls, newest first. */
export async function listCalls(db: Queryable, asked: CallFilter, page: Page): Promise<CallRow[]> {
  const filter = await withFill(db, asked);
  const search = searchOf(filter);
  const searched = search && (await selectSearched(db, search, page, false));
  return (searched ?? (await selectPage(db, filter, page))).map(callRow);
}

/** @param total how many match, where that is asked for */
function selectPage(db: Queryable, filter: ReadFilter, { after, limit }: Page, total: SQL<number | null> = sql`null`) {
  const within: Within | undefined =
    after &&
    ((startedAt, id) => sql`(${startedAt}, ${id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::text)`);
  const found = rowsOf(filter, { within, limit });
  const ids = sql`${facetsOf(filter)} select id, ${total} as total from (${found}) as matching ${newestOf(limit)}`;
  return readPage(db, sql`join (${ids}) as page on page.id = ${calls.id} ${newestFirst}`);
}

/** A condition for the place of calls in the list. */
type Within = (startedAt: SQL, id: SQL) => SQL;

/** The calls that match, as a select that stands alone. */
const matching = (filter: ReadFilter, options: RowOptions): SQL => sql`${facetsOf(filter)} ${rowsOf(filter, options)}`;

interface RowOptions {
  within?: Within | undefined;
  /** Only the newest of each range. */
  limit?: number | undefined;
}

/**
 * Id and start of the calls that match. By their facets where the filter is about those: then each facet that fits is a range
 * of an index, newest first, so that a rare combination costs no more than a frequent one. The filter's `facetsOf` stands
 * before it, once for all selects that read them.
 */
function rowsOf(filter: ReadFilter, { within, limit }: RowOptions): SQL {
  const select = (where: SQL | undefined) =>
    sql`select ${calls.id} as id, ${calls.startedAt} as started_at from ${calls} where ${where} ${newestOf(limit)}`;
  const all = and(matches(filter), within?.(sql`${calls.startedAt}`, sql`${calls.id}`));
  if (!isByFacets(filter)) return select(all);
  const byFacets = facetGroups(filter).map(
    (group, index) => sql`${inFacets(filter, group, facetsName(index), { within, limit })} union all `,
  );
  return sql`${sql.join(byFacets)} (${select(and(all, isUnfilled))})`;
}

/**
 * So many rows, newest first; without a number all, in no order.
 * The number is no parameter: a plan for any limit is one for many rows.
 */
function newestOf(limit: number | undefined, first?: SQL): SQL {
  if (limit === undefined) return sql`offset 0`;
  return sql`order by ${first && sql`${first} desc, `}started_at desc, id desc limit ${sql.raw(String(limit))}`;
}

/** Rows that have facets, in an index of their own: all calls of a company, those of each of some agents, of nobody, … */
interface FacetGroup {
  /** One row for each agent whose facets are read, in a column `agent`. */
  agents: SQL;
  from: SQL;
  id: SQL;
  /** The beginning of the index. */
  isOf: SQL | undefined;
  /** What the index begins with, where it is not equal to anything and another index could be taken. */
  first?: SQL;
  /** What else the index says. */
  also?: SQL;
}

function facetGroups({ csrId, handledBy, objection }: CallFilter): FacetGroup[] {
  const everybody = sql`(values (''))`;
  const asked = csrId === undefined ? handledBy : (handledBy ?? [csrId]).filter((id) => id === csrId);
  const agents = asked?.filter((id) => id !== NOBODY || id === csrId);
  const isOfNobody = csrId === undefined && asked?.includes(NOBODY);
  if (objection !== undefined) {
    const also =
      asked && or(isAnyOf(sql`each.csr_id`, agents ?? []), isOfNobody ? sql`each.csr_id is null` : undefined);
    const isOf = sql`each.category = ${objection}`;
    return [{ agents: everybody, from: sql`${callObjections}`, id: sql`each.call_id`, isOf, also }];
  }
  const ofCalls = { from: sql`${calls}`, id: sql`each.id` };
  if (asked === undefined) return [{ agents: everybody, isOf: undefined, ...ofCalls }];
  return [
    { agents: sql`unnest(${textArray(agents ?? [])})`, isOf: sql`each.csr_id = facets.agent`, ...ofCalls },
    ...(isOfNobody ? [{ agents: everybody, isOf: sql`each.csr_id is null`, first: sql`each.csr_id`, ...ofCalls }] : []),
  ];
}

/** The facets that each group has, found one after the other along its index. */
function namedFacets(filter: ReadFilter): SQL[] {
  if (!isByFacets(filter)) return [];
  return facetGroups(filter).map((group, index) => {
    const name = facetsName(index);
    const nextFacet = (after?: SQL) => sql`select each.facet from ${group.from} as each
      where ${and(isOfGroup(filter, group), sql`each.facet is not null`, after)}
      order by ${group.first && sql`${group.first}, `}each.facet limit 1`;
    return sql`${name}(agent, facet) as (
      select agent, (${nextFacet()}) from ${group.agents} as facets(agent)
      union all
      select agent, (${nextFacet(sql`each.facet > facets.facet`)}) from ${name} as facets where facets.facet is not null)`;
  });
}

/** The beginning of a statement that reads them. */
function facetsOf(filter: ReadFilter): SQL {
  const named = namedFacets(filter);
  return named.length === 0 ? sql`` : sql`with recursive ${sql.join(named, sql`, `)}`;
}

const facetsName = (index: number): SQL => sql.raw(`facets_${index}`);

const isOfGroup = ({ companyId }: CallFilter, { isOf }: FacetGroup): SQL | undefined =>
  and(sql`each.company_id = ${companyId}`, isOf);

/** Those of a group whose facet fits: each such facet is a range. */
function inFacets(filter: CallFilter, group: FacetGroup, facets: SQL, { within, limit }: RowOptions): SQL {
  const { startedOn } = filter;
  const { from, id, first, also } = group;
  const range = and(startedOn && onDays(sql`each.started_at`, startedOn), within?.(sql`each.started_at`, id), also);
  return sql`
    (select found.id, found.started_at
    from ${facets} as facets cross join lateral (
      select ${id} as id, each.started_at as started_at from ${from} as each
      where ${and(isOfGroup(filter, group), sql`each.facet = facets.facet`, range)} ${newestOf(limit, first)}
    ) as found
    where ${and(sql`facets.facet is not null`, ...facetFits(filter))})`;
}

/**
 * Whether a page of these is read by one plan that suits all values: along an index of calls, or of words. A caller and a rep
 * find few calls by an index of their own; whether to begin with it depends on the value.
 */
export const isPlannedOnce = ({ companyId, contactId, phoneNumber, repId }: CallFilter): boolean =>
  companyId !== undefined && [contactId, phoneNumber, repId].every((each) => each === undefined);

/** Filters that `facetGroups` and `facetFits` apply. */
const BY_FACETS: readonly string[] = [
  'status',
  'direction',
  'spam',
  'stage',
  'bookingStatus',
  'qualification',
  'csrId',
  'handledBy',
  'analyzed',
  'qualified',
  'objection',
] satisfies (keyof CallFilter)[];

/** Whether these, and the days, are all that is asked for: any other filter asks each call. */
function isByFacets({ companyId, startedOn, ...filter }: ReadFilter): boolean {
  const given = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return companyId !== undefined && given.length > 0 && given.every((name) => BY_FACETS.includes(name));
}

/** As the function call_facet of the database puts them together. */
function facetFits({ spam, analyzed, qualified, ...filter }: CallFilter): (SQL | undefined)[] {
  const { status, direction, stage, bookingStatus, qualification } = filter;
  const part = (place: number) => sql`split_part(facet, '/', ${sql.raw(String(place))})`;
  const is = (condition: SQL, wanted: boolean | undefined) =>
    wanted === undefined ? undefined : wanted ? condition : sql`not ${condition}`;
  return [
    ...[status, direction, stage, bookingStatus, qualification].map(
      (values, index) => values && isAnyOf(part(index + 1), values),
    ),
    is(sql`(${part(6)} = 'spam')`, spam),
    is(sql`(${part(4)} <> '-')`, analyzed),
    is(sql`(${part(4)} = 'booked' or ${part(5)} in ('hot', 'warm', 'cold'))`, qualified),
  ];
}

/** One call of the scope. */
export async function findCall(db: Queryable, scope: CallScope, id: string): Promise<CallRow | undefined> {
  const [row] = await readFound(db, sql`where ${and(matches(scope), eq(calls.id, id))}`);
  return row && callRow(row);
}

/** Those of these calls that are of the scope, in no order. */
export async function findCalls(db: Queryable, scope: CallScope, ids: string[]): Promise<CallRow[]> {
  const rows = await readFound(db, sql`where ${and(matches(scope), isAnyOf(calls.id, ids))}`);
  return rows.map(callRow);
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
  const { repId, status, direction, stage, bookingStatus, qualification, phoneNumber } = filter;
  return and(
    filter.companyId === undefined ? undefined : eq(calls.companyId, filter.companyId),
    repId === undefined ? undefined : isOfRep(filter.companyId, repId),
    filter.contactId === undefined ? undefined : eq(calls.contactId, filter.contactId),
    status && isAnyOf(calls.status, status),
    direction && isAnyOf(calls.direction, direction),
    filter.spam === undefined ? undefined : eq(calls.spam, filter.spam),
    stage && isAnyOf(calls.stage, stage),
    bookingStatus && isAnyOf(currentAnalysis(calls.bookingStatus, sql`each.booking_status`), bookingStatus),
    qualification && isAnyOf(currentAnalysis(calls.qualification, sql`each.qualification`), qualification),
    filter.csrId === undefined ? undefined : eq(calls.csrId, filter.csrId),
    filter.handledBy && isHandledBy(filter.handledBy),
    filter.analyzed === undefined ? undefined : sql`(${analyzedGeneration} is not null) = ${filter.analyzed}`,
    filter.qualified === undefined ? undefined : sql`${isQualified} = ${filter.qualified}`,
    filter.objection === undefined ? undefined : hasObjection(filter.objection),
    phoneNumber === undefined ? undefined : sql`${calls.contactId} in (${contactsOf({ ...filter, phoneNumber })})`,
    filter.startedOn && onDays(sql`${calls.startedAt}`, filter.startedOn),
    filter.text === undefined ? undefined : mentions(filter.text),
  );
}

const NOBODY = 'none';
const isHandledBy = (ids: readonly string[]): SQL | undefined =>
  or(
    ids.includes(NOBODY) ? isNull(calls.csrId) : undefined,
    isAnyOf(
      calls.csrId,
      ids.filter((id) => id !== NOBODY),
    ),
  );

const analyzedGeneration = currentAnalysis(calls.analysisGeneration, sql`each.generation`);

const isQualified = sql`(
  coalesce(${currentAnalysis(calls.bookingStatus, sql`each.booking_status`)} = 'booked', false)
  or coalesce(${currentAnalysis(calls.qualification, sql`each.qualification`)} in ('hot', 'warm', 'cold'), false))`;

/** Asked for call by call, and not by reading the analyses of every company first. */
const hasObjection = (category: string): SQL => sql`exists (
  select 1 from call_analyses as judged, jsonb_array_elements(judged.objections) as objection
  where judged.call_id = ${calls.id} and judged.generation = ${analyzedGeneration} and objection ->> 'category' = ${category}
  offset 0)`;

const contactsOf = ({ companyId, phoneNumber }: { companyId: string | undefined; phoneNumber: string }): SQL =>
  sql`select coalesce(${contactCards.mergedIntoId}, ${contactCards.id}) from ${contactCards} where ${and(
    companyId === undefined ? undefined : eq(contactCards.companyId, companyId),
    inArray(contactCards.phoneNumber, phoneForms(phoneNumber)),
  )}`;

/** By the rep's appointments, which are few, and not by asking for each call of the company. */
const isOfRep = (companyId: string | undefined, repId: string): SQL => {
  const ofRep = and(
    companyId === undefined ? undefined : eq(appointments.companyId, companyId),
    eq(appointments.assignedRepId, repId),
  );
  return sql`${calls.id} in (
    select ${appointments.callId} from ${appointments} where ${and(ofRep, isNotNull(appointments.callId))}
    union all
    select each.id from ${appointments} join calls as each on each.lead_id = ${appointments.leadId} where ${ofRep})`;
};

/** Fewer digits than this in a search are no part of a phone number. */
const PHONE_DIGITS_MIN = 3;

/** What a search finds while old calls are still to be indexed: it reads them all, and no transcript. */
function mentions(text: string): SQL {
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  const digits = text.replace(/\D/g, '');
  const looksLikePhone = digits.length >= PHONE_DIGITS_MIN && /^[\d\s().+-]+$/.test(text);
  const ofContact = or(
    ilike(contactCards.name, pattern),
    looksLikePhone ? like(contactCards.phoneNumber, `%${digits}%`) : undefined,
  );
  return sql`(${ilike(calls.callerNumberRaw, pattern)}
    or exists (select 1 from ${contactCards} where ${contactCards.id} = ${calls.contactId} and ${ofContact})
    or exists (select 1 from ${callAnalyses} where ${isCurrentAnalysis} and ${ilike(callAnalyses.summary, pattern)}))`;
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
