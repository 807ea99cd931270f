/** Changes of a lead, its status among them: of a person, or by an analysis, a correction, an outcome. */
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { lockLead } from '../../db/queries/leads.ts';
import { leads } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import { changedFields } from '../../domain/outgoingWebhook.ts';
import { refreshLeadReviews } from '../appointments/review.ts';
import { announce } from '../deliveries/announce.ts';
import { refreshFollowUp } from '../followUps/refresh.ts';

type LockedLead = NonNullable<Awaited<ReturnType<typeof lockLead>>>;
export type LeadChange = Partial<Pick<LockedLead, 'status' | 'qualification' | 'source' | 'assignedRepId' | 'notes'>>;

/** Writes a person's change of a locked lead; a status that is set holds against analyses of calls that started before. */
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

/** What moves of a lead, as it is while it is locked. */
export interface LeadPlace extends Pick<LockedLead, 'status' | 'qualification'> {
  leadId: string;
  companyId: string;
}

/** What it moves to. */
export type LeadMove = Pick<LeadPlace, 'status'> & Partial<Pick<LeadPlace, 'qualification'>>;

/** Writes what an outcome makes of a lead; `src/services/analysis/effects.ts` decides it. */
export async function moveLead(tx: Transaction, lead: LeadPlace, move: LeadMove): Promise<void> {
  await movingLead(tx, lead, move);
  await tellMove(tx, lead, move);
  if (move.status !== lead.status) await refreshLeadReviews(tx, lead.leadId);
}

/** What that writes to the lead itself, to be sent with other writes. */
export const movingLead = (tx: Transaction, { leadId }: LeadPlace, move: LeadMove): Write =>
  tx
    .update(leads)
    .set({ ...move, version: sql`${leads.version} + 1`, updatedAt: sql`now()` })
    .where(eq(leads.id, leadId));

/** Tells endpoints of it, where people would see a difference. */
export async function tellMove(tx: Transaction, lead: LeadPlace, move: LeadMove): Promise<void> {
  const { leadId, companyId, status, qualification } = lead;
  const before = { status, qualification };
  const previous = changedFields(before, { ...before, ...move });
  if (Object.keys(previous).length === 0) return;
  await announce(tx, { companyId, type: 'lead.updated', subjectId: leadId, previous });
}
