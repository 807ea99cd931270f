/** People who called. */
import { and, desc, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { phoneForms } from '../../domain/phone.ts';
import type { Queryable } from '../client.ts';
import { appointments, contactCards, contactMerges } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

/** Written out: in a select of one table Drizzle names columns without their table, which in a subquery are another's. */
const CARD_ID = sql.raw('"contact_cards"."id"');

const contactColumns = {
  id: contactCards.id,
  companyId: contactCards.companyId,
  phoneNumber: contactCards.phoneNumber,
  name: contactCards.name,
  namedAt: contactCards.namedAt,
  nameByPerson: contactCards.nameByPerson,
  notes: contactCards.notes,
  /** Its own, then those of contacts that were merged into it. */
  phoneNumbers: sql<string[]>`to_jsonb(array(
    select c.phone_number from contact_cards c
    where (c.id = ${CARD_ID} or c.merged_into_id = ${CARD_ID}) and c.phone_number is not null
    order by c.merged_into_id is not null, c.phone_number))`,
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

/** One contact; by the id of one that was merged into another, that other. */
export async function findContact(db: Queryable, scope: ContactScope, id: string): Promise<ContactRow | undefined> {
  const [row] = await listContacts(db, { ...scope, id }, { limit: 1 });
  return row;
}

export type MergeRow = Awaited<ReturnType<typeof selectMerges>>[number];

const selectMerges = (db: Queryable, which: SQL | undefined) =>
  db
    .select({
      id: contactMerges.id,
      contactId: contactMerges.contactId,
      mergedContactId: contactMerges.mergedContactId,
      phoneNumber: contactCards.phoneNumber,
      name: contactCards.name,
      mergedBy: contactMerges.mergedBy,
      mergedAt: contactMerges.mergedAt,
      undoneAt: contactMerges.undoneAt,
    })
    .from(contactMerges)
    .innerJoin(contactCards, eq(contactCards.id, contactMerges.mergedContactId))
    .where(which)
    .orderBy(desc(contactMerges.mergedAt), desc(contactMerges.id));

/** The merges into a contact that hold, newest first. */
export const listMerges = (db: Queryable, contactId: string) =>
  selectMerges(db, and(eq(contactMerges.contactId, contactId), isNull(contactMerges.undoneAt)));

export async function findMerge(db: Queryable, companyId: string, id: string): Promise<MergeRow | undefined> {
  const [row] = await selectMerges(db, and(eq(contactMerges.companyId, companyId), eq(contactMerges.id, id)));
  return row;
}

const matching = (filter: ContactFilter): SQL =>
  and(
    sql`true`,
    isNull(contactCards.mergedIntoId),
    filter.id === undefined ? undefined : isOrHas(sql`c.id = ${filter.id}`),
    filter.companyId === undefined ? undefined : eq(contactCards.companyId, filter.companyId),
    filter.repId === undefined
      ? undefined
      : sql`exists (select 1 from ${appointments} where ${appointments.contactId} = ${contactCards.id} and ${appointments.assignedRepId} = ${filter.repId})`,
    filter.phoneNumber === undefined
      ? undefined
      : isOrHas(
          and(
            filter.companyId === undefined ? undefined : sql`c.company_id = ${filter.companyId}`,
            sql`c.phone_number in ${phoneForms(filter.phoneNumber)}`,
          ),
        ),
  ) as SQL;

/** The contact is the card that meets the condition, or has taken it over. */
const isOrHas = (condition: SQL | undefined): SQL =>
  sql`${contactCards.id} in (select coalesce(c.merged_into_id, c.id) from contact_cards c where ${condition})`;
