import { and, eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockCompany, type TrackingNumberRow } from '../../db/queries/companies.ts';
import { trackingNumbers } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';

/** Gives a company a number, which belongs to one company; the relay then routes the webhooks that waited for it. */
export async function addTrackingNumber(
  tx: Transaction,
  requester: Requester,
  number: { companyId: string; phoneNumber: string; label?: string | null },
): Promise<TrackingNumberRow> {
  const { companyId, phoneNumber } = number;
  if (!(await lockCompany(tx, companyId))) throw refuseMissing();
  const [row] = await tx.insert(trackingNumbers).values(number).onConflictDoNothing().returning();
  if (!row) throw new Refusal('phone_number_taken');
  const subject = { kind: 'tracking_number', id: phoneNumber };
  await audit(tx, requester, { action: 'tracking_number.create', subject, companyId });
  return row;
}

/** Takes a number from a company. */
export async function removeTrackingNumber(
  tx: Transaction,
  requester: Requester,
  number: { companyId: string; phoneNumber: string },
): Promise<void> {
  const { companyId, phoneNumber } = number;
  const removed = await tx
    .delete(trackingNumbers)
    .where(and(eq(trackingNumbers.companyId, companyId), eq(trackingNumbers.phoneNumber, phoneNumber)))
    .returning({ phoneNumber: trackingNumbers.phoneNumber });
  if (removed.length === 0) throw refuseMissing();
  const subject = { kind: 'tracking_number', id: phoneNumber };
  await audit(tx, requester, { action: 'tracking_number.delete', subject, companyId });
}
