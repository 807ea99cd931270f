/** No endpoint reads a whole table of tenants: the plans of every statement it runs, at 100 thousand calls. */
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BIG, seed } from '../../bench/seed.ts';
import { sumCompanyDays } from '../../src/services/upkeep/sumDays.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

/** Tables that the seed fills; of one that is empty, reading all is the quickest. */
const FILLED = [
  'calls',
  'call_analyses',
  'call_transcripts',
  'call_search',
  'contact_cards',
  'leads',
  'appointments',
  'call_day_sums',
];

let api: ApiApp;
let sql: postgres.Sql;
const statements: { query: string; params: unknown[] }[] = [];

beforeAll(async () => {
  api = await startApiApp();
  sql = postgres(api.config.databaseUrl, { max: 1, onnotice: () => {} });
  await seed(sql, { calls: 100_000, ofBig: 25_000 });
  await sql`insert into call_search (call_id, part, company_id, started_at, words)
    select call_id, 'summary', company_id, analyzed_at,
      array_to_tsvector(array(select search_key(company_id, to_char(analyzed_at at time zone 'UTC', 'YYYYMM')) || 't' || word
        from unnest(words_said(summary)) as word))
    from call_analyses`;
  while (await sumCompanyDays(api.db, BIG.companyId));
  await sql`vacuum analyze`;
  // biome-ignore lint/suspicious/noExplicitAny: drizzle has no other way to listen to a handle that is open.
  (api.pools.reads as any).session.logger = {
    logQuery: (query: string, params: unknown[]) => statements.push({ query, params }),
  };
}, 300_000);
afterAll(async () => {
  await sql?.end();
  await api?.stop();
});

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: Plan[];
}

/** Tables that a statement reads from end to end. */
async function scanned({ query, params }: { query: string; params: unknown[] }): Promise<string[]> {
  if (!/^\s*(select|with|\()/i.test(query)) return [];
  const [row] = await sql.unsafe(`explain (format json) ${query}`, params as never[]);
  const plans = row?.['QUERY PLAN'] as { Plan: Plan }[];
  const found: string[] = [];
  const walk = (plan: Plan) => {
    const table = plan['Relation Name'];
    if (plan['Node Type'].endsWith('Seq Scan') && table && FILLED.includes(table)) found.push(table);
    for (const each of plan.Plans ?? []) walk(each);
  };
  for (const { Plan } of plans) walk(Plan);
  return found;
}

const FILTERS = [
  '',
  'status=completed',
  'booking_status=booked&qualification=hot',
  'status=missed&csr_id=csr-1&stage=done&qualification=cold',
  'direction=outbound',
  'phone_number=%2B12005550100',
  'date_from=2026-01-01&date_to=2026-01-31',
  'date_from=2026-01-01&date_to=2026-01-31&booking_status=not_booked',
  'q=skylight',
  'q=anna&status=completed',
];

test('every list, detail, search and metric reads by an index', async () => {
  const manager = await api.as('manager', BIG.companyId);
  const rep = await api.as('sales_rep', BIG.companyId, 'rep-1');
  const [one] =
    await sql`select id, contact_id, lead_id from calls where company_id = ${BIG.companyId} and booking_status = 'booked' limit 1`;
  const paths: [typeof manager, string][] = [
    ...FILTERS.map((filter): [typeof manager, string] => [manager, `/calls?${filter}`]),
    [manager, `/calls/${one?.id}`],
    [manager, `/calls/${one?.id}/analysis`],
    [manager, `/calls/${one?.id}/transcript`],
    ...[
      '',
      'status=new,warm,hot',
      'qualification=hot',
      'assigned_rep_id=rep-1',
      'date_from=2026-01-01&date_to=2026-01-31',
    ].map((filter): [typeof manager, string] => [manager, `/leads?${filter}`]),
    [manager, `/leads/${one?.lead_id}`],
    [manager, '/contacts'],
    [manager, '/contacts?phone_number=%2B12005550100'],
    [manager, `/contacts/${one?.contact_id}`],
    ...[
      '',
      'date=2026-06-01',
      'status=no_show',
      'assigned_rep_id=rep-1',
      'unscheduled=true',
      'assigned_rep_id=rep-1&status=cancelled',
    ].map((filter): [typeof manager, string] => [manager, `/appointments?${filter}`]),
    [manager, '/pipelines?needs_attention=true'],
    [manager, '/pipelines'],
    [manager, '/webhook-events'],
    [manager, '/webhook-events?status=pending'],
    [manager, '/metrics/exec/csr/overview'],
    [manager, '/metrics/exec/sales/overview?date_from=2026-01-01&date_to=2026-12-31'],
    [rep, '/calls'],
    [rep, '/leads'],
    [rep, '/contacts'],
    [rep, '/appointments'],
    [rep, '/metrics/sales/rep/overview/self'],
  ];
  const bad: string[] = [];
  for (const [caller, path] of paths) {
    statements.length = 0;
    expect([path, (await caller.get(path)).status]).toEqual([path, 200]);
    expect(statements.length).toBeGreaterThan(0);
    for (const statement of [...statements])
      for (const table of await scanned(statement))
        bad.push(`${path} reads all of ${table}: ${statement.query.slice(0, 200)}`);
  }
  expect(bad).toEqual([]);
}, 120_000);
