import type { Queryable } from '../../db/client.ts';
import { audit } from '../audit.ts';
import type { Requester } from '../requester.ts';

/** Writes down who was given a link to the recording of a call. */
export async function recordLinkIssue(
  db: Queryable,
  requester: Requester,
  { id, companyId }: { id: string; companyId: string },
): Promise<void> {
  await audit(db, requester, { action: 'recording.access', subject: { kind: 'call', id }, companyId });
}
