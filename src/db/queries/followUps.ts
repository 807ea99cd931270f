/** Follow-ups: the queue, by when each is due. */
import { and, asc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { ACTIVE_FOLLOW_UP_STATUSES, type FollowUpKind, type FollowUpStatus } from '../../domain/followUp.ts';
import type { Queryable } from '../client.ts';
import { callAnalyses, calls, contactCards, followUps } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';
import { type Count, countUpTo, laterThan, type Page } from './paging.ts';

const followUpColumns = {
  id: followUps.id,
  companyId: followUps.companyId,
  kind: followUps.kind,
  contact: { id: contactCards.id, phoneNumber: contactCards.phoneNumber, name: contactCards.name },
  leadId: followUps.leadId,
  callId: followUps.callId,
  calledAt: followUps.calledAt,
  status: followUps.status,
  dueAt: followUps.dueAt,
  isOverdue: sql<boolean>`(${followUps.dueAt} < now() and ${followUps.status} in ('open', 'claimed'))`,
  assignedTo: followUps.assignedTo,
  note: followUps.note,
  reason: followUps.reason,
  closedBy: followUps.closedBy,
  closedByCallId: followUps.closedByCallId,
  closedAt: followUps.closedAt,
  /** The first objection of the call that it is about. */
  objection: sql<string | null>`(select ${callAnalyses.objections} -> 0 ->> 'category' from ${callAnalyses}
    where ${callAnalyses.callId} = ${calls.id} and ${callAnalyses.generation} = ${calls.analysisGeneration})`,
  version: followUps.version,
  createdAt: followUps.createdAt,
  updatedAt: followUps.updatedAt,
};

export type FollowUpRow = Awaited<ReturnType<typeof listFollowUps>>[number];

export interface FollowUpFilter {
  companyId: string;
  ids?: readonly string[];
  status?: readonly FollowUpStatus[];
  kind?: readonly FollowUpKind[];
  overdue?: boolean;
  assignedTo?: string;
  contactId?: string;
}

/** A page of follow-ups, the one due first in front. */
export async function listFollowUps(db: Queryable, filter: FollowUpFilter, page: Page) {
  return db
    .select(followUpColumns)
    .from(followUps)
    .innerJoin(contactCards, eq(contactCards.id, followUps.contactId))
    .innerJoin(calls, eq(calls.id, followUps.callId))
    .where(and(matching(filter), laterThan(followUps.dueAt, followUps.id, page.after)))
    .orderBy(asc(followUps.dueAt), asc(followUps.id))
    .limit(page.limit);
}

export const countFollowUps = (db: Queryable, filter: FollowUpFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${followUps} where ${matching(filter)}`);

export async function findFollowUp(db: Queryable, companyId: string, id: string): Promise<FollowUpRow | undefined> {
  const [row] = await listFollowUps(db, { companyId, ids: [id] }, { limit: 1 });
  return row;
}

/** Locks a follow-up for a change. */
export async function lockFollowUp(db: Queryable, companyId: string, id: string) {
  const [row] = await db
    .select({
      id: followUps.id,
      contactId: followUps.contactId,
      status: followUps.status,
      assignedTo: followUps.assignedTo,
      version: followUps.version,
      updatedAt: followUps.updatedAt,
    })
    .from(followUps)
    .where(matching({ companyId, ids: [id] }))
    .for('update');
  return row;
}

/** The figures of the CSR metrics: what waits now, and how long callers of these days waited for their call back. */
export interface FollowUpFigures {
  open: number;
  overdue: number;
  /** Minutes; null where nobody was called back. */
  medianMinutes: number | null;
}

/**
 * Counts follow-ups.
 * @param filter.range the days of the call, which bound only the time to call back
 * @param filter.person those assigned to this user and those of nobody; undefined: all
 */
export async function sumFollowUps(
  db: Queryable,
  filter: { companyId: string; range: DayRange; person?: string },
): Promise<FollowUpFigures> {
  const ofPerson =
    filter.person === undefined ? sql`true` : sql`(assigned_to = ${filter.person} or assigned_to is null)`;
  const [row] = await db.execute<{ open: number; overdue: number; median: number | null }>(sql`
    select
      (select count(*)::int from follow_ups where company_id = ${filter.companyId}
        and status in ${ACTIVE_FOLLOW_UP_STATUSES} and ${ofPerson}) as open,
      (select count(*)::int from follow_ups where company_id = ${filter.companyId}
        and status in ${ACTIVE_FOLLOW_UP_STATUSES} and due_at < now() and ${ofPerson}) as overdue,
      (select percentile_cont(0.5) within group (order by extract(epoch from closed_at - called_at) / 60)
        from follow_ups where company_id = ${filter.companyId} and status = 'done' and kind <> 'unbooked'
        and ${onDays(sql`called_at`, filter.range)} and ${ofPerson}) as median`);
  return { open: row?.open ?? 0, overdue: row?.overdue ?? 0, medianMinutes: row?.median ?? null };
}

function matching(filter: FollowUpFilter): SQL | undefined {
  const isOverdue = sql`(${followUps.dueAt} < now() and ${followUps.status} in ('open', 'claimed'))`;
  return and(
    eq(followUps.companyId, filter.companyId),
    filter.ids && inArray(followUps.id, [...filter.ids]),
    filter.status && inArray(followUps.status, [...filter.status]),
    filter.kind && inArray(followUps.kind, [...filter.kind]),
    filter.overdue === undefined ? undefined : sql`${isOverdue} = ${filter.overdue}`,
    filter.assignedTo === undefined ? undefined : eq(followUps.assignedTo, filter.assignedTo),
    filter.contactId === undefined ? undefined : eq(followUps.contactId, filter.contactId),
  );
}
