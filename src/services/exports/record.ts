import type { Queryable } from '../../db/client.ts';
import { audit } from '../audit.ts';
import type { Caller } from '../caller.ts';

/** A whole list leaves the house: who took it, and by which filters; not what they said, which may be a person's name. */
export async function recordExport(
  db: Queryable,
  caller: Caller,
  list: 'calls' | 'leads' | 'appointments',
  filters: readonly string[],
): Promise<void> {
  await audit(db, caller, { action: `${list}.export`, subject: { kind: 'export', id: list }, details: { filters } });
}
