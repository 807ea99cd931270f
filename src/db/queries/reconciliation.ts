/** What reading CallRail's list of calls needs to know and remembers. */
import { and, asc, eq, gt, isNotNull, sql } from 'drizzle-orm';
import type { CallStatus } from '../../domain/call.ts';
import type { KnownCall } from '../../domain/reconciliation.ts';
import type { Queryable } from '../client.ts';
import { callrailReconciliations, companies, trackingNumbers } from '../schema/index.ts';

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

/** Whether any company lets CallRail's API be asked: its webhooks need nothing of that. */
export async function usesCallRailApi(db: Queryable): Promise<boolean> {
  const hasKey = isNotNull(companies.callrailApiKey);
  const [row] = await db.select({ id: companies.id }).from(companies).where(hasKey).limit(1);
  return row !== undefined;
}
