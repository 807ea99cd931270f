/** A person's change of a lead. */
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { lockLead } from '../../db/queries/leads.ts';
import { leads } from '../../db/schema/index.ts';
import { changedFields } from '../../domain/outgoingWebhook.ts';
import { refreshLeadReviews } from '../appointments/review.ts';
import { announce } from '../deliveries/announce.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';

type LockedLead = NonNullable<Awaited<ReturnType<typeof lockLead>>>;
export type LeadChange = Partial<Pick<LockedLead, 'status' | 'qualification' | 'source' | 'assignedRepId' | 'notes'>>;

/** Writes a change of a locked lead; a status that is set holds against analyses of calls that started before. */
export async function changeLead(tx: Transaction, before: LockedLead, change: LeadChange): Promise<void> {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  await tx
    .update(leads)
    .set({
      ...given,
      ...(change.status === undefined ? {} : { statusSetAt: sql`now()` }),
      version: sql`${leads.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(leads.id, before.id));
  if (change.status !== undefined) {
    await refreshLeadReviews(tx, before.id);
    await refreshFollowUp(tx, { companyId: before.companyId, id: before.contactId });
  }
  const shown = (lead: LockedLead) => ({
    status: lead.status,
    qualification: lead.qualification,
    source: lead.source,
    assigned_rep_id: lead.assignedRepId,
    notes: lead.notes,
  });
  const previous = changedFields(shown(before), shown({ ...before, ...given }));
  await announce(tx, { companyId: before.companyId, type: 'lead.updated', subjectId: before.id, previous });
}
