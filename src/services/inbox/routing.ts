/** Decides whose an event is and which workflow it rings; the same rules at receipt, later, and on a re-drive. */
import { and, eq, inArray, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Queryable } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import {
  analysisRuns,
  callTombstones,
  companies,
  jobTombstones,
  shunyaJobs,
  webhookEvents,
} from '../../db/schema/index.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import { analysisWorkflowId, callWorkflowId } from '../../domain/workflowIds.ts';
import { type CallRailEvent, readCallRailEvent } from '../../providers/callrail/payload.ts';
import { verifyCallRailSignature } from '../../providers/callrail/signature.ts';
import { readShunyaCallback, type ShunyaCallback } from '../../providers/shunya/payload.ts';
import { FORGOTTEN } from './redacted.ts';

/** What of a CallRail event decides where it goes. */
export interface CallRailAddress {
  providerCallId: string;
  /** E.164 */
  trackingNumber?: string | null;
  callrailCompanyId?: string | null;
  callrailCompanyAlias?: string | null;
  body: Uint8Array;
  /** One, or several with spaces. */
  signature?: string | null;
}

export type CallRailRoute =
  | { decision: 'accepted'; companyId: string }
  | { decision: 'rejected'; companyId: string; hasKeys: boolean }
  | { decision: 'unrouted' };

/**
 * Finds the company of a CallRail event and verifies it with that company's keys: a call known in exactly one company
 * whose key verifies stays there, else the number called decides, else CallRail's company id.
 */
export async function routeCallRailEvent(
  db: Queryable,
  address: CallRailAddress,
  config: Pick<Config, 'allowUnsignedCallrail'>,
): Promise<CallRailRoute> {
  const candidates = await findCandidates(db, address);
  const signatures = address.signature?.split(' ') ?? [];
  const signed = ({ keys }: { keys: string[] }) =>
    signatures.some((signature) => verifyCallRailSignature(address.body, signature, keys));

  const knowing = candidates.filter((company) => company.knowsCall);
  const verified = knowing.filter(signed);
  const [stays] = verified;
  if (stays && verified.length === 1) return { decision: 'accepted', companyId: stays.id };

  const named =
    candidates.find((company) => company.hasNumber) ??
    candidates.find((company) => company.hasCallrailId) ??
    // An event that names neither can still belong to the one company that knows its call and has no key to verify with.
    (!address.trackingNumber && !address.callrailCompanyId && knowing.length === 1 ? knowing[0] : undefined);
  if (!named || (!named.hasNumber && !named.hasCallrailId && named.keys.length > 0)) return { decision: 'unrouted' };
  const hasKeys = named.keys.length > 0;
  const isAccepted = hasKeys ? signed(named) : config.allowUnsignedCallrail;
  return isAccepted
    ? { decision: 'accepted', companyId: named.id }
    : { decision: 'rejected', companyId: named.id, hasKeys };
}

/** Why a CallRail event can take no effect, as a code; null where it can. A person may still find it in the inbox. */
export function whyInvalid({ notACall, providerCallId }: CallRailEvent): string | null {
  if (notACall && notACall !== 'unknown') return `not_a_call:${notACall}`;
  if (providerCallId === undefined) return 'no_call_id';
  return notACall ? 'not_a_call' : null;
}

/** Written out: in a select of one table Drizzle names columns without their table, which in a subquery are another's. */
const COMPANY_ID = sql.raw('"companies"."id"');

async function findCandidates(db: Queryable, address: CallRailAddress) {
  const ids = callrailIds(address);
  const hasNumber = sql<boolean>`exists (select 1 from tracking_numbers n
    where n.company_id = ${COMPANY_ID} and n.phone_number = ${address.trackingNumber ?? null})`;
  const hasCallrailId = sql<boolean>`coalesce(${companies.callrailCompanyId} in ${ids}, false)`;
  const knowsCall = sql<boolean>`(
    exists (select 1 from calls c where c.provider_call_id = ${address.providerCallId} and c.company_id = ${COMPANY_ID})
    or exists (select 1 from webhook_events e where e.company_id = ${COMPANY_ID}
      and e.provider_call_id = ${address.providerCallId} and e.status in ('pending', 'dispatched', 'applied')))`;
  return db
    .select({ id: companies.id, keys: companies.callrailSigningKeys, hasNumber, hasCallrailId, knowsCall })
    .from(companies)
    .where(inArray(companies.id, candidateIds(address)));
}

/** CallRail's ids of the company, as a list of SQL that is never empty. */
const callrailIds = ({ callrailCompanyId, callrailCompanyAlias }: CallRailAddress) => [
  callrailCompanyId ?? null,
  callrailCompanyAlias ?? null,
];

/** Ids of the few companies that can own the event, each found by an index. */
function candidateIds(address: CallRailAddress): SQL {
  const number = address.trackingNumber ?? null;
  return sql`(
    select company_id from tracking_numbers where phone_number = ${number}
    union select id from companies where callrail_company_id in ${callrailIds(address)}
    union select company_id from calls where provider_call_id = ${address.providerCallId}
    union select company_id from webhook_events where provider_call_id = ${address.providerCallId} and company_id is not null
      and status in ('pending', 'dispatched', 'applied'))`;
}

/**
 * Holds a company until the transaction ends: whoever removes it waits, and then removes what was stored of it too.
 * @returns false where it is gone
 */
export async function holdCompany(tx: Queryable, companyId: string): Promise<boolean> {
  const held = await tx
    .select({ id: companies.id })
    .from(companies)
    .where(eq(companies.id, companyId))
    .for('key share');
  return held.length > 0;
}

/** Whether a person had this call deleted; its late webhooks must not bring it back. */
export async function isCallDeleted(db: Queryable, companyId: string, providerCallId: string): Promise<boolean> {
  const rows = await db
    .select({ one: sql`1` })
    .from(callTombstones)
    .where(and(eq(callTombstones.companyId, companyId), eq(callTombstones.providerCallId, providerCallId)));
  return rows.length > 0;
}

export type CallbackRoute =
  | { decision: 'matched'; companyId: string; jobId: string; workflowId: string }
  | { decision: 'unrouted' }
  /** Its call or visit was deleted: nothing of it is kept. */
  | { decision: 'deleted'; companyId: string }
  | { decision: 'invalid'; reason: string };

/**
 * Matches a callback of Shunya to its job: by job id; without one by call id and kind. A job id that contradicts its row,
 * or another company, makes it invalid; a job that is not known (yet) leaves it unrouted.
 */
export async function routeShunyaCallback(db: Queryable, callback: ShunyaCallback): Promise<CallbackRoute> {
  if (callback.invalidReason) return { decision: 'invalid', reason: callback.invalidReason };
  const byCall = callback.shunyaCallId
    ? await selectJobs(
        db,
        and(
          eq(shunyaJobs.shunyaCallId, callback.shunyaCallId),
          callback.jobType ? eq(shunyaJobs.kind, callback.jobType) : undefined,
        ),
      )
    : [];
  // Read last: a job id that is recorded between the two reads must not look like one that contradicts its row.
  const byTask = callback.jobId ? await selectJobs(db, eq(shunyaJobs.taskId, callback.jobId)) : [];

  if (byTask.length > 0) {
    const job = byTask.find(
      (row) =>
        (!callback.shunyaCallId || row.shunyaCallId === callback.shunyaCallId) &&
        (!callback.jobType || row.kind === callback.jobType),
    );
    return job ? matched(job, callback) : { decision: 'invalid', reason: 'job_contradicts_its_row' };
  }
  const newest = byCall[0];
  if (!newest) return (await findJobTombstone(db, callback)) ?? { decision: 'unrouted' };
  if (callback.jobId) {
    // The submit may still be under way: only its answer tells whether this job id is ours.
    const open = byCall.some((row) => row.taskId === null && row.state !== 'failed');
    if (open) return { decision: 'unrouted' };
    // Its row may have been deleted between the two reads.
    return (await findJobTombstone(db, callback)) ?? { decision: 'invalid', reason: 'job_contradicts_its_row' };
  }
  return matched(newest, callback);
}

/**
 * The same for a callback that is about to be stored: a job that it matches is held until the transaction ends, so that a
 * deletion of it comes either before, and is seen, or after, and takes the callback along.
 */
export async function routeAndHoldCallback(tx: Queryable, callback: ShunyaCallback): Promise<CallbackRoute> {
  const route = await routeShunyaCallback(tx, callback);
  if (route.decision !== 'matched') return route;
  const held = await tx
    .select({ id: shunyaJobs.id })
    .from(shunyaJobs)
    .where(eq(shunyaJobs.id, route.jobId))
    .for('key share');
  return held.length > 0 ? route : routeShunyaCallback(tx, callback);
}

type JobRow = Awaited<ReturnType<typeof selectJobs>>[number];

async function findJobTombstone(db: Queryable, callback: ShunyaCallback): Promise<CallbackRoute | undefined> {
  const { jobId, shunyaCallId } = callback;
  const [deleted] = await db
    .select({ companyId: jobTombstones.companyId })
    .from(jobTombstones)
    .where(
      or(
        jobId ? eq(jobTombstones.taskId, jobId) : sql`false`,
        shunyaCallId ? eq(jobTombstones.shunyaCallId, shunyaCallId) : sql`false`,
      ),
    )
    .limit(1);
  return deleted && { decision: 'deleted', companyId: deleted.companyId };
}

async function selectJobs(db: Queryable, where: SQL | undefined) {
  return db
    .select({
      id: shunyaJobs.id,
      companyId: shunyaJobs.companyId,
      shunyaCompanyId: companies.shunyaCompanyId,
      subjectKind: shunyaJobs.subjectKind,
      subjectId: shunyaJobs.subjectId,
      generation: shunyaJobs.generation,
      kind: shunyaJobs.kind,
      state: shunyaJobs.state,
      taskId: shunyaJobs.taskId,
      shunyaCallId: shunyaJobs.shunyaCallId,
    })
    .from(shunyaJobs)
    .innerJoin(companies, eq(companies.id, shunyaJobs.companyId))
    .where(where)
    .orderBy(sql`${shunyaJobs.attempt} desc, ${shunyaJobs.createdAt} desc`)
    .limit(50);
}

function matched(job: JobRow, callback: ShunyaCallback): CallbackRoute {
  if (callback.companyId && ![job.companyId, job.shunyaCompanyId].includes(callback.companyId))
    return { decision: 'invalid', reason: 'company_mismatch' };
  return {
    decision: 'matched',
    companyId: job.companyId,
    jobId: job.id,
    workflowId: analysisWorkflowId(job.subjectKind, job.subjectId, job.generation),
  };
}

/**
 * Serialises what is known of one job id: a callback that comes while the submit records its job waits for it here,
 * so that neither misses the other. Ends with the transaction.
 */
export async function lockTaskId(tx: Queryable, taskId: string): Promise<void> {
  await lockKey(tx, 'task', taskId);
}

type WaitingEvent = Pick<
  typeof webhookEvents.$inferSelect,
  | 'id'
  | 'source'
  | 'route'
  | 'status'
  | 'body'
  | 'signature'
  | 'providerCallId'
  | 'trackingNumber'
  | 'callrailCompanyId'
  | 'callrailCompanyAlias'
>;

const waitingColumns = {
  id: webhookEvents.id,
  source: webhookEvents.source,
  route: webhookEvents.route,
  status: webhookEvents.status,
  body: webhookEvents.body,
  signature: webhookEvents.signature,
  providerCallId: webhookEvents.providerCallId,
  trackingNumber: webhookEvents.trackingNumber,
  callrailCompanyId: webhookEvents.callrailCompanyId,
  callrailCompanyAlias: webhookEvents.callrailCompanyAlias,
};

/** Routes one stored event again and writes what came of it. @returns its status now */
async function routeAgain(tx: Queryable, event: WaitingEvent, config: Config): Promise<WebhookEventStatus> {
  const set = await decideAgain(tx, event, config);
  if (event.status === 'rejected' && set.status !== 'rejected') {
    // Rejected twins do not count as duplicates; once one is accepted, it must be the only one.
    const [twin] = await tx
      .select({ id: webhookEvents.id })
      .from(webhookEvents)
      .where(
        and(
          eq(webhookEvents.route, event.route),
          eq(webhookEvents.source, event.source),
          sql`${webhookEvents.bodySha256} = (select body_sha256 from webhook_events where id = ${event.id})`,
          ne(webhookEvents.status, 'rejected'),
        ),
      );
    if (twin) return 'rejected';
  }
  await tx
    .update(webhookEvents)
    .set({ ...set, nextRingAt: new Date(0) })
    .where(eq(webhookEvents.id, event.id));
  return set.status;
}

async function decideAgain(tx: Queryable, event: WaitingEvent, config: Config) {
  if (event.source === 'shunya') {
    const callback = readShunyaCallback(parseBodyBytes(event.body));
    const route = await routeAndHoldCallback(tx, callback);
    if (route.decision === 'matched') {
      const { companyId, jobId, workflowId } = route;
      return { status: 'pending' as const, reason: null, companyId, jobId, workflowId };
    }
    if (route.decision === 'deleted') return { ...FORGOTTEN, companyId: route.companyId, appliedAt: new Date() };
    return { status: route.decision, reason: route.decision === 'invalid' ? route.reason : 'unknown_job' };
  }
  const reason = whyInvalid(readCallRailEvent('modified', parseBodyBytes(event.body)));
  if (reason || !event.providerCallId) return { status: 'invalid' as const, reason };
  const route = await routeCallRailEvent(tx, { ...event, providerCallId: event.providerCallId }, config);
  if (route.decision === 'unrouted') return { status: 'unrouted' as const, reason: 'unknown_number' };
  const { companyId } = route;
  if (route.decision === 'rejected') return { status: 'rejected' as const, reason: 'invalid_signature', companyId };
  if (!(await holdCompany(tx, companyId))) return { status: 'unrouted' as const, reason: 'unknown_number' };
  const workflowId = callWorkflowId(companyId, event.providerCallId);
  return { status: 'pending' as const, reason: null, companyId, workflowId };
}

/**
 * Routes the unrouted events that a company's numbers, CallRail id or keys now answer for. Called in the transaction
 * that changes those; the relay calls it for everything now and then, for events that were stored meanwhile.
 * @returns how many go through now
 */
export async function routeWaitingEvents(tx: Queryable, companyId: string | null, config: Config): Promise<number> {
  const mine = companyId ? sql`and c.id = ${companyId}` : sql``;
  const known = sql`(
    ${webhookEvents.source} = 'callrail' and (
      exists (select 1 from tracking_numbers n join companies c on c.id = n.company_id
        where n.phone_number = ${webhookEvents.trackingNumber} ${mine})
      or exists (select 1 from companies c where c.callrail_company_id = ${webhookEvents.callrailCompanyId} ${mine})
      or exists (select 1 from companies c where c.callrail_company_id = ${webhookEvents.callrailCompanyAlias} ${mine})))`;
  const callbacks = sql`(
    ${webhookEvents.source} = 'shunya' and (
      exists (select 1 from shunya_jobs j where j.task_id = ${webhookEvents.taskId})
      or exists (select 1 from shunya_jobs j where j.shunya_call_id = ${webhookEvents.shunyaCallId} and j.task_id is not null)))`;
  return routeUnrouted(tx, companyId ? known : or(known, callbacks), config);
}

/** Routed at once by one transaction; what is more comes with the next. */
const ROUTED_MAX = 1000;

/** Routes unrouted events again, oldest first; those that somebody else is at are left to them. @returns how many go through now */
async function routeUnrouted(tx: Queryable, which: SQL | undefined, config: Config): Promise<number> {
  const waiting = await tx
    .select(waitingColumns)
    .from(webhookEvents)
    .where(and(eq(webhookEvents.status, 'unrouted'), which))
    .orderBy(webhookEvents.sequence)
    .limit(ROUTED_MAX)
    .for('update', { skipLocked: true });
  let routed = 0;
  for (const event of waiting) if ((await routeAgain(tx, event, config)) === 'pending') routed += 1;
  return routed;
}

/**
 * Routes the unrouted events of one call, now that its company is known: those that name neither number nor company can
 * come before the one that does. Called in the transaction that makes the call.
 */
export async function adoptEventsOfCall(tx: Queryable, providerCallId: string, config: Config): Promise<void> {
  const ofCall = and(eq(webhookEvents.source, 'callrail'), eq(webhookEvents.providerCallId, providerCallId));
  await routeUnrouted(tx, ofCall, config);
}

/** Gives the callbacks that came before their job was known to it. Called in the transaction that records the job's id. */
export async function adoptCallbacks(tx: Queryable, job: { taskId: string; shunyaCallId: number }, config: Config) {
  const ofJob = or(eq(webhookEvents.taskId, job.taskId), eq(webhookEvents.shunyaCallId, job.shunyaCallId));
  await routeUnrouted(tx, and(eq(webhookEvents.source, 'shunya'), ofJob), config);
}

export type RedriveResult = {
  outcome: 'redriven' | 'not_redriven' | 'already_applied' | 'not_found';
  status?: WebhookEventStatus;
};

/**
 * Sends one stored event through again: a pending or dispatched one is rung at once, an unrouted, invalid or rejected
 * one is routed and verified anew.
 */
export async function redriveEvent(tx: Queryable, eventId: string, config: Config): Promise<RedriveResult> {
  const [event] = await tx
    .select(waitingColumns)
    .from(webhookEvents)
    .where(eq(webhookEvents.id, eventId))
    .for('update');
  if (!event) return { outcome: 'not_found' };
  if (event.status === 'applied') return { outcome: 'already_applied', status: 'applied' };
  if (event.status === 'pending' || event.status === 'dispatched') {
    await tx
      .update(webhookEvents)
      .set({ nextRingAt: new Date(0) })
      .where(eq(webhookEvents.id, eventId));
    return { outcome: 'redriven', status: event.status };
  }
  const status = await routeAgain(tx, event, config);
  return { outcome: status === 'pending' ? 'redriven' : 'not_redriven', status };
}

/** The run that a job is of, for the relay: a callback of a finished run, or of one that is gone, changes nothing any more. */
export async function stateOfRun(db: Queryable, jobId: string): Promise<'running' | 'finished' | 'gone'> {
  const [row] = await db
    .select({ state: analysisRuns.state })
    .from(shunyaJobs)
    .innerJoin(
      analysisRuns,
      and(
        eq(analysisRuns.subjectKind, shunyaJobs.subjectKind),
        eq(analysisRuns.subjectId, shunyaJobs.subjectId),
        eq(analysisRuns.generation, shunyaJobs.generation),
      ),
    )
    .where(eq(shunyaJobs.id, jobId));
  if (!row) return 'gone';
  return row.state === 'running' ? 'running' : 'finished';
}
