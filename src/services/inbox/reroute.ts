/** Routes stored events again: what waited for a number, a call or a job, and what an operator sends through anew. */
import { and, eq, exists, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Config } from '../../config/config.ts';
import type { Database, Queryable } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import type { WebhookEventStatus } from '../../domain/webhookEvent.ts';
import { readCallRailAddress } from '../../providers/callrail/payload.ts';
import { readShunyaCallback } from '../../providers/shunya/payload.ts';
import { callRoutedAs, findCallOwners, lockCompanyAgainstRemoval, routeCall, whyInvalid } from './routeCall.ts';
import { callbackRoutedAs, routeAndHoldCallback } from './routeCallback.ts';

/** Routed per transaction; the next one takes the rest. */
const ROUTED_TOGETHER = 50;
/** An event that somebody could own, but that nobody's key verifies, is looked at again after this. */
const LOOK_AGAIN_MINUTES = 5;

/** All but the body, which may be large: it is read once it is known that somebody could own the event. */
const eventColumns = {
  id: webhookEvents.id,
  sequence: webhookEvents.sequence,
  source: webhookEvents.source,
  route: webhookEvents.route,
  status: webhookEvents.status,
  reason: webhookEvents.reason,
  signature: webhookEvents.signature,
  providerCallId: webhookEvents.providerCallId,
  trackingNumber: webhookEvents.trackingNumber,
  callrailCompanyId: webhookEvents.callrailCompanyId,
  callrailCompanyAlias: webhookEvents.callrailCompanyAlias,
};
type EventToRoute = Awaited<ReturnType<typeof selectEvents>>[number];

const selectEvents = (tx: Queryable, which: SQL | undefined) =>
  tx.select(eventColumns).from(webhookEvents).where(which).orderBy(webhookEvents.sequence).limit(ROUTED_TOGETHER);

/**
 * Takes up some of the events that waited for a number, CallRail id, call or job that is known now: one small transaction.
 * @param after only events received after this one
 * @returns how many go through now, and where to go on; null at the end
 */
export async function routeWaitingEvents(
  db: Database,
  config: Config,
  after: number,
): Promise<{ routed: number; next: number | null }> {
  const hasPossibleOwner = sql`(
    ${webhookEvents.source} = 'callrail' and (
      exists (select 1 from tracking_numbers n where n.phone_number = ${webhookEvents.trackingNumber})
      or exists (select 1 from companies c where c.callrail_company_id = ${webhookEvents.callrailCompanyId})
      or exists (select 1 from companies c where c.callrail_company_id = ${webhookEvents.callrailCompanyAlias})
      or exists (select 1 from calls c where c.provider_call_id = ${webhookEvents.providerCallId})))`;
  const hasKnownJob = sql`(
    ${webhookEvents.source} = 'shunya' and (
      exists (select 1 from shunya_jobs j where j.task_id = ${webhookEvents.taskId})
      or exists (select 1 from shunya_jobs j where j.shunya_call_id = ${webhookEvents.shunyaCallId} and j.task_id is not null)))`;
  const isDue = sql`${webhookEvents.nextRingAt} <= now() and ${webhookEvents.sequence} > ${after}`;
  return db.transaction(async (tx) => {
    const { routed, waiting } = await routeUnrouted(tx, and(isDue, or(hasPossibleOwner, hasKnownJob)), config);
    return { routed, next: waiting.length < ROUTED_TOGETHER ? null : (waiting.at(-1)?.sequence ?? null) };
  });
}

/** Routes unrouted events again, oldest first; those that somebody else is at are left to them. */
async function routeUnrouted(tx: Queryable, which: SQL | undefined, config: Config) {
  const waiting = await selectEvents(tx, and(isUnrouted, which)).for('update', {
    skipLocked: true,
  });
  let routed = 0;
  for (const event of waiting) if ((await routeAgain(tx, event, config)) === 'pending') routed += 1;
  return { routed, waiting };
}

/** Spelled out: with the status as a value no plan for all values could use the indexes of these. */
const isUnrouted = sql`${webhookEvents.status} = 'unrouted'`;

const unroutedOfCall = (providerCallId: string) =>
  and(eq(webhookEvents.source, 'callrail'), eq(webhookEvents.providerCallId, providerCallId));

const unroutedOfJob = (job: { taskId: string; shunyaCallId: number }) =>
  and(
    eq(webhookEvents.source, 'shunya'),
    or(eq(webhookEvents.taskId, job.taskId), eq(webhookEvents.shunyaCallId, job.shunyaCallId)),
  );

/** Whether there is something to adopt, for statements that read more. */
export const hasEventsToAdopt = (
  tx: Queryable,
  of: { providerCallId: string } | { taskId: string; shunyaCallId: number },
) => {
  const which = 'taskId' in of ? unroutedOfJob(of) : unroutedOfCall(of.providerCallId);
  const waiting = tx.select({ id: webhookEvents.id }).from(webhookEvents);
  return sql<boolean>`${exists(waiting.where(and(isUnrouted, which)))}`;
};

/**
 * Routes the unrouted events of one call, now that its company is known: those that name neither number nor company can
 * come before the one that does. Called in the transaction that makes the call.
 */
export async function adoptEventsOfCall(tx: Queryable, providerCallId: string, config: Config): Promise<void> {
  await routeUnrouted(tx, unroutedOfCall(providerCallId), config);
}

/**
 * Gives the callbacks that came before their job was known to it. Called in the transaction that records the job's id.
 * @returns how many
 */
export async function adoptCallbacks(
  tx: Queryable,
  job: { taskId: string; shunyaCallId: number },
  config: Config,
): Promise<number> {
  const { routed } = await routeUnrouted(tx, unroutedOfJob(job), config);
  return routed;
}

/**
 * Sends one stored event through again: a pending or dispatched one is rung at once, an unrouted, invalid or rejected
 * one is routed and verified anew. One that was applied stays so.
 * @returns what it was; undefined where it is gone
 */
export async function redrive(tx: Queryable, eventId: string, config: Config): Promise<WebhookEventStatus | undefined> {
  const [event] = await selectEvents(tx, eq(webhookEvents.id, eventId)).for('update');
  if (event?.status === 'pending' || event?.status === 'dispatched') {
    await tx
      .update(webhookEvents)
      .set({ nextRingAt: new Date(0) })
      .where(eq(webhookEvents.id, eventId));
  } else if (event && event.status !== 'applied') await routeAgain(tx, event, config);
  return event?.status;
}

/** Routes one stored event again and writes what came of it. @returns its status now */
async function routeAgain(tx: Queryable, event: EventToRoute, config: Config): Promise<WebhookEventStatus> {
  const set = await decideAgain(tx, event, config);
  // Rejected twins do not count as duplicates; once one is accepted, it must be the only one.
  if (event.status === 'rejected' && set.status !== 'rejected' && (await hasTwin(tx, event))) return 'rejected';
  await tx
    .update(webhookEvents)
    .set({ nextRingAt: new Date(0), ...set })
    .where(eq(webhookEvents.id, event.id));
  return set.status;
}

async function hasTwin(tx: Queryable, event: EventToRoute): Promise<boolean> {
  const twins = await tx
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
  return twins.length > 0;
}

async function decideAgain(tx: Queryable, event: EventToRoute, config: Config) {
  return event.source === 'shunya' ? decideCallback(tx, event) : decideCall(tx, event, config);
}

async function decideCallback(tx: Queryable, event: EventToRoute) {
  const callback = readShunyaCallback(parseBodyBytes(await readBody(tx, event.id)));
  return callbackRoutedAs(await routeAndHoldCallback(tx, callback));
}

async function decideCall(tx: Queryable, event: EventToRoute, config: Config) {
  const unrouted = { status: 'unrouted' as const, reason: 'unknown_number' };
  const [owners = []] = await findCallOwners(tx, [event]);
  if (owners.length === 0 && event.status !== 'invalid') return unrouted;
  const body = await readBody(tx, event.id);
  const { providerCallId } = event;
  const invalidReason = whyInvalid(readCallRailAddress(parseBodyBytes(body)));
  const signatures = event.signature?.split(' ') ?? [];
  const route = routeCall(owners, { address: event, body, signatures }, config);
  const routed = callRoutedAs(route, { providerCallId, invalidReason }, owners);
  if (routed.status === 'unrouted')
    return { ...routed, nextRingAt: sql`now() + make_interval(mins => ${LOOK_AGAIN_MINUTES})` };
  const isAccepted = routed.status === 'pending' || routed.status === 'applied';
  return isAccepted && !(await lockCompanyAgainstRemoval(tx, routed.companyId)) ? unrouted : routed;
}

async function readBody(tx: Queryable, eventId: string): Promise<Buffer> {
  const [row] = await tx.select({ body: webhookEvents.body }).from(webhookEvents).where(eq(webhookEvents.id, eventId));
  return row?.body ?? Buffer.alloc(0);
}
