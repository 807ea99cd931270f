/** No endpoint reads a whole table of tenants: the plans of every statement it runs, at 100 thousand calls. */
import type { Logger } from 'drizzle-orm';
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
  'call_objections',
  'contact_cards',
  'leads',
  'appointments',
  'call_day_sums',
];

let api: ApiApp;
let sql: postgres.Sql;
interface Statement {
  query: string;
  params: unknown[];
  /** Planned once for all values. */
  isPlannedOnce: boolean;
}
const statements: Statement[] = [];

beforeAll(async () => {
  api = await startApiApp();
  sql = postgres(api.config.databaseUrl, { max: 1, onnotice: () => {} });
  await seed(sql, { calls: 100_000, ofBig: 25_000 });
  await sql`insert into call_search (call_id, part, company_id, started_at, words)
    select call_id, 'summary', company_id, analyzed_at,
      array_to_tsvector(array(select search_key(company_id, search_week(analyzed_at)) || 't' || word
        from unnest(words_said(summary)) as word))
    from call_analyses where company_id = ${BIG.companyId}`;
  while (await sumCompanyDays(api.db, BIG.companyId));
  await sql`vacuum analyze`;
  // drizzle has no other way to listen to a handle that is open.
  for (const [pool, isPlannedOnce] of [[api.pools.reads, false] as const, [api.pools.pages, true] as const]) {
    const [mode] = await pool.$client.unsafe('show plan_cache_mode');
    expect(mode?.plan_cache_mode).toBe(isPlannedOnce ? 'force_generic_plan' : 'force_custom_plan');
    const { session } = pool as unknown as { session: { logger: Logger } };
    session.logger = {
      logQuery: (query: string, params: unknown[]) => void statements.push({ query, params, isPlannedOnce }),
    };
  }
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

/** Tables that a plan reads from end to end. */
function scannedBy(plan: Plan): string[] {
  const table = plan['Relation Name'];
  const own = plan['Node Type'].endsWith('Seq Scan') && table && FILLED.includes(table) ? [table] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(scannedBy)];
}

/** The same of a statement, planned as its pool does. */
async function scanned({ query, params, isPlannedOnce }: Statement): Promise<string[]> {
  if (!/^\s*(select|with|\()/i.test(query)) return [];
  const rows = isPlannedOnce
    ? await sql.unsafe(`explain (generic_plan, format json) ${query}`)
    : await sql.unsafe(`explain (format json) ${query}`, params as never[]);
  return rows.flatMap((row) => row['QUERY PLAN'] as { Plan: Plan }[]).flatMap(({ Plan }) => scannedBy(Plan));
}

/** What each query parameter is tried with, in any list or in one of them; those of certain words are in the document. */
const VALUES: Record<string, string[]> = {
  limit: [],
  cursor: [],
  company_id: [],
  '/calls status': ['completed', 'missed,abandoned'],
  direction: ['outbound'],
  '/calls stage': ['done', 'transcribing'],
  booking_status: ['booked', 'not_booked'],
  qualification: ['hot', 'warm,cold'],
  csr_id: ['csr-1'],
  handled_by: ['csr-1', 'csr-1,csr-2,none'],
  objection: ['price', 'of no call'],
  phone_number: ['+12005550100'],
  date_from: ['2026-01-01'],
  date_to: ['2026-01-31'],
  q: ['skylight', 'anna', 'of no call', '200 555'],
  '/leads status': ['new', 'new,warm,hot'],
  assigned_rep_id: ['rep-1'],
  contact_id: ['contact-1'],
  '/follow-ups status': ['open', 'open,claimed'],
  '/follow-ups reason': ['missed'],
  assigned_to: ['csr-1'],
  '/appointments status': ['no_show', 'scheduled,confirmed'],
  date: ['2026-06-01'],
  outcome: ['won'],
  lead_id: ['lead-1'],
  appointment_id: ['appointment-CAL1'],
  review: ['true', 'false'],
  '/pipelines stage': ['transcribing', 'failed'],
  blocked_on: ['shunya_analysis'],
  '/webhook-events status': ['pending', 'unrouted,rejected'],
  source: ['callrail'],
  route: ['call.completed'],
  action: ['call.delete'],
  subject_kind: ['call'],
  subject_id: ['of no subject'],
  actor_id: ['csr-1'],
  endpoint_id: ['of no endpoint'],
  '/webhook-deliveries status': ['pending'],
  event_type: ['call.analyzed'],
};

interface Parameter {
  name: string;
  in: string;
  schema: { type?: string; enum?: string[] };
}

/** Every list of the API, with each filter that it has. */
function lists(document: { paths: Record<string, { get?: { parameters?: Parameter[] } }> }): string[] {
  return Object.entries(document.paths).flatMap(([fullPath, { get }]) => {
    const path = fullPath.replace('/api/v1', '');
    const parameters = (get?.parameters ?? []).filter((each) => each.in === 'query');
    if (path.includes('{') || !parameters.some(({ name }) => name === 'limit')) return [];
    const filters = parameters.flatMap(({ name, schema }) => {
      const values = VALUES[`${path} ${name}`] ?? VALUES[name] ?? schema.enum;
      if (!values) throw new Error(`VALUES says nothing for ${name} of ${path}`);
      return values.map((value) => `${name}=${encodeURIComponent(value)}`);
    });
    return ['', ...filters].map((filter) => `${path}?${filter}`);
  });
}

const TOGETHER = [
  'booking_status=booked&qualification=hot',
  'status=missed&csr_id=csr-1&stage=done&qualification=cold',
  'date_from=2026-01-01&date_to=2026-01-31&booking_status=not_booked',
  'handled_by=csr-1,none&qualified=true&date_from=2026-01-01',
  'q=anna&status=completed',
  'q=anna&objection=price',
  'objection=price&qualification=hot&booking_status=not_booked',
  'objection=price&csr_id=csr-1&date_from=2026-01-01',
  'objection=of no call&handled_by=csr-1,none',
  'handled_by=none&qualification=hot',
  'spam=true&status=missed',
];

test('every list, detail, search and metric reads by an index', async () => {
  const manager = await api.as('manager', BIG.companyId);
  const rep = await api.as('sales_rep', BIG.companyId, 'rep-1');
  const [one] =
    await sql`select id, contact_id, lead_id from calls where company_id = ${BIG.companyId} and booking_status = 'booked' limit 1`;
  const document = await (await api.request('/openapi.json')).json();
  const paths: [typeof manager, string][] = [
    ...[...lists(document as never), ...TOGETHER.map((filter) => `/calls?${filter}`)].map(
      (path): [typeof manager, string] => [manager, path],
    ),
    [manager, `/calls/${one?.id}`],
    [manager, `/calls/${one?.id}/analysis`],
    [manager, `/calls/${one?.id}/transcript`],
    [manager, `/leads/${one?.lead_id}`],
    [manager, `/contacts/${one?.contact_id}`],
    [manager, '/appointments?assigned_rep_id=rep-1&status=cancelled'],
    [manager, '/metrics/exec/csr/overview'],
    [manager, '/metrics/exec/sales/overview?date_from=2026-01-01&date_to=2026-12-31'],
    [rep, '/calls'],
    [rep, '/leads'],
    [rep, '/contacts'],
    [rep, '/appointments'],
    [rep, '/appointments/today/self'],
    [rep, '/metrics/sales/rep/overview/self'],
  ];
  const bad = new Set<string>();
  for (const [caller, path] of paths) {
    statements.length = 0;
    const { status } = await caller.get(path);
    // Appointments of today are a rep's, companies the admin's.
    if (status === 403 && ['/appointments/today/self?', '/companies?', '/webhook-endpoints?'].includes(path)) continue;
    if (status !== 200 || statements.length === 0)
      bad.add(`${path} answers ${status} by ${statements.length} statements`);
    for (const statement of [...statements])
      for (const table of await scanned(statement))
        bad.add(`${path} reads all of ${table}: ${statement.query.slice(0, 200)}`);
  }
  expect([...bad]).toEqual([]);
}, 240_000);
