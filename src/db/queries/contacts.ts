/** People who called. */
import { and, desc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { phoneForms } from '../../domain/phone.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards } from '../schema/index.ts';

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
  /** E.164 */
  phoneNumber?: string;
}

/** A page of contacts, newest first. */
export async function listContacts(db: Queryable, filter: ContactFilter, page: { limit: number; after?: SQL }) {
  return db
    .select(contactColumns)
    .from(contactCards)
    .where(and(contactsOf(filter), page.after))
    .orderBy(desc(contactCards.createdAt), desc(contactCards.id))
    .limit(page.limit);
}

export async function findContact(db: Queryable, scope: ContactScope, id: string): Promise<ContactRow | undefined> {
  const [row] = await listContacts(db, scope, { limit: 1, after: eq(contactCards.id, id) });
  return row;
}

/** The condition of a list of contacts. */
export const contactsOf = (filter: ContactFilter): SQL | undefined =>
  and(
    filter.companyId === undefined ? undefined : eq(contactCards.companyId, filter.companyId),
    filter.repId === undefined
      ? undefined
      : sql`exists (select 1 from ${appointments} where ${appointments.contactId} = ${contactCards.id} and ${appointments.assignedRepId} = ${filter.repId})`,
    filter.phoneNumber === undefined ? undefined : inArray(contactCards.phoneNumber, phoneForms(filter.phoneNumber)),
  );
