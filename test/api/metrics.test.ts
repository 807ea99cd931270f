/** Every number of the four metrics endpoints, computed a second time from the raw rows in plain TypeScript. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

/** Zones with a change of clocks on these days; some skip or repeat midnight, one moves by half an hour. */
const ZONED_DAYS = [
  { timeZone: 'America/New_York', day: '2026-03-08' },
  { timeZone: 'America/New_York', day: '2026-11-01' },
  { timeZone: 'Europe/Berlin', day: '2026-03-29' },
  { timeZone: 'Australia/Lord_Howe', day: '2026-04-05' },
  { timeZone: 'America/Havana', day: '2026-11-01' },
  { timeZone: 'Africa/Cairo', day: '2026-04-24' },
  { timeZone: 'Asia/Kathmandu', day: '2026-03-08' },
  { timeZone: 'Pacific/Kiritimati', day: '2026-03-08' },
  { timeZone: 'UTC', day: '2026-03-08' },
];

const CATEGORIES = ['price', 'timing', 'spouse', null];
const AGENTS = ['csr-a', 'csr-b', 'mia-manager', 'unknown-agent', null];
const REPS = ['rep-a', 'rep-b', 'mia-manager', 'gone-rep', null];
const DATA_SETS = 200;

const score = fc.option(fc.integer({ min: 0, max: 100 }).map((value) => value / 100));
const objections = fc.array(
  fc.constantFrom(...CATEGORIES).map((category) => ({ category, text: 'Hm', overcome: false, severity: null })),
  { maxLength: 3 },
);
const judgement = { objections, complianceScore: score, sentimentScore: score };
/** Minutes around noon (UTC) of the day of the change: about two days each way, often near the change itself. */
const minute = fc.oneof(fc.integer({ min: -3000, max: 3000 }), fc.integer({ min: -1000, max: 1000 }));

const callArbitrary = fc.record({
  minute,
  status: fc.constantFrom('ringing', 'in_progress', 'abandoned', 'missed', 'voicemail', 'completed'),
  answered: fc.boolean(),
  direction: fc.constantFrom('inbound', 'inbound', 'inbound', 'outbound'),
  spam: fc.constantFrom(false, false, false, true),
  csrId: fc.constantFrom(...AGENTS),
  durationSeconds: fc.option(fc.integer({ min: 0, max: 900 })),
  stage: fc.constantFrom('awaiting_end', 'transcribing', 'applying', 'done', 'done', 'not_analyzable', 'failed'),
  analyses: fc.array(
    fc.record({
      qualification: fc.constantFrom('hot', 'warm', 'cold', 'unqualified', null),
      bookingStatus: fc.constantFrom('booked', 'not_booked', 'service_not_offered', null),
      ...judgement,
    }),
    { maxLength: 2 },
  ),
} as const);

const appointmentArbitrary = fc.record({
  minute,
  isScheduled: fc.boolean(),
  status: fc.constantFrom('scheduled', 'confirmed', 'completed', 'cancelled', 'no_show'),
  outcome: fc.constantFrom('pending', 'won', 'lost'),
  assignedRepId: fc.constantFrom(...REPS),
  visits: fc.array(fc.array(fc.record(judgement), { maxLength: 2 }), { maxLength: 2 }),
} as const);

const dataSet = fc.record({
  zone: fc.constantFrom(...ZONED_DAYS),
  firstDay: fc.integer({ min: -2, max: 1 }),
  days: fc.integer({ min: 1, max: 3 }),
  calls: fc.array(callArbitrary, { maxLength: 8 }),
  appointments: fc.array(appointmentArbitrary, { maxLength: 6 }),
});
type DataSet = typeof dataSet extends fc.Arbitrary<infer T> ? T : never;

const addDays = (day: string, days: number) =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
const instant = (set: DataSet, minutes: number) => new Date(Date.parse(`${set.zone.day}T12:00:00Z`) + minutes * 60_000);
/** The calendar day of an instant, by the platform's own rules and not by Postgres. */
const dayIn = (timeZone: string, at: Date) => new Intl.DateTimeFormat('en-CA', { timeZone }).format(at);

async function store(set: DataSet): Promise<string> {
  const rows = await makeCompany(api.db, { timeZone: set.zone.timeZone });
  await Promise.all([
    rows.user('csr-a', 'csr'),
    rows.user('csr-b', 'csr'),
    rows.user('csr-idle', 'csr'),
    rows.user('rep-a', 'sales_rep'),
    rows.user('rep-b', 'sales_rep'),
    rows.user('mia-manager', 'manager'),
  ]);
  const lead = await rows.lead();
  for (const { minute: minutes, analyses, ...call } of set.calls) {
    const { id } = await rows.call({ ...lead, ...call, startedAt: instant(set, minutes) });
    for (const [index, analysis] of analyses.entries()) await rows.analysis(id, { ...analysis, generation: index + 1 });
  }
  for (const { minute: minutes, isScheduled, visits, ...appointment } of set.appointments) {
    const at = instant(set, minutes);
    // What does not decide the day lies far off.
    const times = isScheduled ? { scheduledStart: at, createdAt: new Date(0) } : { createdAt: at };
    const id = await rows.appointment({ ...lead, ...appointment, ...times });
    for (const [index, analyses] of visits.entries()) {
      const session = await rows.visit(id, { startedAt: new Date(index * 1000) });
      for (const [generation, analysis] of analyses.entries())
        await rows.visitAnalysis(session, { ...analysis, generation: generation + 1 });
    }
  }
  return rows.companyId;
}

const mean = (values: (number | null)[]) => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
};
const of = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

function expectedCsr(all: DataSet['calls']) {
  const calls = all.filter((call) => !call.spam);
  const analyzed = calls.flatMap((call) => call.analyses.at(-1) ?? []);
  const qualified = analyzed.filter(
    (analysis) =>
      analysis.bookingStatus === 'booked' || ['hot', 'warm', 'cold'].includes(analysis.qualification ?? 'none'),
  );
  const booked = analyzed.filter((analysis) => analysis.bookingStatus === 'booked');
  const notOffered = qualified.filter((analysis) => analysis.bookingStatus === 'service_not_offered');
  const unbooked = qualified.filter((analysis) => analysis.bookingStatus === 'not_booked');
  const answered = calls.filter((call) => ['completed', 'in_progress'].includes(call.status) && call.answered);
  const missed = calls.filter((call) => ['missed', 'abandoned', 'voicemail'].includes(call.status));
  const reasons = unbooked.flatMap((analysis) => analysis.objections.flatMap(({ category }) => category ?? []));
  const times = (reason: string) => reasons.filter((other) => other === reason).length;
  const [topReason] = [...reasons].sort((a, b) => times(b) - times(a) || (a < b ? -1 : 1));
  return {
    total_calls: calls.length,
    spam_calls: all.length - calls.length,
    answered_calls: answered.length,
    missed_calls: missed.length,
    analyzed_calls: analyzed.length,
    pending_analysis_calls: calls.filter((call) => !['done', 'not_analyzable', 'failed'].includes(call.stage)).length,
    qualified_calls: qualified.length,
    qualified_rate: of(qualified.length, analyzed.length),
    booked_calls: booked.length,
    booking_rate: of(booked.length, qualified.length),
    service_not_offered_calls: notOffered.length,
    service_not_offered_rate: of(notOffered.length, qualified.length),
    qualified_but_unbooked_calls: unbooked.length,
    avg_objections_per_qualified_call: mean(qualified.map((analysis) => analysis.objections.length)),
    avg_compliance_score: 10 * mean(analyzed.map((analysis) => analysis.complianceScore)),
    avg_sentiment_score: mean(analyzed.map((analysis) => analysis.sentimentScore)),
    avg_call_duration_seconds: mean(answered.map((call) => call.durationSeconds)),
    top_missed_booking_reason: topReason ?? null,
  };
}

function expectedSales(appointments: DataSet['appointments']) {
  const analyzed = appointments.flatMap(
    (each) =>
      each.visits
        .filter((analyses) => analyses.length > 0)
        .at(-1)
        ?.at(-1) ?? [],
  );
  const count = (outcome: string) => appointments.filter((each) => each.outcome === outcome).length;
  return {
    total_appointments: appointments.length,
    completed_appointments: appointments.filter((each) => each.status === 'completed').length,
    won_appointments: count('won'),
    lost_appointments: count('lost'),
    pending_appointments: count('pending'),
    win_rate: of(count('won'), count('won') + count('lost')),
    avg_objections_per_appointment: mean(analyzed.map((analysis) => analysis.objections.length)),
    avg_compliance_score: 10 * mean(analyzed.map((analysis) => analysis.complianceScore)),
    avg_sentiment_score: mean(analyzed.map((analysis) => analysis.sentimentScore)),
  };
}

/** Sums of fractions may differ in the last digits by their order. */
/** As the API rounds: rates to four places, averages to six. */
const rounded = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, each) =>
      typeof each === 'number' ? Number(each.toFixed(name.endsWith('_rate') ? 4 : 6)) : each,
    ),
  );

/** These rows come from no event, so nobody is to be called. */
const NO_FOLLOW_UPS = { open_followups: 0, overdue_followups: 0, median_callback_minutes: 0 };

async function check(set: DataSet): Promise<void> {
  const companyId = await store(set);
  const { timeZone, day } = set.zone;
  const from = addDays(day, set.firstDay);
  const to = addDays(from, set.days - 1);
  const dates = Array.from({ length: set.days }, (_, index) => addDays(from, index));
  const within = (each: { minute: number }) => dates.includes(dayIn(timeZone, instant(set, each.minute)));
  const on = (date: string) => (each: { minute: number }) => dayIn(timeZone, instant(set, each.minute)) === date;
  const calls = set.calls.filter((call) => call.direction === 'inbound' && within(call));
  const appointments = set.appointments.filter((each) => each.status !== 'cancelled' && within(each));

  const csrTrend = (ofCalls: DataSet['calls']) =>
    dates.map((date) => {
      const { total_calls, qualified_calls, booked_calls, booking_rate, qualified_rate } = expectedCsr(
        ofCalls.filter(on(date)),
      );
      return { date, total_calls, qualified_calls, booked_calls, booking_rate, qualified_rate };
    });
  const salesTrend = (ofAppointments: DataSet['appointments']) =>
    dates.map((date) => {
      const { total_appointments, won_appointments, lost_appointments } = expectedSales(
        ofAppointments.filter(on(date)),
      );
      return { date, total_appointments, won_appointments, lost_appointments };
    });
  const range = `date_from=${from}&date_to=${to}`;
  const read = async (role: 'csr' | 'sales_rep' | 'manager', user: string, path: string) => {
    const answer = await (await api.as(role, companyId, user)).get(`/metrics/${path}?${range}`);
    expect(answer.status).toBe(200);
    const { date_from, date_to, time_zone, ...rest } = answer.body.data;
    expect({ date_from, date_to, time_zone }).toEqual({ date_from: from, date_to: to, time_zone: timeZone });
    return rounded(rest) as Record<'by_csr' | 'by_rep', Record<string, unknown>[]> & Record<string, unknown>;
  };

  const mine = calls.filter((call) => call.csrId === 'csr-a' || call.csrId === null);
  expect(await read('csr', 'csr-a', 'csr/overview/self')).toEqual(
    rounded({
      ...expectedCsr(mine),
      mine: expectedCsr(mine.filter((call) => call.csrId !== null)),
      ...NO_FOLLOW_UPS,
      unassigned: expectedCsr(mine.filter((call) => call.csrId === null)),
      trend: csrTrend(mine),
    }),
  );
  const visits = appointments.filter((each) => each.assignedRepId === 'rep-a');
  expect(await read('sales_rep', 'rep-a', 'sales/rep/overview/self')).toEqual(
    rounded({ ...expectedSales(visits), trend: salesTrend(visits) }),
  );

  const { by_csr, ...ofCompany } = await read('manager', 'mia-manager', 'exec/csr/overview');
  expect(ofCompany).toEqual(rounded({ ...expectedCsr(calls), ...NO_FOLLOW_UPS, trend: csrTrend(calls) }));
  const agents = new Set<string | null>(['csr-a', 'csr-b', 'csr-idle', ...calls.map((call) => call.csrId)]);
  const byId = (a: { id: string | null }, b: { id: string | null }) => (String(a.id) < String(b.id) ? -1 : 1);
  const named = (id: string | null) => (id === null || /unknown|gone/.test(id) ? null : `Name of ${id}`);
  expect(by_csr.map(({ csr_id: id, ...rest }) => ({ id: id as string | null, ...rest })).sort(byId)).toEqual(
    rounded(
      [...agents]
        .map((id) => ({ id, name: named(id), ...expectedCsr(calls.filter((call) => call.csrId === id)) }))
        .sort(byId),
    ),
  );

  const { by_rep, team_win_rate, ...ofSales } = await read('manager', 'mia-manager', 'exec/sales/overview');
  const expected = expectedSales(appointments);
  expect(ofSales).toEqual(rounded({ ...expected, trend: salesTrend(appointments) }));
  expect(team_win_rate).toBe(ofSales.win_rate);
  const reps = new Set<string | null>(['rep-a', 'rep-b', ...appointments.map((each) => each.assignedRepId)]);
  expect(by_rep.map(({ rep_id: id, ...rest }) => ({ id: id as string | null, ...rest })).sort(byId)).toEqual(
    rounded(
      [...reps]
        .map((id) => ({
          id,
          name: named(id),
          ...expectedSales(appointments.filter((each) => each.assignedRepId === id)),
        }))
        .sort(byId),
    ),
  );
}

test(
  `metrics equal what the raw rows give, on ${DATA_SETS} random data sets around changes of the clock`,
  () => fc.assert(fc.asyncProperty(dataSet, check), { numRuns: DATA_SETS, endOnFailure: true }),
  300_000,
);

test('an empty company has zeros and a trend of every day, today and the 29 days before by default', async () => {
  const { companyId } = await makeCompany(api.db, { timeZone: 'Pacific/Kiritimati' });
  const manager = await api.as('manager', companyId);
  const { data } = (await manager.get('/metrics/exec/csr/overview')).body;
  const today = dayIn('Pacific/Kiritimati', new Date());
  expect(data.trend).toHaveLength(30);
  expect(data.trend[0].date).toBe(addDays(today, -29));
  expect(data.trend.at(-1)).toEqual({
    date: today,
    total_calls: 0,
    qualified_calls: 0,
    booked_calls: 0,
    booking_rate: 0,
    qualified_rate: 0,
  });
  expect(data).toMatchObject({ total_calls: 0, booking_rate: 0, avg_compliance_score: 0, by_csr: [] });
  expect(data.top_missed_booking_reason).toBeNull();
  const sales = (await manager.get('/metrics/exec/sales/overview')).body.data;
  expect(sales).toMatchObject({ total_appointments: 0, win_rate: 0, team_win_rate: 0, by_rep: [] });
  expect(sales.trend).toHaveLength(30);
});

test('any range of days is answered: all of the past, and days that are still to come', async () => {
  const { companyId } = await makeCompany(api.db);
  const manager = await api.as('manager', companyId);
  const read = async (query: string) => (await manager.get(`/metrics/exec/csr/overview?${query}`)).body.data;
  const all = await read('date_from=2000-01-01&date_to=2030-12-31');
  expect([all.total_calls, all.trend.length, all.trend.at(-1).date]).toEqual([0, 11_323, '2030-12-31']);
  const future = await read('date_from=2099-01-01');
  expect(future).toMatchObject({ date_from: '2099-01-01', date_to: '2099-01-01', total_calls: 0 });
  expect(future.trend).toHaveLength(1);
});

test('a range that is no range is refused, naming the field', async () => {
  const { companyId } = await makeCompany(api.db);
  const manager = await api.as('manager', companyId);
  for (const query of [
    'date_from=2026-03-02&date_to=2026-03-01',
    'date_from=2026-02-30',
    'date_from=yesterday',
    'date_from=1900-01-01&date_to=2900-01-01',
  ]) {
    const answer = await manager.get(`/metrics/exec/csr/overview?${query}`);
    expect([query, answer.status, answer.body.errors?.[0]?.path]).toEqual([query, 422, 'date_from']);
  }
});

test('each role has the overviews that the contract gives it', async () => {
  const { companyId } = await makeCompany(api.db);
  const paths = ['csr/overview/self', 'sales/rep/overview/self', 'exec/csr/overview', 'exec/sales/overview'];
  const expected = {
    csr: [200, 403, 403, 403],
    sales_rep: [403, 200, 403, 403],
    manager: [200, 200, 200, 200],
    executive: [200, 200, 200, 200],
    admin: [403, 403, 403, 403],
  } as const;
  for (const role of ['csr', 'sales_rep', 'manager', 'executive', 'admin'] as const) {
    const caller = await api.as(role, companyId);
    const statuses = await Promise.all(paths.map(async (path) => (await caller.get(`/metrics/${path}`)).status));
    expect([role, ...statuses]).toEqual([role, ...expected[role]]);
  }
});
