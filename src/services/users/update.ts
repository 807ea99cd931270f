import { and, eq } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockUser, type UserRow } from '../../db/queries/users.ts';
import { users } from '../../db/schema/index.ts';
import type { Role } from '../../domain/user.ts';
import { audit } from '../audit.ts';
import { refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { nextUpdatedAt } from '../versions.ts';

/** Changes a user. @param fields what the requester named, as the API calls it */
export async function updateUser(
  tx: Transaction,
  requester: Requester,
  key: { companyId: string; id: string },
  { change, fields }: { change: { role?: Role; name?: string; email?: string | null }; fields: string[] },
  precondition: Precondition,
): Promise<UserRow> {
  const { companyId, id } = key;
  const before = await lockUser(tx, key);
  if (!before) throw refuseMissing();
  precondition(before);
  if (fields.length === 0) return before;
  const [after = before] = await tx
    .update(users)
    .set({ ...change, updatedAt: nextUpdatedAt(users.updatedAt) })
    .where(and(eq(users.companyId, companyId), eq(users.id, id)))
    .returning();
  await audit(tx, requester, { action: 'user.update', subject: { kind: 'user', id }, companyId, details: { fields } });
  return after;
}
