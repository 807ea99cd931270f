/** People who called. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { phoneForms } from '../../domain/phone.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

const contactColumns = {
  id: contactCards.id,
  companyId: contactCards.companyId,
  phoneNumber: contactCards.phoneNumber,
  name: contactCards.name,
  createdAt: contactCards.createdAt,
  updatedAt: contactCards.updatedAt,
};

export type ContactRow = Awaited<ReturnType<typeof listContacts>>[number];

/** Whose contacts somebody may see. */
export interface ContactScope {
  /** Undefined: of every company. */
  companyId: string | undefined;
  /** Only contacts with an appointment of this rep. */
  repId?: string;
}

export interface ContactFilter extends ContactScope {
  id?: string;
  /** E.164 */
  phoneNumber?: string;
}

/** A page of contacts, newest first. */
export async function listContacts(db: Queryable, filter: ContactFilter, page: Page) {
  return db
    .select(contactColumns)
    .from(contactCards)
    .where(and(matching(filter), olderThan(contactCards.createdAt, contactCards.id, page.after)))
    .orderBy(desc(contactCards.createdAt), desc(contactCards.id))
    .limit(page.limit);
}

export const countContacts = (db: Queryable, filter: ContactFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${contactCards} where ${matching(filter)}`);

export async function findContact(db: Queryable, scope: ContactScope, id: string): Promise<ContactRow | undefined> {
  const [row] = await listContacts(db, { ...scope, id }, { limit: 1 });
  return row;
}

const matching = (filter: ContactFilter): SQL =>
  and(
    sql`true`,
    filter.id === undefined ? undefined : eq(contactCards.id, filter.id),
    filter.companyId === undefined ? undefined : eq(contactCards.companyId, filter.companyId),
    filter.repId === undefined
      ? undefined
      : sql`exists (select 1 from ${appointments} where ${appointments.contactId} = ${contactCards.id} and ${appointments.assignedRepId} = ${filter.repId})`,
    filter.phoneNumber === undefined ? undefined : inArray(contactCards.phoneNumber, phoneForms(filter.phoneNumber)),
  ) as SQL;
