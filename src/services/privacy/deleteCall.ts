import type { Transaction } from '../../db/client.ts';
import { findCall, lockCall } from '../../db/queries/calls.ts';
import { audit } from '../audit.ts';
import type { Caller } from '../caller.ts';
import { refuseMissing } from '../refusal.ts';
import { type Deletion, eraseCall } from './erase.ts';

/** Deletes a call as a person asks; its lead, its contact and the appointment it booked stay. */
export async function deleteCall(tx: Transaction, caller: Caller, id: string): Promise<Deletion> {
  const found = await findCall(tx, caller, id);
  if (!found) throw refuseMissing();
  const { call } = found;
  await lockCall(tx, call);
  const deletion = await eraseCall(tx, call);
  const { companyId } = call;
  await audit(tx, caller, { action: 'call.delete', subject: { kind: 'call', id: call.id }, companyId });
  return deletion;
}
