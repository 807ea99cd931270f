/** The audit log: who did what, when and why, written in the transaction of what was done. */
import { randomUUID } from 'node:crypto';
import type { Queryable } from '../db/client.ts';
import { auditLog } from '../db/schema/index.ts';
import type { Caller } from './caller.ts';

export interface AuditEntry {
  /** lead.update, contact.delete, … */
  action: string;
  subject: { kind: string; id: string };
  /** Whose subject it is; the caller's own company unless said. */
  companyId?: string | null;
  reason?: string | null;
  /** Ids, field names and states; never what a privacy deletion would have to find. */
  details?: Record<string, unknown>;
}

/** Writes an entry. @returns its id */
export async function audit(
  tx: Queryable,
  { actor, companyId }: Pick<Caller, 'actor' | 'companyId'>,
  { subject, ...entry }: AuditEntry,
): Promise<string> {
  const id = randomUUID();
  await tx.insert(auditLog).values({
    companyId: companyId ?? null,
    ...entry,
    id,
    subjectKind: subject.kind,
    subjectId: subject.id,
    actorId: actor.userId,
    actorRole: actor.role,
  });
  return id;
}
