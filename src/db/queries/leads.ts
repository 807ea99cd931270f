/** Leads with their contact and the calls that feed them. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Qualification } from '../../domain/analysis.ts';
import type { LeadStatus } from '../../domain/lead.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards, leads } from '../schema/index.ts';
import { type DayRange, onDays } from './days.ts';

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
  /** Whether an appointment of it is scheduled or confirmed. */
  hasOpenAppointment?: boolean;
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
      companyId: leads.companyId,
      contactId: leads.contactId,
      status: leads.status,
      qualification: leads.qualification,
      source: leads.source,
      assignedRepId: leads.assignedRepId,
      notes: leads.notes,
      version: leads.version,
      updatedAt: leads.updatedAt,
    })
    .from(leads)
    .where(and(leadsOf(scope), eq(leads.id, id)))
    .for('update');
  return row;
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
    filter.hasOpenAppointment === undefined ? undefined : sql`${hasOpenAppointment} = ${filter.hasOpenAppointment}`,
    filter.createdOn && onDays(sql`${leads.createdAt}`, filter.createdOn),
  );
}

const hasOpenAppointment = sql`exists (select 1 from ${appointments} where ${appointments.leadId} = ${leads.id}
  and ${appointments.status} in ('scheduled', 'confirmed'))`;

const isLeadOfRep = (leadId: SQL, repId: string): SQL =>
  sql`exists (select 1 from ${appointments} where ${appointments.leadId} = ${leadId} and ${appointments.assignedRepId} = ${repId})`;
