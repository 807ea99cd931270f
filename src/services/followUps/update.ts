import { and, eq, inArray, ne, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockFollowUp } from '../../db/queries/followUps.ts';
import { followUps } from '../../db/schema/index.ts';
import { ACTIVE_FOLLOW_UP_STATUSES, type FollowUpStatus } from '../../domain/followUp.ts';
import { audit } from '../audit.ts';
import { announce } from '../deliveries/announce.ts';
import { Refusal, refuseField, refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { assertUserOfCompany } from '../users/assertUser.ts';

/** What a person may change; undefined stays as it is. */
export interface FollowUpChange {
  status?: FollowUpStatus;
  assignedTo?: string | null;
  note?: string | null;
  reason?: string | null;
}

/** Changes a follow-up as a person asks. Claiming one takes it for oneself unless somebody is named. */
export async function updateFollowUp(
  tx: Transaction,
  requester: Requester<string>,
  id: string,
  change: FollowUpChange,
  precondition: Precondition,
): Promise<void> {
  const before = await lockFollowUp(tx, requester.companyId, id);
  if (!before) throw refuseMissing();
  precondition(before);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as FollowUpChange;
  if (Object.keys(given).length === 0) return;
  if (change.status === 'dismissed' && !change.reason)
    throw refuseField('reason', 'is required to dismiss a follow-up');
  await assertUserOfCompany(tx, requester.companyId, change.assignedTo);

  const isActive = (status: FollowUpStatus) => (ACTIVE_FOLLOW_UP_STATUSES as readonly string[]).includes(status);
  const status = change.status ?? before.status;
  if (isActive(status) && !isActive(before.status)) await refuseSecond(tx, before);
  await tx
    .update(followUps)
    .set({
      ...given,
      ...(change.status === 'claimed' && {
        assignedTo: change.assignedTo ?? before.assignedTo ?? requester.actor.userId,
      }),
      ...(change.status === 'open' && { assignedTo: change.assignedTo ?? null }),
      ...(isActive(status)
        ? { closedBy: null, closedByCallId: null, closedAt: null }
        : isActive(before.status) && { closedBy: requester.actor.userId, closedAt: sql`now()` }),
      version: sql`${followUps.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(followUps.id, id));
  const details = { fields: Object.keys(given), ...(change.status && { from: before.status, to: status }) };
  await audit(tx, requester, {
    action: 'follow_up.update',
    subject: { kind: 'follow_up', id },
    reason: change.reason,
    details,
  });
  if (isActive(before.status) && !isActive(status))
    await announce(tx, { companyId: requester.companyId, type: 'follow_up.closed', subjectId: id });
}

/** One that is reopened must not stand beside another of the same contact. */
async function refuseSecond(tx: Transaction, { id, contactId }: { id: string; contactId: string }): Promise<void> {
  const [other] = await tx
    .select({ id: followUps.id })
    .from(followUps)
    .where(
      and(
        eq(followUps.contactId, contactId),
        ne(followUps.id, id),
        inArray(followUps.status, [...ACTIVE_FOLLOW_UP_STATUSES]),
      ),
    );
  if (other) throw new Refusal('conflict', { detail: `The contact has another open follow-up, ${other.id}.` });
}
