/** Connections to Postgres that are lost in the middle of something fail what they carried, and nothing else. */
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/client.ts';
import { isConnectionLost } from '../../src/db/errors.ts';
import { createTestDatabase } from '../harness/infra.ts';

const CONNECTIONS = 4;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let pool: ReturnType<typeof openDatabase>;
let killer: ReturnType<typeof openDatabase>;
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openDatabase(database.databaseUrl, { max: CONNECTIONS });
  killer = openDatabase(database.databaseUrl, { max: 1 });
  await killer.sql`create table marks (id int primary key)`;
  // The driver's own failures come here, and would end a process.
  process.on('uncaughtException', note).on('unhandledRejection', note);
});
afterAll(async () => {
  process.off('uncaughtException', note).off('unhandledRejection', note);
  await pool?.close();
  await killer?.close();
  await database?.drop();
});

async function backendOf(tx: Pick<Database, 'execute'>): Promise<number> {
  const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  return row?.pid ?? 0;
}
const terminate = (pid: number) => killer.sql`select pg_terminate_backend(${pid}, 5000)`;

it('in a transaction: it is rejected, rolled back, and its connection works again', async () => {
  const working = Array.from({ length: 3 * CONNECTIONS }, async (_, index) => {
    const transaction = pool.db.transaction(async (tx) => {
      await tx.execute(sql`insert into marks values (${index})`);
      const pid = await backendOf(tx);
      // Either the statement under way fails, or the next one.
      if (index % 2 === 0) await Promise.all([terminate(pid), tx.execute(sql`select pg_sleep(20)`)]);
      await terminate(pid);
      await tx.execute(sql`select 1`);
    });
    const error = await transaction.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(isConnectionLost(error), String(error)).toBe(true);
  });
  await Promise.all(working);
  const answers = Array.from({ length: 10 * CONNECTIONS }, () =>
    pool.db.transaction((tx) => tx.execute<{ marks: number }>(sql`select count(*)::int as marks from marks`)),
  );
  for (const [row] of await Promise.all(answers)) expect(row?.marks).toBe(0);
  expect(uncaught).toEqual([]);
});

it('of a failure that is not the connection’s, the transaction is rolled back at once', async () => {
  const transaction = pool.db.transaction(async (tx) => {
    await tx.execute(sql`insert into marks values (1)`);
    throw new Error('a rule was broken');
  });
  await expect(transaction).rejects.toThrow('a rule was broken');
  expect(await pool.db.$count(sql`marks`)).toBe(0);
});

it.each([
  { plans: undefined, most: 300 },
  { plans: 'once' as const, most: 60 },
])(
  'a statement that comes again is prepared, in transactions too; no more than $most are (plans: $plans)',
  async ({ plans, most }) => {
    const single = openDatabase(database.databaseUrl, { max: 1, ...(plans && { plans }) });
    const prepared = async () =>
      (await single.sql.unsafe(`select statement from pg_prepared_statements where statement like '%as probe%'`))
        .length;
    const ask = (db: Pick<Database, 'execute'>, name: string) =>
      db.execute<{ probe: string }>(sql`select ${name}::text as ${sql.raw(`probe /* as probe ${name} */`)}`);
    try {
      expect([...(await ask(single.db, 'a'))]).toEqual([{ probe: 'a' }]);
      expect(await prepared()).toBe(0);
      await ask(single.db, 'a');
      expect(await prepared()).toBe(1);
      await single.db.transaction(async (tx) => {
        await ask(tx, 'b');
        expect([...(await ask(tx, 'b'))]).toEqual([{ probe: 'b' }]);
      });
      expect(await prepared()).toBe(2);
      for (let n = 0; n < 400; n += 1) for (let times = 0; times < 2; times += 1) await ask(single.db, `n${n}`);
      expect(await prepared()).toBe(most);
    } finally {
      await single.close();
    }
  },
);
