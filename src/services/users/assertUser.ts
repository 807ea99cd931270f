import type { Queryable } from '../../db/client.ts';
import { findUser } from '../../db/queries/users.ts';
import { refuseField } from '../refusal.ts';

/** 422 that names `assigned_rep_id` where it is no user of the company. */
export async function assertUserOfCompany(db: Queryable, companyId: string, id: string | null | undefined) {
  if (id && !(await findUser(db, { companyId, id })))
    throw refuseField('assigned_rep_id', 'is not a user of the company');
}
