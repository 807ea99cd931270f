import { eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockCompany } from '../../db/queries/companies.ts';
import { companies } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import { refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { nextUpdatedAt } from '../versions.ts';
import { refuseTaken } from './refuseTaken.ts';
import { requireTimeZone } from './timeZone.ts';

/**
 * Changes a company; the relay then routes the webhooks that waited for what changed.
 * @param fields what the requester named, as the API calls it
 */
export async function updateCompany(
  tx: Transaction,
  requester: Requester,
  id: string,
  { change, fields }: { change: Partial<typeof companies.$inferInsert>; fields: string[] },
  precondition: Precondition,
): Promise<void> {
  const before = await lockCompany(tx, id);
  if (!before) throw refuseMissing();
  precondition(before);
  if (fields.length === 0) return;
  const timeZone = change.timeZone && (await requireTimeZone(tx, change.timeZone));
  const updatedAt = nextUpdatedAt(companies.updatedAt);
  await refuseTaken(
    tx
      .update(companies)
      .set({ ...change, timeZone, updatedAt })
      .where(eq(companies.id, id)),
  );
  const entry = { action: 'company.update', subject: { kind: 'company', id }, companyId: id, details: { fields } };
  await audit(tx, requester, entry);
}
