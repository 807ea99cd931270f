/** What reading CallRail's list of calls needs to know and remembers. */
import { and, asc, eq, gt, isNotNull, sql } from 'drizzle-orm';
import type { CallStatus } from '../../domain/call.ts';
import type { KnownCall } from '../../domain/reconciliation.ts';
import type { Queryable } from '../client.ts';
import {
  callrailAccounts,
  callrailBackfills,
  callrailReconciliations,
  companies,
  trackingNumbers,
} from '../schema/index.ts';

/** How a company's calls are read from CallRail. */
export interface CallRailAccess {
  companyId: string;
  accountId: string;
  apiKey: string;
  /** CallRail's id of the company; null where only its numbers tell its calls. */
  callrailCompanyId: string | null;
  timeZone: string;
}

const hasAccess = and(isNotNull(companies.callrailAccountId), isNotNull(companies.callrailApiKey));

/** Companies whose calls can be listed, by id, and up to when they were. */
export async function listReconcilable(
  db: Queryable,
  page: { after?: string; limit: number },
): Promise<{ companyId: string; reconciledUntil: Date | null }[]> {
  return db
    .select({ companyId: companies.id, reconciledUntil: callrailReconciliations.reconciledUntil })
    .from(companies)
    .leftJoin(callrailReconciliations, eq(callrailReconciliations.companyId, companies.id))
    .where(and(hasAccess, page.after === undefined ? undefined : gt(companies.id, page.after)))
    .orderBy(asc(companies.id))
    .limit(page.limit);
}

/** @returns undefined where there is no such company, or no account and key of it */
export async function findCallRailAccess(db: Queryable, companyId: string): Promise<CallRailAccess | undefined> {
  const [row] = await db
    .select({
      companyId: companies.id,
      accountId: companies.callrailAccountId,
      apiKey: companies.callrailApiKey,
      callrailCompanyId: companies.callrailCompanyId,
      timeZone: companies.timeZone,
    })
    .from(companies)
    .where(and(eq(companies.id, companyId), hasAccess));
  const { accountId, apiKey } = row ?? {};
  return row && accountId && apiKey ? { ...row, accountId, apiKey } : undefined;
}

/** What we have of these calls of the provider; every id has an answer. */
export async function knownCalls(
  db: Queryable,
  company: Pick<CallRailAccess, 'companyId' | 'accountId'>,
  providerCallIds: readonly string[],
): Promise<Map<string, KnownCall>> {
  const { companyId, accountId } = company;
  const rows = await db.execute<{
    id: string;
    status: CallStatus | null;
    has_recording: boolean;
    deleted: boolean;
    under_way: boolean;
    elsewhere: boolean;
  }>(sql`
    select listed.id, calls.status, calls.recording_url is not null as has_recording,
      exists (select 1 from call_tombstones t where t.company_id = ${companyId} and t.provider_call_id = listed.id) as deleted,
      exists (select 1 from webhook_events e where e.company_id = ${companyId} and e.provider_call_id = listed.id
        and e.source = 'callrail' and e.status in ('pending', 'dispatched')) as under_way,
      exists (select 1 from calls other join companies c on c.id = other.company_id
        where other.provider_call_id = listed.id and c.id <> ${companyId} and c.callrail_account_id = ${accountId}) as elsewhere
    from jsonb_array_elements_text(${JSON.stringify(providerCallIds)}::jsonb) as listed(id)
    left join calls on calls.company_id = ${companyId} and calls.provider_call_id = listed.id`);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        status: row.status,
        hasRecording: row.has_recording,
        deleted: row.deleted,
        underWay: row.under_way,
        elsewhere: row.elsewhere,
      },
    ]),
  );
}

/** Which of our companies has each of the numbers. */
export async function numberOwners(db: Queryable, phoneNumbers: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .select({ phoneNumber: trackingNumbers.phoneNumber, companyId: trackingNumbers.companyId })
    .from(trackingNumbers)
    .where(
      sql`${trackingNumbers.phoneNumber} in (select jsonb_array_elements_text(${JSON.stringify(phoneNumbers)}::jsonb))`,
    );
  return new Map(rows.map((row) => [row.phoneNumber, row.companyId]));
}

/** What one reader may ask of an account. */
export interface RequestBudget {
  perHour: number;
  perDay: number;
}

/**
 * Counts one request of an account, whoever in whichever process makes it.
 * @returns null when it may be made, else when to ask again
 */
export async function takeCallRailRequest(
  db: Queryable,
  accountId: string,
  budget: RequestBudget,
): Promise<Date | null> {
  const { hour, hourRequests, day, dayRequests, blockedUntil } = callrailAccounts;
  const thisHour = sql`date_trunc('hour', now(), 'UTC')`;
  const today = sql`date_trunc('day', now(), 'UTC')`;
  const taken = await db
    .insert(callrailAccounts)
    .values({ accountId, hour: thisHour, hourRequests: 1, day: today, dayRequests: 1 })
    .onConflictDoUpdate({
      target: callrailAccounts.accountId,
      set: {
        hour: thisHour,
        hourRequests: sql`case when ${hour} = ${thisHour} then ${hourRequests} else 0 end + 1`,
        day: today,
        dayRequests: sql`case when ${day} = ${today} then ${dayRequests} else 0 end + 1`,
      },
      setWhere: sql`coalesce(${blockedUntil} <= now(), true)
        and (${hour} <> ${thisHour} or ${hourRequests} < ${budget.perHour})
        and (${day} <> ${today} or ${dayRequests} < ${budget.perDay})`,
    })
    .returning({ accountId: callrailAccounts.accountId });
  if (taken.length > 0) return null;
  const [row] = await db
    .select({
      retryAt: sql<string>`greatest(${blockedUntil}, case
        when ${day} = ${today} and ${dayRequests} >= ${budget.perDay} then ${today} + interval '1 day'
        when ${hour} = ${thisHour} and ${hourRequests} >= ${budget.perHour} then ${thisHour} + interval '1 hour'
        else now() end)`,
    })
    .from(callrailAccounts)
    .where(eq(callrailAccounts.accountId, accountId));
  return row ? new Date(row.retryAt) : new Date();
}

/** The account was refused with 429: ten minutes of silence, doubled up to two hours while it goes on. */
export async function blockCallRailAccount(db: Queryable, accountId: string): Promise<void> {
  const { refusals } = callrailAccounts;
  await db
    .update(callrailAccounts)
    .set({
      blockedUntil: sql`now() + least(interval '2 hours', interval '10 minutes' * power(2, least(${refusals}, 10)))`,
      refusals: sql`${refusals} + 1`,
    })
    .where(eq(callrailAccounts.accountId, accountId));
}

/** The account answers. */
export async function unblockCallRailAccount(db: Queryable, accountId: string): Promise<void> {
  await db
    .update(callrailAccounts)
    .set({ blockedUntil: null, refusals: 0 })
    .where(and(eq(callrailAccounts.accountId, accountId), gt(callrailAccounts.refusals, 0)));
}

/** A company was compared up to `until`. */
export async function recordReconciled(
  db: Queryable,
  run: { companyId: string; until: Date; fed: number },
): Promise<void> {
  const { companyId, until: reconciledUntil, fed } = run;
  await db
    .insert(callrailReconciliations)
    .values({ companyId, reconciledUntil, fed })
    .onConflictDoUpdate({
      target: callrailReconciliations.companyId,
      set: {
        reconciledUntil: sql`greatest(${callrailReconciliations.reconciledUntil}, excluded.reconciled_until)`,
        lastRunAt: sql`now()`,
        lastError: null,
        failures: 0,
        fed: sql`${callrailReconciliations.fed} + excluded.fed`,
      },
    });
}

/** A company could not be compared; `code` says why, for operators. */
export async function recordNotReconciled(db: Queryable, companyId: string, code: string): Promise<void> {
  await db
    .insert(callrailReconciliations)
    .values({ companyId, lastError: code, failures: 1 })
    .onConflictDoUpdate({
      target: callrailReconciliations.companyId,
      set: {
        lastRunAt: sql`now()`,
        lastError: code,
        failures: sql`${callrailReconciliations.failures} + 1`,
      },
    });
}

/** A range of days of one company, as `backfill` was asked for it. */
export interface BackfillKey {
  companyId: string;
  fromDate: string;
  toDate: string;
}

export type BackfillRow = typeof callrailBackfills.$inferSelect;

const backfillIs = (key: BackfillKey) =>
  and(
    eq(callrailBackfills.companyId, key.companyId),
    eq(callrailBackfills.fromDate, key.fromDate),
    eq(callrailBackfills.toDate, key.toDate),
  );

/**
 * The range's row: where an earlier run was interrupted, that one; else it begins at `end`. One that finished before
 * `end` begins again, since its last day was not over.
 */
export async function openBackfill(db: Queryable, key: BackfillKey, end: Date): Promise<BackfillRow> {
  const afresh = { position: end, listed: 0, fed: 0, startedAt: sql`now()`, finishedAt: null };
  await db
    .insert(callrailBackfills)
    .values({ ...key, ...afresh })
    .onConflictDoUpdate({
      target: [callrailBackfills.companyId, callrailBackfills.fromDate, callrailBackfills.toDate],
      set: afresh,
      setWhere: sql`${callrailBackfills.finishedAt} < ${end.toISOString()}::timestamptz`,
    });
  const [row] = await db.select().from(callrailBackfills).where(backfillIs(key));
  if (!row) throw new Error('a backfill that was just stored is gone');
  return row;
}

/** Remembers how far a range is. */
export async function recordBackfill(
  db: Queryable,
  key: BackfillKey,
  progress: { position: Date; listed: number; fed: number; finished: boolean },
): Promise<void> {
  const { finished, ...rest } = progress;
  await db
    .update(callrailBackfills)
    .set({ ...rest, finishedAt: finished ? sql`now()` : null })
    .where(backfillIs(key));
}
