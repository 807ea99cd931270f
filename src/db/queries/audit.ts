import { randomUUID } from 'node:crypto';
import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { auditLog } from '../schema/index.ts';

export interface AuditEntry {
  companyId: string | null;
  actor: { userId: string; role: string };
  /** lead.update, contact.delete, … */
  action: string;
  subjectKind: string;
  subjectId: string;
  reason?: string | null;
  /** Ids, field names and states; never what a privacy deletion would have to find. */
  details?: Record<string, unknown>;
}

/** Writes down who did what, when and why. @returns the entry's id */
export async function writeAudit(db: Queryable, entry: AuditEntry): Promise<string> {
  const { actor, ...rest } = entry;
  const id = randomUUID();
  await db.insert(auditLog).values({ id, ...rest, actorId: actor.userId, actorRole: actor.role });
  return id;
}

export interface AuditFilter {
  /** Undefined: every company, and what belongs to none. */
  companyId?: string;
  action?: string;
  subjectKind?: string;
  subjectId?: string;
  actorId?: string;
}

/** A page of the audit log, newest first. */
export async function listAudit(db: Queryable, filter: AuditFilter, page: { limit: number; afterSequence?: number }) {
  const beyond = page.afterSequence === undefined ? undefined : lt(auditLog.sequence, page.afterSequence);
  return db
    .select()
    .from(auditLog)
    .where(and(matches(filter), beyond))
    .orderBy(desc(auditLog.sequence))
    .limit(page.limit);
}

/** The entries that match, to be counted. */
export const auditMatching = (db: Queryable, filter: AuditFilter): SQL =>
  db.select({ one: sql`1` }).from(auditLog).where(matches(filter)).getSQL();

function matches({ companyId, action, subjectKind, subjectId, actorId }: AuditFilter): SQL | undefined {
  return and(
    companyId === undefined ? undefined : eq(auditLog.companyId, companyId),
    action === undefined ? undefined : eq(auditLog.action, action),
    subjectKind === undefined ? undefined : eq(auditLog.subjectKind, subjectKind),
    subjectId === undefined ? undefined : eq(auditLog.subjectId, subjectId),
    actorId === undefined ? undefined : eq(auditLog.actorId, actorId),
  );
}
