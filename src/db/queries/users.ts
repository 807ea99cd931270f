/** People of a company. */
import { and, desc, eq, type SQL } from 'drizzle-orm';
import type { Role } from '../../domain/user.ts';
import type { Queryable } from '../client.ts';
import { users } from '../schema/index.ts';
import { laterThan } from './companies.ts';

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

/** A page of a company's users, newest first. */
export async function listUsers(db: Queryable, filter: { companyId: string; role?: Role; after?: SQL }, limit: number) {
  return db
    .select(userColumns)
    .from(users)
    .where(usersOf(filter))
    .orderBy(desc(users.createdAt), desc(users.id))
    .limit(limit);
}

/** The condition of a list of users. */
export const usersOf = (filter: { companyId: string; role?: Role; after?: SQL }): SQL | undefined =>
  and(eq(users.companyId, filter.companyId), filter.role && eq(users.role, filter.role), filter.after);

export async function findUser(db: Queryable, key: UserKey): Promise<UserRow | undefined> {
  const [row] = await db.select(userColumns).from(users).where(isUser(key));
  return row;
}

/** Locks a user for a change. */
export async function lockUser(db: Queryable, key: UserKey): Promise<UserRow | undefined> {
  const [row] = await db.select(userColumns).from(users).where(isUser(key)).for('update');
  return row;
}

/** @returns the new row, or undefined where the company has a user of that id */
export async function insertUser(
  db: Queryable,
  user: UserKey & { role: Role; name: string; email?: string | null },
): Promise<UserRow | undefined> {
  const [row] = await db.insert(users).values(user).onConflictDoNothing().returning(userColumns);
  return row;
}

export async function updateUser(
  db: Queryable,
  key: UserKey,
  change: { role?: Role; name?: string; email?: string | null },
): Promise<UserRow | undefined> {
  const set = { ...change, updatedAt: laterThan(users.updatedAt) };
  const [row] = await db.update(users).set(set).where(isUser(key)).returning(userColumns);
  return row;
}
