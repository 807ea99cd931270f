/** The audit log: who did what, when and why, written in the transaction of what was done. */
import { randomUUID } from 'node:crypto';
import type { Queryable } from '../db/client.ts';
import { auditLog } from '../db/schema/index.ts';
import type { Requester } from './requester.ts';

export interface AuditEntry {
  /** lead.update, contact.delete, … */
  action: string;
  subject: { kind: string; id: string };
  /** Whose subject it is; the requester's own company unless said. */
  companyId?: string | null;
  reason?: string | null;
  /** Ids, field names and states; never what a privacy deletion would have to find. */
  details?: Record<string, unknown>;
}

type Who = Pick<Requester, 'actor'> & { companyId?: string | null };

/** Writes an entry. @returns its id */
export async function audit(tx: Queryable, who: Who, entry: AuditEntry): Promise<string> {
  const id = randomUUID();
  await tx.insert(auditLog).values(rowOf(id, who, entry));
  return id;
}

/** The same under an id that is known before; a second entry of that id is not written. */
export async function auditOnce(tx: Queryable, id: string, who: Who, entry: AuditEntry): Promise<void> {
  await tx
    .insert(auditLog)
    .values(rowOf(id, who, entry))
    .onConflictDoNothing();
}

const rowOf = (id: string, { actor, companyId }: Who, { subject, ...entry }: AuditEntry) => ({
  companyId: companyId ?? null,
  ...entry,
  id,
  subjectKind: subject.kind,
  subjectId: subject.id,
  actorId: actor.userId,
  actorRole: actor.role,
});
