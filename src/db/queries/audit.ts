/** The audit log. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../client.ts';
import { auditLog } from '../schema/index.ts';
import { belowSequence, type Count, countUpTo, type Page } from './paging.ts';

export interface AuditFilter {
  /** Undefined: every company, and what belongs to none. */
  companyId?: string;
  action?: string;
  subjectKind?: string;
  subjectId?: string;
  actorId?: string;
}

export type AuditRow = Awaited<ReturnType<typeof listAudit>>[number];

/** A page of the audit log, newest first. */
export async function listAudit(db: Queryable, filter: AuditFilter, page: Page<number>) {
  return db
    .select()
    .from(auditLog)
    .where(and(matching(filter), belowSequence(auditLog.sequence, page.after)))
    .orderBy(desc(auditLog.sequence))
    .limit(page.limit);
}

export const countAudit = (db: Queryable, filter: AuditFilter): Promise<Count> =>
  countUpTo(db, db.select({ one: sql`1` }).from(auditLog).where(matching(filter)).getSQL());

function matching({ companyId, action, subjectKind, subjectId, actorId }: AuditFilter): SQL | undefined {
  return and(
    companyId === undefined ? undefined : eq(auditLog.companyId, companyId),
    action === undefined ? undefined : eq(auditLog.action, action),
    subjectKind === undefined ? undefined : eq(auditLog.subjectKind, subjectKind),
    subjectId === undefined ? undefined : eq(auditLog.subjectId, subjectId),
    actorId === undefined ? undefined : eq(auditLog.actorId, actorId),
  );
}
