import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '../../src/domain/user.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let company: CompanyRows;
beforeAll(async () => {
  api = await startApiApp();
  company = await makeCompany(api.db);
});
afterAll(() => api.stop());

/** RFC 4180, read by somebody else's eyes. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

async function download(url: string, role: Role = 'manager', userId?: string) {
  const { status, headers, text } = await (await api.as(role, company.companyId, userId)).get(url);
  const [header = [], ...lines] = parseCsv(text);
  const rows = lines.map((line) => Object.fromEntries(header.map((name, i) => [name, line[i] ?? ''])));
  return { status, headers, header, rows };
}

describe('exports', () => {
  it('are files with a header, also when there is nothing', async () => {
    for (const name of ['calls', 'leads', 'appointments']) {
      const { status, headers, header, rows } = await download(
        `/exports/${name}?date_from=1999-01-01&date_to=1999-01-01`,
      );
      expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
      expect(headers.get('content-disposition')).toBe(`attachment; filename="${name}.csv"`);
      expect(header[0]).toBe('id');
      expect(rows).toEqual([]);
    }
  });

  it('hold what the lists hold, by the same filters and scopes', async () => {
    const mine = await company.lead({ phoneNumber: '+15550001111', name: 'Ada' }, { status: 'hot' });
    const other = await company.lead({ phoneNumber: null }, { status: 'new' });
    const call = await company.call({ ...mine, csrId: 'dana', durationSeconds: 12 });
    await company.analysis(call.id, {
      qualification: 'hot',
      complianceScore: 0.5,
      summary: 'A leak',
      objections: [
        { category: 'price', text: null, overcome: null, severity: null },
        { category: 'timing', text: null, overcome: null, severity: null },
      ],
    });
    await company.call(other);
    const scheduledStart = new Date('2026-03-14T13:00:00Z');
    await company.appointment({
      ...mine,
      callId: call.id,
      assignedRepId: 'rep',
      scheduledStart,
      location: '1 Main St',
    });
    await company.appointment({ ...other, scheduledStart: null });

    const filters: [name: string, query: string][] = [
      ['calls', ''],
      ['calls', 'qualification=hot'],
      ['calls', 'csr_id=dana&phone_number=%2B15550001111'],
      ['calls', 'q=leak'],
      ['leads', ''],
      ['leads', 'status=hot,warm'],
      ['appointments', ''],
      ['appointments', 'date=2026-03-14'],
      ['appointments', 'unscheduled=true'],
    ];
    for (const [role, userId] of [
      ['manager', 'm'],
      ['csr', 'dana'],
      ['sales_rep', 'rep'],
      ['sales_rep', 'x'],
    ] as const)
      for (const [name, query] of filters) {
        const list = await (await api.as(role, company.companyId, userId)).get(`/${name}?${query}`);
        const { rows } = await download(`/exports/${name}?${query}`, role, userId);
        const ids = list.body.data.items.map(({ id }: { id: string }) => id);
        expect([role, name, query, rows.map(({ id }) => id)]).toEqual([role, name, query, ids]);
      }

    expect((await download('/exports/calls?q=leak')).rows[0]).toMatchObject({
      id: call.id,
      contact_name: 'Ada',
      phone_number: '+15550001111',
      answered: 'true',
      duration_seconds: '12',
      qualification: 'hot',
      booking_status: '',
      objections: 'price; timing',
      compliance_score: '0.5',
      started_at: call.startedAt.toISOString(),
    });
    expect((await download('/exports/leads?status=hot')).rows[0]).toMatchObject({ call_ids: call.id, status: 'hot' });
    expect((await download('/exports/appointments?date=2026-03-14')).rows[0]).toMatchObject({
      scheduled_start: '2026-03-14T13:00:00.000Z',
      assigned_rep_id: 'rep',
      location: '1 Main St',
    });
  });

  it('open right in a spreadsheet: a byte order mark, and local times beside UTC', async () => {
    const here = await makeCompany(api.db, { timeZone: 'America/Denver' });
    const lead = await here.lead({ name: 'José Müller' });
    await here.appointment({ ...lead, scheduledStart: new Date('2026-07-14T15:30:00Z') });
    await here.call({ ...lead, startedAt: new Date('2026-01-14T15:30:00Z') });
    const { authorization } = (await api.as('manager', here.companyId)).headers();
    const read = async (path: string) => {
      const answer = await api.request(`/api/v1/exports/${path}`, { headers: { authorization } });
      return Buffer.from(await answer.arrayBuffer());
    };
    const file = await read('appointments');
    expect([...file.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(file.toString()).toContain('José Müller');
    expect(file.toString()).toContain('2026-07-14T15:30:00.000Z');
    expect(file.toString()).toContain('2026-07-14 09:30:00,America/Denver');
    expect((await read('calls')).toString()).toMatch(
      /2026-01-14 08:30:00,America\/Denver,http:\/\/localhost\/calls\/[\w-]+/,
    );
    expect((await read('leads?bom=false')).toString().startsWith('id,')).toBe(true);
  });

  it('refuse a filter that cannot be, and know no pages', async () => {
    expect((await download('/exports/calls?status=lost')).status).toBe(422);
    expect((await download('/exports/appointments?date=2026-02-30')).status).toBe(422);
    expect((await download('/exports/calls?limit=1')).status).toBe(422);
  });

  it('run no formulas and break no lines', async () => {
    const notes = 'He said "call back", then\nhung up;\r\nMüller, Inc. 🏠';
    const formula = '=HYPERLINK("http://evil.example","Click")';
    const { leadId } = await company.lead({ name: formula, phoneNumber: '+15550002222' }, { notes, source: '@SUM(1)' });
    const row = (await download('/exports/leads')).rows.find(({ id }) => id === leadId);
    expect(row).toMatchObject({
      contact_name: `'${formula}`,
      phone_number: '+15550002222',
      source: "'@SUM(1)",
      notes,
    });
  });

  it('are in the audit log, without what was searched for', async () => {
    await download('/exports/calls?q=Ada%20Lovelace&status=completed', 'executive', 'the-boss');
    const { text, body } = await (await api.as('manager', company.companyId)).get('/audit?action=calls.export');
    expect(body.data.items[0]).toMatchObject({
      actor_id: 'the-boss',
      subject_id: 'calls',
      details: { filters: ['status', 'q'] },
    });
    expect(text).not.toContain('Lovelace');
  });

  it('take bounded memory, and have every row once while rows arrive', { timeout: 180_000 }, async () => {
    const big = await makeCompany(api.db);
    const { contactId, leadId } = await big.lead();
    // Some 6 MB, of which less than one may be held.
    const rows = 25_000;
    // Without triggers: so many checks of the same contact say nothing here.
    await api.db.transaction(async (tx) => {
      await tx.execute(sql`set local session_replication_role = replica`);
      await tx.execute(sql`set local statement_timeout = 0`);
      await tx.execute(sql`
      insert into calls (id, company_id, provider_call_id, status, direction, answered, started_at, contact_id, lead_id, stage)
      select gen_random_uuid(), ${big.companyId}, 'CAL' || n, 'completed', 'inbound', true,
        now() - n * interval '1 second', ${contactId}, ${leadId}, 'done'
      from generate_series(1, ${rows}) as n`);
    });
    await api.db.execute(sql`analyze calls`);
    const { authorization } = (await api.as('manager', big.companyId)).headers();
    const answer = await api.request('/api/v1/exports/calls', { headers: { authorization } });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const ids = new Set<string>();
    let lines = 0;
    let heldBytes = 0;
    let rest = '';
    for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
      heldBytes = Math.max(heldBytes, chunk.value.length);
      const parts = (rest + chunk.value).split('\r\n');
      rest = parts.pop() ?? '';
      for (const line of parts) ids.add(line.slice(0, 36));
      lines += parts.length;
      if (lines < 5000) await big.call({ id: randomUUID(), contactId, leadId });
    }
    expect([lines - 1, ids.size - 1, rest]).toEqual([rows, rows, '']);
    expect(heldBytes).toBeLessThan(1024 * 1024);
  });
});
