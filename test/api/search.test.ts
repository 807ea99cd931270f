/** Searching calls by words: what is found, what is shown, and that what was deleted is found no more. */
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pageCalls } from '../../src/db/queries/calls.ts';
import { calls, callTranscripts, contactCards } from '../../src/db/schema/index.ts';
import { eraseCall } from '../../src/services/privacy/erase.ts';
import { fillSearch } from '../../src/services/upkeep/fillSearch.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

const search = async (rows: CompanyRows, q: string, more = '', role: 'csr' | 'sales_rep' = 'csr', user = 'me') => {
  const { body } = await (await api.as(role, rows.companyId, user)).get(`/calls?q=${encodeURIComponent(q)}${more}`);
  expect(body.data.total).toBeGreaterThanOrEqual(body.data.items.length);
  return body.data as {
    items: { id: string; match: { field: string; excerpt: string } }[];
    total: number;
    next_cursor: string | null;
  };
};
const ids = async (...args: Parameters<typeof search>) => (await search(...args)).items.map(({ id }) => id);

/** A call with everything that is searched. */
async function makeCall(
  rows: CompanyRows,
  of: { name?: string; phone?: string; raw?: string; summary?: string; said?: string; startedAt?: Date },
) {
  const contact = await rows.lead({ name: of.name, phoneNumber: of.phone });
  const call = await rows.call({ ...contact, callerNumberRaw: of.raw, startedAt: of.startedAt ?? new Date() });
  if (of.summary) await rows.analysis(call.id, { summary: of.summary });
  if (of.said) await rows.transcript(call.id, of.said);
  return call;
}

describe('q', () => {
  test('finds words of each part, begun or whole, in any case and script, and parts of names and numbers', async () => {
    const rows = await makeCompany(api.db);
    const { id } = await makeCall(rows, {
      name: "Siobhán O'Hara_Jones",
      phone: '+12125550142',
      summary: 'A leaking skylight, 100% sure; wants financing.',
      said: 'Guten Tag. Die Dachrinne tropft, крыша течёт – we’ve storm-damage',
    });
    await makeCall(rows, { name: 'Somebody Else', phone: '+442071838750', said: 'Nothing of the kind.' });
    for (const q of [
      'skylight',
      'SKYL',
      'financing leaking',
      '100%',
      '100',
      'dachrinne',
      'крыша',
      'storm',
      'damage',
      'storm-damage',
      'siob',
      "o'hara",
      'hara_j',
      '_',
      'nes',
      'siobhán jones',
      '212 555',
      '5550142',
      '(212) 555-0142',
      '+12125550142',
      '0142',
    ])
      expect([q, await ids(rows, q)]).toEqual([q, [id]]);
    for (const q of ['kylight', 'leaking dachrinne', '212 556', "%'\\ :* & | !", '(', 'zzz'])
      expect([q, await ids(rows, q)]).toEqual([q, []]);
  });

  test('an item says where it was found, with the hits marked and all else escaped', async () => {
    const rows = await makeCompany(api.db);
    const long = 'word '.repeat(100);
    await makeCall(rows, {
      name: 'Ada Lovelace',
      phone: '+12125550199',
      summary: 'Roof & <b>gutter</b> of Ada',
      said: `${long}the chimney smokes ${long}`,
    });
    const matchOf = async (q: string) => (await search(rows, q)).items[0]?.match;
    expect(await matchOf('lace')).toEqual({ field: 'name', excerpt: 'Ada Love<mark>lace</mark>' });
    expect(await matchOf('555-0199')).toEqual({ field: 'phone_number', excerpt: '+1212<mark>5550199</mark>' });
    expect(await matchOf('gutt roof')).toEqual({
      field: 'summary',
      excerpt: '<mark>Roof</mark> &amp; &lt;b&gt;<mark>gutt</mark>er&lt;/b&gt; of Ada',
    });
    const match = await matchOf('CHIMNEY');
    expect(match?.field).toBe('transcript');
    expect(match?.excerpt).toMatch(/^…word .* the <mark>chimney<\/mark> smokes word .* word…$/);
    expect(match?.excerpt.length).toBeLessThan(250);
    const csr = await api.as('csr', rows.companyId);
    expect((await csr.get('/calls')).body.data.items[0]).not.toHaveProperty('match');
  });

  test('follows what changes: a name, a correction, another caller, a later start, another transcript', async () => {
    const rows = await makeCompany(api.db);
    const call = await makeCall(rows, {
      name: 'Old Name',
      summary: 'old summary',
      said: 'old words',
      startedAt: new Date('2026-01-31T12:00:00Z'),
    });
    const [{ contactId }] = (await api.db
      .select({ contactId: calls.contactId })
      .from(calls)
      .where(eq(calls.id, call.id))) as [{ contactId: string }];
    await api.db.update(contactCards).set({ name: 'Fresh Name' }).where(eq(contactCards.id, contactId));
    await api.db.execute(sql`update call_analyses set summary = 'fresh summary' where call_id = ${call.id}`);
    await rows.transcript(call.id, 'fresh words', 2);
    for (const word of ['name', 'summary', 'words']) {
      expect(await ids(rows, `fresh ${word}`)).toEqual([call.id]);
      expect(await ids(rows, `old ${word}`)).toEqual([]);
    }
    await api.db
      .update(calls)
      .set({ startedAt: new Date('2026-02-01T12:00:00Z') })
      .where(eq(calls.id, call.id));
    await makeCall(rows, { startedAt: new Date('2025-11-01T12:00:00Z') });
    for (const word of ['name', 'summary', 'words']) expect(await ids(rows, `fresh ${word}`)).toEqual([call.id]);
    const other = await rows.lead({ name: 'Another Caller' });
    await api.db.update(calls).set(other).where(eq(calls.id, call.id));
    expect([await ids(rows, 'fresh name'), await ids(rows, 'another')]).toEqual([[], [call.id]]);
  });

  test('pages and total over many months, and other filters beside it', async () => {
    const rows = await makeCompany(api.db, { timeZone: 'UTC' });
    const made: string[] = [];
    const startOf = (month: number) => new Date(Date.UTC(2025, month, 15));
    for (let month = 0; month < 14; month += 1) {
      const startedAt = startOf(month);
      made.unshift((await makeCall(rows, { said: 'gutter cleaning', summary: 'gutter', startedAt })).id);
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await search(rows, 'gutter', `&limit=3${cursor && `&cursor=${cursor}`}`);
      expect(page.total).toBe(14);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(made);
    // The same pages where the total is known, so that a page reads no more months than it needs.
    const large = { has: () => true, add: () => {} };
    for (let first = 0; first < made.length; first += 5) {
      const last = made[first - 1];
      const after = last === undefined ? undefined : { at: startOf(made.length - first), id: last };
      const asked = { companyId: rows.companyId, text: 'gutter' };
      const page = await pageCalls(api.db, asked, { limit: 5, after }, large);
      expect(page.rows.map(({ call }) => call.id)).toEqual(made.slice(first, first + 5));
      expect(page.count).toEqual({ total: 10_000, total_is_estimate: true });
    }
    expect(await ids(rows, 'gutter', '&date_from=2025-03-01&date_to=2025-04-30')).toEqual(made.slice(10, 12));
    expect(await ids(rows, 'gutter', '&status=missed')).toEqual([]);
  });

  test('a filter beside words finds the same in weeks with few and with many calls that have the words, and where a week has none', async () => {
    const rows = await makeCompany(api.db);
    const contact = await rows.lead({ name: 'Ada Lovelace' });
    const week = 7 * 86_400_000;
    const made: { id: string; startedAt: Date; status: string }[] = [];
    for (const [weeksAgo, calls] of [
      [0, 3],
      [1, 130],
      [3, 20],
      [60, 5],
    ] as const)
      for (let n = 0; n < calls; n += 1) {
        const startedAt = new Date(Date.UTC(2026, 5, 10) - weeksAgo * week - Math.floor(n / 2) * 1000);
        const status = n === 4 && weeksAgo !== 1 ? 'voicemail' : n % 3 === 0 ? 'missed' : 'completed';
        made.push({ ...(await rows.call({ ...contact, startedAt, status })), startedAt, status });
      }
    const newestFirst = made.toSorted(
      (a, b) => b.startedAt.getTime() - a.startedAt.getTime() || (a.id < b.id ? 1 : -1),
    );
    for (const status of [undefined, 'missed', 'voicemail', 'abandoned']) {
      const expected = newestFirst.filter((each) => status === undefined || each.status === status).map(({ id }) => id);
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const more = `${status ? `&status=${status}` : ''}&limit=40${cursor && `&cursor=${cursor}`}`;
        const page: Awaited<ReturnType<typeof search>> = await search(rows, 'love', more);
        expect(page.total).toBe(expected.length);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor;
      }
      expect(seen).toEqual(expected);
    }
  });

  test('finds nothing of other companies, and for a rep only what is theirs', async () => {
    const [rows, other] = [await makeCompany(api.db), await makeCompany(api.db)];
    const mine = await makeCall(rows, { said: 'the secret chimney' });
    await makeCall(rows, { said: 'a chimney of somebody else' });
    await rows.appointment({ callId: mine.id, assignedRepId: 'ron' });
    expect(await ids(other, 'chimney')).toEqual([]);
    expect(await ids(rows, 'chimney')).toHaveLength(2);
    expect(await ids(rows, 'chimney', '', 'sales_rep', 'ron')).toEqual([mine.id]);
    expect(await ids(rows, 'chimney', '', 'sales_rep', 'rita')).toEqual([]);
  });

  test('what was deleted is in no index any more: a call, a contact, a transcript', async () => {
    const rows = await makeCompany(api.db);
    const indexed = async () =>
      (await api.db.execute(sql`select call_id, part from call_search where company_id = ${rows.companyId}`)).length;
    const first = await makeCall(rows, { name: 'First', summary: 'chimney', said: 'chimney' });
    const second = await makeCall(rows, { name: 'Second', summary: 'chimney', said: 'chimney' });
    expect(await indexed()).toBe(6);
    await api.db.delete(callTranscripts).where(eq(callTranscripts.callId, second.id));
    expect(await indexed()).toBe(5);
    await api.db.transaction((tx) => eraseCall(tx, { id: first.id, companyId: rows.companyId }));
    expect(await indexed()).toBe(2);
    const manager = await api.as('manager', rows.companyId);
    expect((await manager.delete(`/contacts/${second.contactId}`)).status).toBe(204);
    expect(await indexed()).toBe(0);
  });

  test('calls from before the index are found by name and summary at once, and by what was said once they are filled', async () => {
    const rows = await makeCompany(api.db);
    const call = await makeCall(rows, {
      name: 'Early Bird',
      summary: 'a very early call',
      said: 'we spoke of a chimney',
    });
    await api.db.execute(sql`delete from call_search where company_id = ${rows.companyId}`);
    await api.db.execute(sql`insert into unfinished_fills (name) values ('call_search')`);
    const filledUpTo = (companyId: string) =>
      api.db.execute(sql`update unfinished_fills set position = ${JSON.stringify([companyId, '-infinity', ''])}`);
    expect(await ids(rows, 'early')).toEqual([call.id]);
    expect(await ids(rows, 'bird')).toEqual([call.id]);
    await filledUpTo(rows.companyId);
    expect(await ids(rows, 'early')).toEqual([call.id]);
    // As soon as its own calls are filled, a company is searched by the index.
    await filledUpTo(`${rows.companyId}z`);
    expect(await ids(rows, 'early')).toEqual([]);
    await filledUpTo('');
    while ((await fillSearch(api.db)) > 0);
    expect(await ids(rows, 'early')).toEqual([call.id]);
    expect(await ids(rows, 'chimney')).toEqual([call.id]);
  });
});
