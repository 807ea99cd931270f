import type { Transaction } from '../../db/client.ts';
import { lockCompany } from '../../db/queries/companies.ts';
import type { UserRow } from '../../db/queries/users.ts';
import { users } from '../../db/schema/index.ts';
import type { Role } from '../../domain/user.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';

/** Adds a user to a company; ids are unique within it. */
export async function createUser(
  tx: Transaction,
  requester: Requester,
  user: { companyId: string; id: string; role: Role; name: string; email?: string | null },
): Promise<UserRow> {
  const { companyId, id } = user;
  if (!(await lockCompany(tx, companyId))) throw refuseMissing();
  const [row] = await tx.insert(users).values(user).onConflictDoNothing().returning();
  if (!row) throw new Refusal('already_exists', { detail: 'The company has a user of this id.' });
  await audit(tx, requester, { action: 'user.create', subject: { kind: 'user', id }, companyId });
  return row;
}
