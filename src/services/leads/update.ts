import type { Transaction } from '../../db/client.ts';
import { lockLead } from '../../db/queries/leads.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { assertUserOfCompany } from '../users/assertUser.ts';
import { changeLead, type LeadChange } from './change.ts';

/** What the role table leaves to a csr. */
const CSR_FIELDS = ['status', 'notes'];

/**
 * Changes a lead as a person asks.
 * @param fields what the requester named, as the API calls it
 */
export async function updateLead(
  tx: Transaction,
  requester: Requester<string>,
  id: string,
  { change, fields }: { change: LeadChange; fields: string[] },
  precondition: Precondition,
): Promise<void> {
  if (requester.actor.role === 'csr' && fields.some((field) => !CSR_FIELDS.includes(field)))
    throw new Refusal('forbidden', { detail: 'A csr may set status and notes of a lead.' });
  const before = await lockLead(tx, requester, id);
  if (!before) throw refuseMissing();
  precondition(before);
  if (fields.length === 0) return;

  await assertUserOfCompany(tx, requester.companyId, change.assignedRepId);
  await changeLead(tx, before, change);
  const { status } = change;
  const details = { fields, ...(status && { status: { from: before.status, to: status } }) };
  await audit(tx, requester, { action: 'lead.update', subject: { kind: 'lead', id }, details });
}
