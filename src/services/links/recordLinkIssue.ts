import type { Queryable } from '../../db/client.ts';
import { audit } from '../audit.ts';
import type { Caller } from '../caller.ts';

/** Writes down who was given a link to the recording of a call. */
export async function recordLinkIssue(
  db: Queryable,
  caller: Caller,
  { id, companyId }: { id: string; companyId: string },
): Promise<void> {
  await audit(db, caller, { action: 'recording.access', subject: { kind: 'call', id }, companyId });
}
