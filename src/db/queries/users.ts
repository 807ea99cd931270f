/** People of a company. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Role } from '../../domain/user.ts';
import type { Queryable } from '../client.ts';
import { users } from '../schema/index.ts';
import { type Count, countUpTo, olderThan, type Page } from './paging.ts';

const userColumns = {
  companyId: users.companyId,
  id: users.id,
  role: users.role,
  name: users.name,
  email: users.email,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
};

export type UserRow = Awaited<ReturnType<typeof listUsers>>[number];
type UserKey = { companyId: string; id: string };

const isUser = ({ companyId, id }: UserKey) => and(eq(users.companyId, companyId), eq(users.id, id));

export interface UserFilter {
  companyId: string;
  role?: Role;
}

/** A page of a company's users, newest first. */
export async function listUsers(db: Queryable, filter: UserFilter, page: Page) {
  return db
    .select(userColumns)
    .from(users)
    .where(and(matching(filter), olderThan(users.createdAt, users.id, page.after)))
    .orderBy(desc(users.createdAt), desc(users.id))
    .limit(page.limit);
}

export const countUsers = (db: Queryable, filter: UserFilter): Promise<Count> =>
  countUpTo(db, sql`select 1 from ${users} where ${matching(filter)}`);

const matching = ({ companyId, role }: UserFilter): SQL | undefined =>
  and(eq(users.companyId, companyId), role && eq(users.role, role));

export async function findUser(db: Queryable, key: UserKey): Promise<UserRow | undefined> {
  const [row] = await db.select(userColumns).from(users).where(isUser(key));
  return row;
}

/** Locks a user for a change. */
export async function lockUser(db: Queryable, key: UserKey): Promise<UserRow | undefined> {
  const [row] = await db.select(userColumns).from(users).where(isUser(key)).for('update');
  return row;
}

/** Id, name and role of all users of a company, by name. */
export async function listUserNames(db: Queryable, companyId: string) {
  return db
    .select({ id: users.id, name: users.name, role: users.role })
    .from(users)
    .where(eq(users.companyId, companyId))
    .orderBy(users.name, users.id);
}
