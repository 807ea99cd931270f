/** The sums of days that metrics read: exact at every moment, whatever happens to the rows and in whatever order. */
import { and, eq, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { companyTimeZone } from '../../src/db/queries/companies.ts';
import { findWrongSums, sumAppointments, sumCalls } from '../../src/db/queries/metrics.ts';
import { appointments, callAnalyses, calls, companies, recordingSessions } from '../../src/db/schema/index.ts';
import { CALL_DIRECTIONS, CALL_STATUSES } from '../../src/domain/call.ts';
import { deleteCompany } from '../../src/services/companies/delete.ts';
import { eraseCall } from '../../src/services/privacy/erase.ts';
import { companiesToSum, sumCompanyDays } from '../../src/services/upkeep/sumDays.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

const FIRST_DAY = Date.parse('2026-10-24T00:00:00Z');
/** Around the change of the clock in New York and in Kathmandu, which is 5:45 ahead. */
const moment = fc.integer({ min: 0, max: 12 * 24 * 4 }).map((quarters) => new Date(FIRST_DAY + quarters * 900_000));
const person = fc.constantFrom('anna', 'ben', null);
const objections = fc
  .array(fc.constantFrom('price', 'timing', '', null), { maxLength: 3 })
  .map((categories) => categories.map((category) => ({ category, text: null, overcome: null, severity: null })));
const share = fc.option(fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10));
const judgement = fc.record({
  qualification: fc.constantFrom('hot' as const, 'cold' as const, 'unqualified' as const, null),
  bookingStatus: fc.constantFrom('booked' as const, 'not_booked' as const, 'service_not_offered' as const, null),
  objections,
  complianceScore: share,
  sentimentScore: share,
});
const call = fc.record({
  startedAt: moment,
  csrId: person,
  status: fc.constantFrom(...CALL_STATUSES),
  answered: fc.boolean(),
  direction: fc.constantFrom(...CALL_DIRECTIONS, 'inbound' as const, 'inbound' as const),
  spam: fc.constantFrom(false, false, false, true),
  durationSeconds: fc.option(fc.integer({ min: 0, max: 600 })),
  stage: fc.constantFrom('analyzing' as const, 'applying' as const, 'done' as const, 'failed' as const),
});
const appointment = fc.record({
  scheduledStart: fc.option(moment),
  createdAt: moment,
  assignedRepId: person,
  status: fc.constantFrom('scheduled' as const, 'completed' as const, 'cancelled' as const),
  outcome: fc.constantFrom('pending' as const, 'won' as const, 'lost' as const),
});
const which = fc.nat();
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), call, judgement: fc.option(judgement) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('change call' as const), which, call }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('analyze again' as const), which, judgement }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('correct' as const), which, judgement }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete call' as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('appointment' as const), appointment }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('change appointment' as const), which, appointment }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('visit' as const), which, startedAt: moment, judgement }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change visit' as const), which, startedAt: moment }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('zone' as const),
      timeZone: fc.constantFrom('Asia/Kathmandu', 'America/New_York', 'Pacific/Kiritimati'),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('sum' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Makes one step of a history, as the service writes it. */
async function play(rows: CompanyRows, each: Step): Promise<void> {
  const { companyId } = rows;
  const pick = async (table: typeof calls | typeof appointments | typeof recordingSessions, index: number) => {
    const found = await api.db
      .select({ id: table.id })
      .from(table)
      .where(eq(table.companyId, companyId))
      .orderBy(table.id);
    return found.length === 0 ? undefined : found[index % found.length]?.id;
  };
  switch (each.do) {
    case 'call': {
      const { id } = await rows.call(each.call);
      if (each.judgement) await rows.analysis(id, each.judgement);
      return;
    }
    case 'change call': {
      const id = await pick(calls, each.which);
      if (id) await api.db.update(calls).set(each.call).where(eq(calls.id, id));
      return;
    }
    case 'analyze again': {
      const id = await pick(calls, each.which);
      if (!id) return;
      const known = await api.db.$count(callAnalyses, eq(callAnalyses.callId, id));
      await rows.analysis(id, { ...each.judgement, generation: known + 1 });
      return;
    }
    case 'correct': {
      const id = await pick(calls, each.which);
      if (id)
        await api.db
          .update(callAnalyses)
          .set(each.judgement)
          .where(and(eq(callAnalyses.callId, id)));
      return;
    }
    case 'delete call': {
      const id = await pick(calls, each.which);
      if (id) await api.db.transaction((tx) => eraseCall(tx, { id, companyId }));
      return;
    }
    case 'appointment':
      await rows.appointment(each.appointment);
      return;
    case 'change appointment': {
      const id = await pick(appointments, each.which);
      if (id) await api.db.update(appointments).set(each.appointment).where(eq(appointments.id, id));
      return;
    }
    case 'visit': {
      const id = await pick(appointments, each.which);
      if (id) await rows.visitAnalysis(await rows.visit(id, { startedAt: each.startedAt }), each.judgement);
      return;
    }
    case 'change visit': {
      const id = await pick(recordingSessions, each.which);
      const { startedAt } = each;
      if (id) await api.db.update(recordingSessions).set({ startedAt }).where(eq(recordingSessions.id, id));
      return;
    }
    case 'zone':
      await api.db.update(companies).set({ timeZone: each.timeZone }).where(eq(companies.id, companyId));
      return;
    case 'sum':
      await sumCompanyDays(api.db, companyId);
  }
}

/** Every figure of some ranges and people, rounded where sums of fractions depend on their order. */
async function readAll(db: Parameters<typeof sumCalls>[0], companyId: string) {
  const timeZone = await companyTimeZone(db, companyId);
  const answers: unknown[] = [];
  for (const [from, to] of [
    ['2026-10-20', '2026-11-10'],
    ['2026-10-26', '2026-11-01'],
  ] as const) {
    const options = { companyId, range: { from, to, timeZone } };
    answers.push(await sumCalls(db, options), await sumCalls(db, { ...options, agentId: 'anna' }));
    answers.push(await sumAppointments(db, options), await sumAppointments(db, { ...options, repId: 'anna' }));
  }
  return JSON.parse(
    JSON.stringify(answers, (_, value) => {
      if (value instanceof Map) return [...value].map(([key, of]) => [String(key), of]).sort();
      return typeof value === 'number' ? Number(value.toFixed(9)) : value;
    }),
  );
}

const ROLLBACK = new Error('taken back');

/** The same from the rows alone: without coverage no sum is read. */
async function readFromRows(companyId: string) {
  let answers: unknown;
  const reading = api.db.transaction(async (tx) => {
    await tx.execute(sql`delete from metric_coverage where company_id = ${companyId}`);
    answers = await readAll(tx, companyId);
    throw ROLLBACK;
  });
  await reading.catch((error) => {
    if (error !== ROLLBACK) throw error;
  });
  return answers;
}

const isExact = async (companyId: string) => {
  expect(await readAll(api.db, companyId)).toEqual(await readFromRows(companyId));
  const timeZone = await companyTimeZone(api.db, companyId);
  expect(await findWrongSums(api.db, { companyId, timeZone })).toEqual([]);
};

const sumAll = async (companyId: string) => {
  while (await sumCompanyDays(api.db, companyId));
};

test('metrics with sums are those of the rows, after every step of random histories', async () => {
  const check = async (steps: Step[]) => {
    const rows = await makeCompany(api.db, { timeZone: 'America/New_York' });
    for (const [index, each] of steps.entries()) {
      await play(rows, each);
      if (index % 5 === 0) await isExact(rows.companyId);
    }
    await sumAll(rows.companyId);
    await isExact(rows.companyId);
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), check), {
    numRuns: 15,
    endOnFailure: true,
  });
}, 180_000);

test('a change that is not committed when its day is summed is counted once it is', async () => {
  const rows = await makeCompany(api.db);
  const startedAt = new Date('2026-10-28T12:00:00Z');
  const { id } = await rows.call({ startedAt });
  await sumAll(rows.companyId);
  await rows.call({ startedAt });
  await api.db.transaction(async (tx) => {
    await tx.update(calls).set({ status: 'missed', answered: false }).where(eq(calls.id, id));
    await sumAll(rows.companyId);
    await isExact(rows.companyId);
  });
  await isExact(rows.companyId);
  const range = { from: '2026-10-28', to: '2026-10-28', timeZone: 'America/New_York' };
  const { total } = await sumCalls(api.db, { companyId: rows.companyId, range });
  expect([total.totalCalls, total.missedCalls]).toEqual([2, 1]);
});

test('days are read from their sums, and a wrong sum is found', async () => {
  const rows = await makeCompany(api.db);
  await rows.call({ startedAt: new Date('2026-10-28T12:00:00Z') });
  expect(await companiesToSum(api.db)).toContain(rows.companyId);
  await sumAll(rows.companyId);
  expect(await companiesToSum(api.db)).not.toContain(rows.companyId);
  await api.db.execute(sql`update call_day_sums set total_calls = 7 where company_id = ${rows.companyId}`);
  const range = { from: '2026-10-28', to: '2026-10-28', timeZone: 'America/New_York' };
  expect((await sumCalls(api.db, { companyId: rows.companyId, range })).total.totalCalls).toBe(7);
  const of = { companyId: rows.companyId, timeZone: range.timeZone };
  expect(await findWrongSums(api.db, of)).toEqual([{ kind: 'call', day: '2026-10-28', person: null }]);
});

test('reasons against a booking are added up over days and people, of days that are summed and of others', async () => {
  const rows = await makeCompany(api.db);
  const lost = async (day: string, csrId: string | null, categories: string[]) => {
    const { id } = await rows.call({ startedAt: new Date(`${day}T15:00:00Z`), csrId });
    const objections = categories.map((category) => ({ category, text: null, overcome: null, severity: null }));
    await rows.analysis(id, { qualification: 'hot', bookingStatus: 'not_booked', objections });
  };
  const range = { from: '2026-10-26', to: '2026-11-01', timeZone: 'America/New_York' };
  const top = async () => {
    const { topMissedBookingReason, topReasonByPerson } = await sumCalls(api.db, { companyId: rows.companyId, range });
    return { all: topMissedBookingReason, ...Object.fromEntries([...topReasonByPerson].sort()) };
  };
  await lost('2026-10-27', 'anna', ['price', 'price']);
  await lost('2026-10-28', 'anna', ['timing', 'timing', 'timing']);
  await lost('2026-10-28', 'ben', ['price']);
  await lost('2026-10-29', 'ben', ['price', 'weather']);
  await lost('2026-10-29', null, ['weather']);
  const expected = { all: 'price', anna: 'timing', ben: 'price', null: 'weather' };
  expect(await top()).toEqual(expected);
  await sumAll(rows.companyId);
  expect(await top()).toEqual(expected);
  await lost('2026-10-29', 'anna', ['price', 'price']);
  await lost('2026-10-29', null, ['weather', 'weather']);
  expect(await top()).toEqual({ ...expected, anna: 'price' });
  await sumAll(rows.companyId);
  expect(await top()).toEqual({ ...expected, anna: 'price' });
  await api.db.execute(sql`update call_day_sums set unbooked_reasons = '{"price": 9}'
    where company_id = ${rows.companyId} and person = 'anna' and day = '2026-10-28'`);
  const of = { companyId: rows.companyId, timeZone: range.timeZone };
  expect(await findWrongSums(api.db, of)).toEqual([{ kind: 'call', day: '2026-10-28', person: 'anna' }]);
});

test('a company that is removed leaves no sums and no changes', async () => {
  const rows = await makeCompany(api.db);
  await rows.analysis((await rows.call()).id);
  await sumAll(rows.companyId);
  await rows.call();
  await api.db.transaction((tx) => deleteCompany(tx, rows.companyId));
  for (const table of ['call_day_sums', 'metric_changes', 'metric_coverage']) {
    const left = await api.db.execute(sql`select 1 from ${sql.identifier(table)} where company_id = ${rows.companyId}`);
    expect([table, left.length]).toEqual([table, 0]);
  }
});
