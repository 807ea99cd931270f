/** Companies and their tracking numbers. Keys are written, never read back. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { companies, trackingNumbers } from '../schema/index.ts';

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
  isDemo: companies.isDemo,
  createdAt: companies.createdAt,
  updatedAt: companies.updatedAt,
};

export type CompanyRow = Awaited<ReturnType<typeof listCompanies>>[number];

export type NewCompany = typeof companies.$inferInsert;
/** What of a company can change. */
export type CompanyChange = Partial<Omit<NewCompany, 'id' | 'createdAt' | 'updatedAt'>>;

/** The zone whose days are a company's days; the default where there is no such company. */
export async function companyTimeZone(db: Queryable, companyId: string): Promise<string> {
  const [row] = await db.select({ timeZone: companies.timeZone }).from(companies).where(eq(companies.id, companyId));
  return row?.timeZone ?? DEFAULT_TIME_ZONE;
}

/** A page of companies, newest first. @param where what the caller may see, and the cursor */
export async function listCompanies(db: Queryable, where: SQL | undefined, limit: number) {
  return db
    .select(companyColumns)
    .from(companies)
    .where(where)
    .orderBy(desc(companies.createdAt), desc(companies.id))
    .limit(limit);
}

export async function findCompany(db: Queryable, id: string): Promise<CompanyRow | undefined> {
  const [row] = await listCompanies(db, eq(companies.id, id), 1);
  return row;
}

/** Locks a company for a change; webhooks of it go on. */
export async function lockCompany(db: Queryable, id: string): Promise<{ updatedAt: Date } | undefined> {
  const [row] = await db
    .select({ updatedAt: companies.updatedAt })
    .from(companies)
    .where(eq(companies.id, id))
    .for('no key update');
  return row;
}

export async function insertCompany(db: Queryable, company: NewCompany): Promise<void> {
  await db.insert(companies).values(company);
}

export async function updateCompany(db: Queryable, id: string, change: CompanyChange): Promise<void> {
  await db
    .update(companies)
    .set({ ...change, updatedAt: laterThan(companies.updatedAt) })
    .where(eq(companies.id, id));
}

/** Now, and in any case later than before: the time is what If-Match compares. */
export const laterThan = (updatedAt: unknown): SQL => sql`greatest(now(), ${updatedAt} + interval '1 millisecond')`;

const numberColumns = {
  phoneNumber: trackingNumbers.phoneNumber,
  companyId: trackingNumbers.companyId,
  label: trackingNumbers.label,
  createdAt: trackingNumbers.createdAt,
};

export type TrackingNumberRow = Awaited<ReturnType<typeof listTrackingNumbers>>[number];

/** A page of a company's numbers, newest first. */
export async function listTrackingNumbers(db: Queryable, companyId: string, after: SQL | undefined, limit: number) {
  return db
    .select(numberColumns)
    .from(trackingNumbers)
    .where(and(eq(trackingNumbers.companyId, companyId), after))
    .orderBy(desc(trackingNumbers.createdAt), desc(trackingNumbers.phoneNumber))
    .limit(limit);
}

/** @returns the new row, or undefined where the number belongs to a company already */
export async function insertTrackingNumber(
  db: Queryable,
  number: { companyId: string; phoneNumber: string; label?: string | null },
): Promise<TrackingNumberRow | undefined> {
  const [row] = await db.insert(trackingNumbers).values(number).onConflictDoNothing().returning(numberColumns);
  return row;
}

/** @returns whether the company had the number */
export async function deleteTrackingNumber(db: Queryable, companyId: string, phoneNumber: string): Promise<boolean> {
  const deleted = await db
    .delete(trackingNumbers)
    .where(and(eq(trackingNumbers.companyId, companyId), eq(trackingNumbers.phoneNumber, phoneNumber)))
    .returning({ phoneNumber: trackingNumbers.phoneNumber });
  return deleted.length > 0;
}
