import type { Queryable } from '../../db/client.ts';
import { audit } from '../audit.ts';
import type { Requester } from '../requester.ts';

/** Records who exported a list, and by which filters; not their values, which may be a person's name. */
export async function recordExport(
  db: Queryable,
  requester: Requester,
  list: 'calls' | 'leads' | 'appointments',
  filters: readonly string[],
): Promise<void> {
  await audit(db, requester, { action: `${list}.export`, subject: { kind: 'export', id: list }, details: { filters } });
}
