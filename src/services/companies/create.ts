import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../db/client.ts';
import { companies } from '../../db/schema/index.ts';
import { audit } from '../audit.ts';
import type { Requester } from '../requester.ts';
import { refuseTaken } from './refuseTaken.ts';
import { requireTimeZone } from './timeZone.ts';

type NewCompany = Omit<typeof companies.$inferInsert, 'id' | 'createdAt' | 'updatedAt'> & { id?: string };

/** Makes a company; the relay then routes the webhooks that waited for it. @returns its id */
export async function createCompany(tx: Transaction, requester: Requester, company: NewCompany): Promise<string> {
  const id = company.id ?? randomUUID();
  const timeZone = company.timeZone && (await requireTimeZone(tx, company.timeZone));
  await refuseTaken(tx.insert(companies).values({ ...company, timeZone, id }));
  await audit(tx, requester, { action: 'company.create', subject: { kind: 'company', id }, companyId: id });
  return id;
}
