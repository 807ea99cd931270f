/** What lists read by: columns that triggers keep beside the raw rows, and indexes that fit. Both proven on data. */
import { eq, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CallFilter, listCalls, pageCalls } from '../../src/db/queries/calls.ts';
import { callAnalyses, calls } from '../../src/db/schema/index.ts';
import { BOOKING_STATUSES, QUALIFICATIONS } from '../../src/domain/analysis.ts';
import { CALL_DIRECTIONS, CALL_STATUSES } from '../../src/domain/call.ts';
import { PIPELINE_STAGES } from '../../src/domain/pipeline.ts';
import { fillCalls } from '../../src/services/upkeep/fillCalls.ts';
import { fillObjections } from '../../src/services/upkeep/fillObjections.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

const analysis = fc.record({
  generation: fc.integer({ min: 1, max: 4 }),
  qualification: fc.option(fc.constantFrom(...QUALIFICATIONS)),
  bookingStatus: fc.option(fc.constantFrom(...BOOKING_STATUSES)),
  objections: fc.array(
    fc
      .constantFrom('price', 'timing', 'spouse', null, '', 'x'.repeat(5000))
      .map((category) => ({ category, text: null, overcome: null, severity: null })),
    { maxLength: 3 },
  ),
});
const history = fc.record({
  status: fc.constantFrom(...CALL_STATUSES),
  direction: fc.constantFrom(...CALL_DIRECTIONS),
  stage: fc.constantFrom(...PIPELINE_STAGES),
  csrId: fc.constantFrom('csr-a', 'csr-b', null),
  hour: fc.integer({ min: 0, max: 60 }),
  /** Written in this order; one of a generation that is there corrects it. */
  analyses: fc.array(analysis, { maxLength: 4 }),
  /** Removed afterwards, where there is one. */
  removed: fc.option(fc.integer({ min: 1, max: 4 })),
  laterStage: fc.option(fc.constantFrom(...PIPELINE_STAGES)),
});
const some = <T>(values: readonly T[]) => fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined });
const filter = fc.record({
  status: some(CALL_STATUSES),
  direction: some(CALL_DIRECTIONS),
  stage: some(PIPELINE_STAGES),
  bookingStatus: some(BOOKING_STATUSES),
  qualification: some(QUALIFICATIONS),
  csrId: fc.constantFrom('csr-a', undefined, undefined),
  handledBy: some(['csr-a', 'csr-b', 'none', 'nobody of this name']),
  analyzed: fc.constantFrom(true, false, undefined, undefined),
  qualified: fc.constantFrom(true, false, undefined, undefined),
  objection: fc.constantFrom('price', 'of nobody', undefined, undefined),
  day: fc.constantFrom('2026-03-02', undefined),
});

type Expected = { id: string; startedAt: Date; history: typeof history extends fc.Arbitrary<infer T> ? T : never };

/** Of which it is taken for granted that they have more rows than are counted. */
const KNOWN_AS_LARGE = { has: () => true, add: () => {} };
const LARGE = { total: 10_000, total_is_estimate: true };

/** Writes random calls as the service does, and their analyses in random order. */
async function write(histories: Expected['history'][]): Promise<{ companyId: string; written: Expected[] }> {
  const rows = await makeCompany(api.db, { timeZone: 'America/New_York' });
  const contact = await rows.lead();
  const written: Expected[] = [];
  for (const each of histories) {
    const startedAt = new Date(Date.parse('2026-03-01T12:00:00Z') + each.hour * 3_600_000);
    const { status, direction, stage, csrId } = each;
    const { id } = await rows.call({ ...contact, status, direction, stage, csrId, startedAt });
    const kept = new Map<number, (typeof each.analyses)[number]>();
    for (const one of each.analyses) {
      if (kept.has(one.generation))
        await api.db.update(callAnalyses).set(one).where(sql`call_id = ${id} and generation = ${one.generation}`);
      else await rows.analysis(id, one);
      kept.set(one.generation, one);
    }
    if (each.removed !== null) {
      await api.db.delete(callAnalyses).where(sql`call_id = ${id} and generation = ${each.removed}`);
      kept.delete(each.removed);
    }
    if (each.laterStage !== null) await api.db.update(calls).set({ stage: each.laterStage }).where(eq(calls.id, id));
    written.push({
      id,
      startedAt,
      history: { ...each, analyses: [...kept.values()], stage: each.laterStage ?? stage },
    });
  }
  return { companyId: rows.companyId, written };
}

const currentOf = ({ analyses }: Expected['history']) =>
  [...analyses].sort((a, b) => b.generation - a.generation)[0] ?? null;

const judgementOf = (each: Expected['history']) => {
  const current = currentOf(each);
  return [current?.generation ?? null, current?.qualification ?? null, current?.bookingStatus ?? null];
};

const readJudgement = async (companyId: string) =>
  new Map(
    (
      await api.db
        .select({ id: calls.id, g: calls.analysisGeneration, q: calls.qualification, b: calls.bookingStatus })
        .from(calls)
        .where(eq(calls.companyId, companyId))
    ).map(({ id, g, q, b }) => [id, [g, q, b]]),
  );

const isQualified = (qualification: string | null, bookingStatus: string | null): boolean =>
  bookingStatus === 'booked' || ['hot', 'warm', 'cold'].includes(qualification ?? '');

function expectedIds(written: Expected[], asked: CallFilter & { day?: string }): string[] {
  const fits = ({ startedAt, history: each }: Expected) => {
    const [, qualification, bookingStatus] = judgementOf(each) as [number, string | null, string | null];
    const isIn = (values: readonly unknown[] | undefined, value: unknown) => !values || values.includes(value);
    const day = startedAt.toLocaleDateString('en-CA', { timeZone: 'America/New_York' });
    return (
      isIn(asked.status, each.status) &&
      isIn(asked.direction, each.direction) &&
      isIn(asked.stage, each.stage) &&
      isIn(asked.bookingStatus, bookingStatus) &&
      isIn(asked.qualification, qualification) &&
      (asked.csrId === undefined || asked.csrId === each.csrId) &&
      isIn(asked.handledBy, each.csrId ?? 'none') &&
      (asked.analyzed === undefined || asked.analyzed === (currentOf(each) !== null)) &&
      (asked.objection === undefined ||
        currentOf(each)?.objections.some(({ category }) => category === asked.objection)) &&
      (asked.qualified === undefined || asked.qualified === isQualified(qualification, bookingStatus)) &&
      (asked.day === undefined || asked.day === day)
    );
  };
  const newestFirst = (a: Expected, b: Expected) =>
    b.startedAt.getTime() - a.startedAt.getTime() || (a.id < b.id ? 1 : -1);
  return written
    .filter(fits)
    .sort(newestFirst)
    .map(({ id }) => id);
}

/** Reads all pages. */
async function listed(asked: CallFilter): Promise<string[]> {
  const ids: string[] = [];
  let after: { at: Date; id: string } | undefined;
  do {
    const page = await listCalls(api.db, asked, { limit: 3, after });
    ids.push(...page.map(({ call }) => call.id));
    const last = page.at(-1)?.call;
    after = page.length === 3 && last ? { at: last.startedAt, id: last.id } : undefined;
  } while (after);
  return ids;
}

const unfill = (companyId: string) =>
  api.db.transaction(async (tx) => {
    await tx.execute(sql`alter table calls disable trigger calls_facet_set`);
    await tx.execute(sql`update calls set facet = null, qualification = null, booking_status = null,
      analysis_generation = null where company_id = ${companyId} and hashtext(id) % 2 = 0`);
    await tx.execute(sql`alter table calls enable trigger calls_facet_set`);
  });

describe('calls', () => {
  test('any filter lists and counts what the raw rows give; also before old rows are filled', async () => {
    const check = async (histories: Expected['history'][], filters: (CallFilter & { day?: string })[]) => {
      const { companyId, written } = await write(histories);
      const agree = async (some = filters) => {
        for (const { day, ...rest } of some) {
          const asked = { ...rest, companyId, startedOn: day && { from: day, to: day, timeZone: 'America/New_York' } };
          const expected = expectedIds(written, { ...rest, companyId, day });
          expect(await listed(asked as CallFilter)).toEqual(expected);
          const { rows, count } = await pageCalls(api.db, asked as CallFilter, { limit: 2 });
          expect([rows.map(({ call }) => call.id), count]).toEqual([expected.slice(0, 2), { total: expected.length }]);
          const known = await pageCalls(api.db, asked as CallFilter, { limit: 2 }, KNOWN_AS_LARGE);
          expect([known.rows, known.count]).toEqual([rows, rows.length > 0 ? LARGE : { total: 0 }]);
          const beyond = { limit: 2, after: { at: new Date('2020-01-01'), id: '' } };
          expect(await pageCalls(api.db, asked as CallFilter, beyond)).toEqual({ rows: [], count });
        }
      };
      const judged = new Map(written.map(({ id, history: each }) => [id, judgementOf(each)]));
      expect(await readJudgement(companyId)).toEqual(judged);
      await agree();
      await unfill(companyId);
      await agree();
      await api.db.execute(
        sql`delete from call_objections where company_id = ${companyId} and hashtext(call_id) % 3 = 0`,
      );
      await api.db.execute(sql`insert into unfinished_fills (name) values ('call_objections')`);
      await agree(filters.filter(({ objection }) => objection !== undefined));
      while ((await fillCalls(api.db)) > 0);
      while ((await fillObjections(api.db)) > 0);
      expect(await readJudgement(companyId)).toEqual(judged);
      await agree();
    };
    const histories = fc.array(history, { minLength: 1, maxLength: 12 });
    const filters = fc.array(filter, { minLength: 6, maxLength: 6 }) as fc.Arbitrary<(CallFilter & { day?: string })[]>;
    await fc.assert(fc.asyncProperty(histories, filters, check), { numRuns: 20, endOnFailure: true });
  }, 240_000);

  test('filling old rows shows in no event stream', async () => {
    const { companyId } = await write(fc.sample(history, { numRuns: 4, seed: 1 }));
    await unfill(companyId);
    const changesOf = async () =>
      (await api.db.execute(sql`select count(*)::int as count from changes where company_id = ${companyId}`))[0]?.count;
    const before = await changesOf();
    while ((await fillCalls(api.db)) > 0);
    expect(await changesOf()).toBe(before);
  });
});
