import { randomUUID } from 'node:crypto';
import { and, desc, eq, isNull, ne, or, type SQL, sql } from 'drizzle-orm';
import { storableText } from '../../domain/text.ts';
import type { Queryable } from '../client.ts';
import { auditLog } from '../schema/index.ts';
import { belowSequence, type Count, countUpTo, type Page } from './paging.ts';

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

/** The same under an id that is known before; a second one of that id is not written. */
export async function writeAuditOnce(db: Queryable, id: string, entry: AuditEntry): Promise<void> {
  const { actor, ...rest } = entry;
  await db
    .insert(auditLog)
    .values({ id, ...rest, actorId: actor.userId, actorRole: actor.role })
    .onConflictDoNothing();
}

/** Longer ones are cut: nothing before this limits what somebody types into Temporal's Web UI. */
const OPERATOR_MAX = 255;
const REASON_MAX = 2000;
/** Of entries about what was done in Temporal itself; no token has it. */
const TEMPORAL_ROLE = 'operator';

/**
 * Writes down what an operator did to a pipeline in Temporal itself. Nothing where its reason is the id of the entry that
 * REST wrote before it sent this very action: same company, subject, action and operator, and no other action took it up
 * before. The role is `operator`: who it was is only what they said.
 */
export async function recordTemporalAction(
  db: Queryable,
  did: {
    id: string;
    companyId: string;
    subjectKind: string;
    subjectId: string;
    action: string;
    workflowId: string;
    operator: string;
    reason: string;
  },
): Promise<void> {
  const action = `pipeline.${did.action}`;
  const operator = storableText(did.operator.slice(0, OPERATOR_MAX));
  const id = storableText(did.id);
  const fromRest = await db
    .update(auditLog)
    .set({ takenUpBy: id })
    .where(
      and(
        eq(auditLog.id, storableText(did.reason)),
        eq(auditLog.companyId, did.companyId),
        eq(auditLog.subjectKind, did.subjectKind),
        eq(auditLog.subjectId, did.subjectId),
        eq(auditLog.action, action),
        eq(auditLog.actorId, operator),
        ne(auditLog.actorRole, TEMPORAL_ROLE),
        or(isNull(auditLog.takenUpBy), eq(auditLog.takenUpBy, id)),
      ),
    )
    .returning({ id: auditLog.id });
  if (fromRest.length > 0) return;
  await db
    .insert(auditLog)
    .values({
      id,
      companyId: did.companyId,
      actorId: operator,
      actorRole: TEMPORAL_ROLE,
      action,
      subjectKind: did.subjectKind,
      subjectId: did.subjectId,
      reason: storableText(did.reason.slice(0, REASON_MAX)),
      details: { via: 'temporal', workflow_id: did.workflowId },
    })
    .onConflictDoNothing();
}

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
