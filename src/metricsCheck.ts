/** `npm run metrics:check [-- --company ID]`: compares the sums that metrics read with the rows they were made from. */
import { sql } from 'drizzle-orm';
import { readCommandLine } from './config/commandLine.ts';
import { loadConfigOrExit } from './config/config.ts';
import { openDatabase } from './db/client.ts';
import { findWrongSums } from './db/queries/metrics.ts';
import { companies } from './db/schema/index.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
const { values } = readCommandLine('usage: npm run metrics:check [-- --company ID]', { company: { type: 'string' } });
const config = loadConfigOrExit({ needs: ['database'] });
const { db, close } = openDatabase(config.databaseUrl, { max: 1 });
try {
  const found = await db
    .select({ id: companies.id, timeZone: companies.timeZone })
    .from(companies)
    .where(values.company === undefined ? undefined : sql`${companies.id} = ${values.company}`)
    .orderBy(companies.id);
  let wrong = 0;
  for (const { id, timeZone } of found) {
    const different = await db.transaction(async (tx) => {
      await tx.execute(sql`set local statement_timeout = '10min'`);
      return findWrongSums(tx, { companyId: id, timeZone });
    });
    wrong += different.length;
    for (const { kind, day, person } of different)
      print(`wrong: company ${id}, ${kind}s of ${day}, ${person === null ? 'of nobody' : `of ${person}`}`);
  }
  print(`${found.length} companies checked, ${wrong} sums of days wrong`);
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  await close();
}
