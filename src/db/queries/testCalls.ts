/** What a test call of a company needs to look genuine. */
import { asc, eq } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { companies, trackingNumbers } from '../schema/index.ts';

/** The number to call and the key to sign with: read by local mode's test call alone. */
export async function findRoutingDetails(db: Queryable, companyId: string) {
  const [company] = await db
    .select({ signingKeys: companies.callrailSigningKeys, callrailCompanyId: companies.callrailCompanyId })
    .from(companies)
    .where(eq(companies.id, companyId));
  if (!company) return undefined;
  const [number] = await db
    .select({ phoneNumber: trackingNumbers.phoneNumber })
    .from(trackingNumbers)
    .where(eq(trackingNumbers.companyId, companyId))
    .orderBy(asc(trackingNumbers.createdAt))
    .limit(1);
  const { signingKeys, callrailCompanyId } = company;
  return { signingKey: signingKeys[0], callrailCompanyId, trackingNumber: number?.phoneNumber ?? null };
}
