/** Leads with their contact and the calls that feed them. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Qualification } from '../../domain/analysis.ts';
import type { LeadStatus } from '../../domain/lead.ts';
import type { Queryable, Transaction } from '../client.ts';
import { appointments, contactCards, leads } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';
import { announce } from './deliveries.ts';

const leadColumns = {
  id: leads.id,
  companyId: leads.companyId,
  contact: { id: contactCards.id, phoneNumber: contactCards.phoneNumber, name: contactCards.name },
  status: leads.status,
  qualification: leads.qualification,
  source: leads.source,
  callIds: sql<string[]>`to_jsonb(array(
    select c.id from calls c where c.lead_id = ${leads.id} order by c.started_at, c.id))`,
  assignedRepId: leads.assignedRepId,
  notes: leads.notes,
  version: leads.version,
  createdAt: leads.createdAt,
  updatedAt: leads.updatedAt,
};

export type LeadRow = Awaited<ReturnType<typeof listLeads>>[number];

/** Whose leads somebody may see. */
export interface LeadScope {
  companyId: string;
  /** Only leads with an appointment of this rep. */
  repId?: string;
}

export interface LeadFilter extends LeadScope {
  status?: readonly LeadStatus[];
  qualification?: readonly Qualification[];
  assignedRepId?: string;
  contactId?: string;
  createdOn?: Partial<DayRange> & { timeZone: string };
}

/** A page of leads, newest first. */
export async function listLeads(db: Queryable, filter: LeadFilter, page: { limit: number; after?: SQL }) {
  return db
    .select(leadColumns)
    .from(leads)
    .innerJoin(contactCards, eq(contactCards.id, leads.contactId))
    .where(and(leadsOf(filter), page.after))
    .orderBy(desc(leads.createdAt), desc(leads.id))
    .limit(page.limit);
}

export async function findLead(db: Queryable, scope: LeadScope, id: string): Promise<LeadRow | undefined> {
  const [row] = await listLeads(db, scope, { limit: 1, after: eq(leads.id, id) });
  return row;
}

/** Locks a lead for a change. */
export async function lockLead(db: Queryable, scope: LeadScope, id: string) {
  const [row] = await db
    .select({
      id: leads.id,
      contactId: leads.contactId,
      status: leads.status,
      version: leads.version,
      updatedAt: leads.updatedAt,
    })
    .from(leads)
    .where(and(leadsOf(scope), eq(leads.id, id)))
    .for('update');
  return row;
}

export interface LeadChange {
  status?: LeadStatus;
  qualification?: Qualification | null;
  source?: string | null;
  assignedRepId?: string | null;
  notes?: string | null;
}

/** Writes a person's change of a lead; a status they set holds against analyses of calls that started before. */
export async function updateLeadByPerson(
  tx: Transaction,
  lead: { companyId: string; id: string },
  change: LeadChange,
): Promise<void> {
  await tx
    .update(leads)
    .set({
      ...change,
      ...(change.status === undefined ? {} : { statusSetAt: sql`now()` }),
      version: sql`${leads.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(leads.id, lead.id));
  await announce(tx, { companyId: lead.companyId, type: 'lead.updated', subjectId: lead.id });
}

/** The condition of a list of leads. */
export function leadsOf(filter: LeadFilter): SQL | undefined {
  return and(
    eq(leads.companyId, filter.companyId),
    filter.repId === undefined ? undefined : isLeadOfRep(sql`${leads.id}`, filter.repId),
    filter.status && inArray(leads.status, [...filter.status]),
    filter.qualification && inArray(leads.qualification, [...filter.qualification]),
    filter.assignedRepId === undefined ? undefined : eq(leads.assignedRepId, filter.assignedRepId),
    filter.contactId === undefined ? undefined : eq(leads.contactId, filter.contactId),
    filter.createdOn && onDays(sql`${leads.createdAt}`, filter.createdOn),
  );
}

const isLeadOfRep = (leadId: SQL, repId: string): SQL =>
  sql`exists (select 1 from ${appointments} where ${appointments.leadId} = ${leadId} and ${appointments.assignedRepId} = ${repId})`;
