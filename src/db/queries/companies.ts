/** Companies and their tracking numbers. Keys are written, never read back. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { companies, trackingNumbers } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

const DEFAULT_TIME_ZONE = 'America/New_York';

const companyColumns = {
  id: companies.id,
  name: companies.name,
  timeZone: companies.timeZone,
  callrailCompanyId: companies.callrailCompanyId,
  callrailSigningKeyCount: sql<number>`cardinality(${companies.callrailSigningKeys})`,
  callrailAccountId: companies.callrailAccountId,
  hasCallrailApiKey: sql<boolean>`${companies.callrailApiKey} is not null`,
  shunyaCompanyId: companies.shunyaCompanyId,
  recordingDays: companies.recordingDays,
  transcriptDays: companies.transcriptDays,
  rawEventDays: companies.rawEventDays,
  isDemo: companies.isDemo,
  createdAt: companies.createdAt,
  updatedAt: companies.updatedAt,
};

export type CompanyRow = Awaited<ReturnType<typeof listCompanies>>[number];

/** Which companies somebody may see. */
export interface CompanyFilter {
  /** Undefined: all of them. */
  id?: string;
}

/** The zone whose days are a company's days; the default where there is no such company. */
export async function companyTimeZone(db: Queryable, companyId: string): Promise<string> {
  const [row] = await db.select({ timeZone: companies.timeZone }).from(companies).where(eq(companies.id, companyId));
  return row?.timeZone ?? DEFAULT_TIME_ZONE;
}

/** A page of companies, newest first. */
export async function listCompanies(db: Queryable, filter: CompanyFilter, page: Page) {
  return db
    .select(companyColumns)
    .from(companies)
    .where(and(matching(filter), olderThan(companies.createdAt, companies.id, page.after)))
    .orderBy(desc(companies.createdAt), desc(companies.id))
    .limit(page.limit);
}

export const countCompanies = (db: Queryable, filter: CompanyFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${companies} where ${matching(filter)}`);

export async function findCompany(db: Queryable, id: string): Promise<CompanyRow | undefined> {
  const [row] = await listCompanies(db, { id }, { limit: 1 });
  return row;
}

const matching = ({ id }: CompanyFilter): SQL => (id === undefined ? sql`true` : eq(companies.id, id));

/** Locks a company for a change; webhooks of it go on. */
export async function lockCompany(db: Queryable, id: string): Promise<{ updatedAt: Date } | undefined> {
  const [row] = await db
    .select({ updatedAt: companies.updatedAt })
    .from(companies)
    .where(eq(companies.id, id))
    .for('no key update');
  return row;
}

const numberColumns = {
  phoneNumber: trackingNumbers.phoneNumber,
  companyId: trackingNumbers.companyId,
  label: trackingNumbers.label,
  createdAt: trackingNumbers.createdAt,
};

export type TrackingNumberRow = Awaited<ReturnType<typeof listTrackingNumbers>>[number];

/** A page of a company's numbers, newest first. */
export async function listTrackingNumbers(db: Queryable, companyId: string, page: Page) {
  const { createdAt, phoneNumber } = trackingNumbers;
  return db
    .select(numberColumns)
    .from(trackingNumbers)
    .where(and(eq(trackingNumbers.companyId, companyId), olderThan(createdAt, phoneNumber, page.after)))
    .orderBy(desc(createdAt), desc(phoneNumber))
    .limit(page.limit);
}

export const countTrackingNumbers = (db: Queryable, companyId: string): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${trackingNumbers} where ${eq(trackingNumbers.companyId, companyId)}`);
