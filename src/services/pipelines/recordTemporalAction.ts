import { and, eq, isNull, ne, or } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { auditLog } from '../../db/schema/index.ts';
import { storableText } from '../../domain/text.ts';

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
