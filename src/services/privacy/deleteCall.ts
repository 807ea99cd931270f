import type { Transaction } from '../../db/client.ts';
import { findCall } from '../../db/queries/calls.ts';
import { audit } from '../audit.ts';
import { lockCall } from '../calls/lock.ts';
import { refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { type Deletion, eraseCall } from './erase.ts';

/** Deletes a call as a person asks; its lead, its contact and the appointment it booked stay. */
export async function deleteCall(tx: Transaction, requester: Requester, id: string): Promise<Deletion> {
  const found = await findCall(tx, requester, id);
  if (!found) throw refuseMissing();
  const { call } = found;
  await lockCall(tx, call);
  const deletion = await eraseCall(tx, call);
  const { companyId } = call;
  await audit(tx, requester, { action: 'call.delete', subject: { kind: 'call', id: call.id }, companyId });
  return deletion;
}
