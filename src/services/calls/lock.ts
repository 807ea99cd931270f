import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';

/**
 * Takes the lock under which a call's events are folded: no pipeline step changes its rows, or brings them back, until
 * the transaction ends.
 */
export async function lockCall(tx: Transaction, call: { companyId: string; providerCallId: string }): Promise<void> {
  await lockKey(tx, 'call', call.companyId, call.providerCallId);
}
