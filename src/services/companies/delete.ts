/** All of one company's data, whatever table it is in: counted, and deleted. */
import { eq, is, type SQL, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import type { Queryable, Transaction } from '../../db/client.ts';
import * as schema from '../../db/schema/index.ts';

const { changes, companies, metricChanges, shunyaJobs, trackingNumbers, webhookEvents } = schema;

type CompanyTable = { table: PgTable; name: string; ofCompany: (companyId: string) => SQL };

/** Every table with a company in it, those that point to others first. Derived from the schema, so that a new table is covered. */
export const COMPANY_TABLES: readonly CompanyTable[] = inDeletionOrder(
  Object.values(schema).filter((value) => is(value, PgTable)),
).flatMap((table) => {
  const { name, columns } = getTableConfig(table);
  const column = table === companies ? companies.id : columns.find((candidate) => candidate.name === 'company_id');
  return column ? [{ table, name, ofCompany: (companyId: string) => eq(column, companyId) }] : [];
});

/** How many rows of a company each table has; tables without any are left out. */
export async function countCompanyRows(db: Queryable, companyId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { table, name, ofCompany } of COMPANY_TABLES) {
    const rows = await db.$count(table, ofCompany(companyId));
    if (rows > 0) counts[name] = rows;
  }
  const unrouted = await db.$count(webhookEvents, unroutedOf(companyId));
  if (unrouted > 0) counts.webhook_events = (counts.webhook_events ?? 0) + unrouted;
  return counts;
}

/**
 * Deletes a company and all of its rows. Harmless to repeat, also where the company itself is gone.
 * @returns how many rows were deleted from each table that had any
 */
export async function deleteCompany(tx: Transaction, companyId: string): Promise<Record<string, number>> {
  // A big company takes longer than a web request may.
  await tx.execute(sql`set local statement_timeout = 0`);
  // Whoever is about to add a row of it waits for this lock, and then finds no company.
  await tx.select({ id: companies.id }).from(companies).where(eq(companies.id, companyId)).for('update');
  const counts: Record<string, number> = {};
  const remove = async (table: PgTable, name: string, where: SQL) => {
    const { count } = await tx.delete(table).where(where);
    if (count > 0) counts[name] = (counts[name] ?? 0) + count;
  };
  // First, while the numbers and jobs that they name are still there.
  await remove(webhookEvents, 'webhook_events', unroutedOf(companyId));
  for (const { table, name, ofCompany } of COMPANY_TABLES) await remove(table, name, ofCompany(companyId));
  return counts;
}

/** Companies that the demo made. */
export async function listDemoCompanies(db: Queryable): Promise<{ id: string; name: string }[]> {
  return db
    .select({ id: companies.id, name: companies.name })
    .from(companies)
    .where(eq(companies.isDemo, true))
    .orderBy(companies.createdAt, companies.id);
}

/** Events that were never routed, but name a number or a job of the company. */
function unroutedOf(companyId: string): SQL {
  const numbers = sql`(select ${trackingNumbers.phoneNumber} from ${trackingNumbers}
    where ${trackingNumbers.companyId} = ${companyId})`;
  const jobs = (column: typeof shunyaJobs.taskId | typeof shunyaJobs.shunyaCallId) =>
    sql`(select ${column} from ${shunyaJobs} where ${shunyaJobs.companyId} = ${companyId})`;
  const callrailId = sql`(select ${companies.callrailCompanyId} from ${companies} where ${companies.id} = ${companyId})`;
  return sql`${webhookEvents.companyId} is null and (${webhookEvents.trackingNumber} in ${numbers}
    or ${webhookEvents.callrailCompanyId} = ${callrailId}
    or ${webhookEvents.callrailCompanyAlias} = ${callrailId}
    or ${webhookEvents.taskId} in ${jobs(shunyaJobs.taskId)}
    or ${webhookEvents.shunyaCallId} in ${jobs(shunyaJobs.shunyaCallId)})`;
}

/** A table comes before every table it points to; last what records the deletions themselves. */
function inDeletionOrder(tables: readonly PgTable[]): PgTable[] {
  const ordered: PgTable[] = [];
  const place = (table: PgTable) => {
    if (ordered.includes(table)) return;
    for (const other of tables) if (other !== table && targetsOf(other).includes(table)) place(other);
    ordered.push(table);
  };
  for (const table of tables) place(table);
  const records: PgTable[] = [changes, metricChanges];
  return [...ordered.filter((table) => !records.includes(table)), ...records];
}

function targetsOf(table: PgTable): PgTable[] {
  return getTableConfig(table).foreignKeys.map((key) => key.reference().foreignTable);
}
