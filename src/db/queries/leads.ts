/** Leads with their contact and the calls that feed them. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Qualification } from '../../domain/analysis.ts';
import type { LeadStatus } from '../../domain/lead.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards, leads } from '../schema/index.ts';
import { isAnyOf } from './conditions.ts';
import { type DayRange, onDays } from './days.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

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
  ids?: readonly string[];
  status?: readonly LeadStatus[];
  qualification?: readonly Qualification[];
  assignedRepId?: string;
  contactId?: string;
  /** Whether an appointment of it is scheduled or confirmed. */
  hasOpenAppointment?: boolean;
  createdOn?: Partial<DayRange> & { timeZone: string };
}

/** A page of leads, newest first. */
export async function listLeads(db: Queryable, filter: LeadFilter, page: Page) {
  return db
    .select(leadColumns)
    .from(leads)
    .innerJoin(contactCards, eq(contactCards.id, leads.contactId))
    .where(and(matching(filter), olderThan(leads.createdAt, leads.id, page.after)))
    .orderBy(desc(leads.createdAt), desc(leads.id))
    .limit(page.limit);
}

export const countLeads = (db: Queryable, filter: LeadFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${leads} where ${matching(filter)}`);

export async function findLead(db: Queryable, scope: LeadScope, id: string): Promise<LeadRow | undefined> {
  const [row] = await listLeads(db, { ...scope, ids: [id] }, { limit: 1 });
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
    .where(matching({ ...scope, ids: [id] }))
    .for('update');
  return row;
}

function matching(filter: LeadFilter): SQL | undefined {
  return and(
    eq(leads.companyId, filter.companyId),
    filter.ids && isAnyOf(leads.id, filter.ids),
    filter.repId === undefined ? undefined : isLeadOfRep(sql`${leads.id}`, filter.repId),
    filter.status && isAnyOf(leads.status, filter.status),
    filter.qualification && isAnyOf(leads.qualification, filter.qualification),
    filter.assignedRepId === undefined ? undefined : eq(leads.assignedRepId, filter.assignedRepId),
    filter.contactId === undefined ? undefined : eq(leads.contactId, filter.contactId),
    filter.hasOpenAppointment === undefined
      ? undefined
      : sql`${hasOpenAppointment(filter.companyId)} = ${filter.hasOpenAppointment}`,
    filter.createdOn && onDays(sql`${leads.createdAt}`, filter.createdOn),
  );
}

/** Among the appointments of the company, not of all. */
const hasOpenAppointment = (companyId: string): SQL => sql`exists (select 1 from ${appointments}
  where ${appointments.companyId} = ${companyId} and ${appointments.leadId} = ${leads.id}
    and ${appointments.status} in ('scheduled', 'confirmed'))`;

const isLeadOfRep = (leadId: SQL, repId: string): SQL =>
  sql`exists (select 1 from ${appointments} where ${appointments.leadId} = ${leadId} and ${appointments.assignedRepId} = ${repId})`;
