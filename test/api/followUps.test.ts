/** The queue of callers to call: who comes into it, what takes them out, and what people do about each. */
import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pipelineWaits } from '../../src/config/waits.ts';
import { webhookDeliveries } from '../../src/db/schema/index.ts';
import { callIdOf } from '../../src/domain/callId.ts';
import { applyCallAnalysisEffects } from '../../src/services/analysis/effects.ts';
import { advanceCall } from '../../src/services/calls/advance.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;

let api: ApiApp;
let rows: CompanyRows;
let csr: Caller;
let manager: Caller;
let tracking: string;
let count = 0;

beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());

const phone = () => `+1212555${String(1000 + Math.floor(Math.random() * 8999))}`;

beforeEach(async () => {
  rows = await makeCompany(api.db);
  await rows.user('dana', 'csr');
  csr = await api.as('csr', rows.companyId, 'dana');
  manager = await api.as('manager', rows.companyId);
  const admin = await api.as('admin', undefined);
  for (let tries = 0; ; tries += 1) {
    tracking = phone();
    const made = await admin.post(`/companies/${rows.companyId}/tracking-numbers`, { phone_number: tracking });
    if (made.status === 201) break;
    expect(tries).toBeLessThan(20);
  }
});

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

/** A call as CallRail tells it, folded as its workflow does. @returns its id */
async function call(
  kind: 'missed' | 'completed' | 'incoming',
  caller: string,
  { hours, ...fields }: { hours: number } & Record<string, unknown>,
) {
  count += 1;
  const providerCallId = `FU${count}`;
  const body = { call_id: providerCallId, tracking_number: tracking, caller_number: caller, ...fields };
  const told = await api.request(`/api/v1/callrail/call.${kind}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, timestamp: hoursAgo(hours) }),
  });
  expect(told.status).toBe(200);
  await fold(providerCallId);
  return callIdOf(rows.companyId, providerCallId);
}

async function fold(providerCallId: string, callMaxSeconds = 14_400) {
  const waits = { ...pipelineWaits(api.config), callMaxSeconds };
  await advanceCall(api.db, api.config, { companyId: rows.companyId, providerCallId, waits });
}

async function analyzed(callId: string, bookingStatus: 'booked' | 'not_booked', category?: string) {
  const objections = category ? [{ category, text: null, overcome: false, severity: null }] : [];
  await rows.analysis(callId, { qualification: 'hot', bookingStatus, objections });
  await api.db.transaction((tx) => applyCallAnalysisEffects(tx, { companyId: rows.companyId, callId }));
}

const list = async (query = '') => (await csr.get(`/follow-ups?limit=200&${query}`)).body.data;

describe('a caller nobody answered', () => {
  it('is in the queue once, with the newest of their calls and the age of the first', async () => {
    const caller = phone();
    await call('missed', caller, { hours: 3 });
    const second = await call('completed', caller, { hours: 1, answered: false, voicemail: true });
    const { items, total } = await list('status=open');
    expect(total).toBe(1);
    expect(items[0]).toMatchObject({
      kind: 'voicemail',
      contact: { phone_number: caller },
      call_id: second,
      status: 'open',
      overdue: false,
      suggested_step: 'Listen to the voicemail, then call back.',
      assigned_to: null,
      closed_by: null,
    });
    expect(Date.parse(items[0].due_at) - Date.now()).toBeLessThan(21.1 * 3_600_000);
  });

  it('leaves it when they are spoken to, whichever of the two calls is heard of first', async () => {
    const [before, after] = [phone(), phone()];
    await call('missed', before, { hours: 2 });
    const talk = await call('completed', before, { hours: 1, answered: true, duration: 60 });
    await call('completed', after, { hours: 1, answered: true, duration: 60 });
    await call('missed', after, { hours: 2 });
    expect(await list('status=open,claimed')).toMatchObject({ total: 0 });
    const { items } = await list('status=done');
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ closed_by: 'call', closed_by_call_id: talk });
  });

  it('leaves it when we reach them by calling out', async () => {
    const caller = phone();
    await call('missed', caller, { hours: 2 });
    await call('completed', caller, { hours: 1, answered: true, duration: 60, direction: 'outbound' });
    expect((await list('status=open')).total).toBe(0);
  });

  it('comes back with the next call that nobody answers', async () => {
    const caller = phone();
    await call('missed', caller, { hours: 5 });
    await call('completed', caller, { hours: 4, answered: true, duration: 60 });
    const again = await call('missed', caller, { hours: 1 });
    expect((await list('status=open')).items).toMatchObject([{ call_id: again, kind: 'missed' }]);
  });

  it('is overdue after a day', async () => {
    await call('missed', phone(), { hours: 25 });
    await call('missed', phone(), { hours: 23 });
    expect((await list('overdue=true')).total).toBe(1);
    expect((await list('overdue=false')).total).toBe(1);
    const { data } = (await csr.get('/metrics/csr/overview/self')).body;
    expect(data).toMatchObject({ open_followups: 2, overdue_followups: 1, median_callback_minutes: 0 });
  });

  it('is not in it as spam, as somebody we dialled, or without a number to call', async () => {
    await call('missed', phone(), { hours: 1, spam: true });
    await call('completed', phone(), { hours: 1, answered: false, direction: 'outbound' });
    await call('missed', 'anonymous', { hours: 1 });
    expect((await list()).total).toBe(0);
    await call('completed', 'anonymous', { hours: 1, answered: false, voicemail: true });
    expect((await list()).items[0].suggested_step).toBe('Listen to the voicemail: the caller gave no number.');
  });

  it('is in it when the call is abandoned', async () => {
    await call('incoming', phone(), { hours: 1 });
    await fold(`FU${count}`, 0);
    expect((await list()).items).toMatchObject([{ kind: 'abandoned' }]);
  });
});

describe('a qualified caller who did not book', () => {
  it('is in the queue with what kept them, until they book', async () => {
    const caller = phone();
    const first = await call('completed', caller, { hours: 3, answered: true, duration: 60 });
    await analyzed(first, 'not_booked', 'price');
    const [open] = (await list('reason=unbooked')).items;
    expect(open).toMatchObject({ call_id: first, status: 'open' });
    expect(open.suggested_step).toContain('price');
    const second = await call('completed', caller, { hours: 1, answered: true, duration: 60 });
    await analyzed(second, 'booked');
    expect((await list('status=open')).total).toBe(0);
    expect((await csr.get(`/follow-ups/${open.id}`)).body.data).toMatchObject({ status: 'done', closed_by: 'call' });
  });

  it('leaves it when a person books or gives the lead up', async () => {
    for (const act of [
      (leadId: string) => manager.post('/appointments', { lead_id: leadId, scheduled_start: '2030-01-02T10:00:00' }),
      (leadId: string) => manager.patch(`/leads/${leadId}`, { status: 'closed_lost' }),
    ]) {
      const id = await call('completed', phone(), { hours: 3, answered: true, duration: 60 });
      await analyzed(id, 'not_booked');
      const [open] = (await list('status=open')).items;
      await act(open.lead_id);
      expect((await list('status=open')).total).toBe(0);
    }
  });

  it('comes back when the appointment that a person made is cancelled', async () => {
    const id = await call('completed', phone(), { hours: 3, answered: true, duration: 60 });
    await analyzed(id, 'not_booked');
    const [open] = (await list('status=open')).items;
    const appointment = { lead_id: open.lead_id, scheduled_start: '2030-01-02T10:00:00' };
    const { body } = await manager.post('/appointments', appointment);
    expect((await list('status=open')).total).toBe(0);
    await manager.patch(`/appointments/${body.data.id}`, { status: 'cancelled' });
    expect((await list('status=open')).items).toMatchObject([{ call_id: id, kind: 'unbooked' }]);
  });
});

describe('people', () => {
  it('claim, give back, close, and are asked why when they dismiss', async () => {
    await call('missed', phone(), { hours: 1 });
    const [{ id }] = (await list()).items;
    const patch = async (body: object) => csr.patch(`/follow-ups/${id}`, body);
    expect((await patch({ status: 'claimed' })).body.data).toMatchObject({ status: 'claimed', assigned_to: 'dana' });
    expect((await list('assigned_to=dana')).total).toBe(1);
    expect((await patch({ status: 'open' })).body.data).toMatchObject({ status: 'open', assigned_to: null });
    const refused = await patch({ status: 'dismissed' });
    expect([refused.status, refused.body.errors[0].path]).toEqual([422, 'reason']);
    expect((await patch({ assigned_to: 'nobody' })).status).toBe(422);
    const closed = await patch({ status: 'dismissed', reason: 'Wrong number' });
    expect(closed.body.data).toMatchObject({ status: 'dismissed', reason: 'Wrong number', closed_by: 'dana' });
    const audit = await manager.get(`/audit?subject_id=${id}`);
    expect(audit.body.data.items[0]).toMatchObject({ action: 'follow_up.update', actor_id: 'dana' });
  });

  it('have the last word: what they closed stays closed when the same call is told again', async () => {
    const caller = phone();
    await call('missed', caller, { hours: 1 });
    const [{ id }] = (await list()).items;
    await csr.patch(`/follow-ups/${id}`, { status: 'done', note: 'Reached by mail' });
    await api.request('/api/v1/callrail/call.modified', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ call_id: `FU${count}`, tracking_number: tracking, caller_number: caller, note: 'x' }),
    });
    await fold(`FU${count}`);
    expect((await list('status=open')).total).toBe(0);
  });

  it('do what their role allows', async () => {
    await call('missed', phone(), { hours: 1 });
    const [{ id }] = (await list()).items;
    const rep = await api.as('sales_rep', rows.companyId);
    const executive = await api.as('executive', rows.companyId);
    const stranger = await api.as('manager', (await makeCompany(api.db)).companyId);
    expect((await rep.get('/follow-ups')).status).toBe(403);
    expect((await executive.get(`/follow-ups/${id}`)).status).toBe(200);
    expect((await executive.patch(`/follow-ups/${id}`, { status: 'done' })).status).toBe(403);
    expect((await stranger.patch(`/follow-ups/${id}`, { status: 'done' })).status).toBe(404);
  });
});

it('the median time to call back counts from the first call to the conversation', async () => {
  for (const minutes of [30, 60, 600]) {
    const caller = phone();
    await call('missed', caller, { hours: 20 });
    await call('completed', caller, { hours: 20 - minutes / 60, answered: true, duration: 60 });
  }
  const { data } = (await manager.get('/metrics/exec/csr/overview')).body;
  expect(data).toMatchObject({ open_followups: 0, median_callback_minutes: 60 });
});

it('endpoints are told of missed calls and of follow-ups, and a deleted contact leaves none', async () => {
  await manager.post('/webhook-endpoints', { url: 'https://crm.example.com/hook' });
  const caller = phone();
  await call('missed', caller, { hours: 2 });
  await call('completed', caller, { hours: 1, answered: true, duration: 60 });
  const told = await api.db
    .select({ type: webhookDeliveries.eventType })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.companyId, rows.companyId)))
    .orderBy(webhookDeliveries.sequence);
  expect(told.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['call.missed', 'follow_up.opened', 'follow_up.closed']),
  );
  const [{ contact }] = (await list()).items;
  expect((await manager.delete(`/contacts/${contact.id}`)).status).toBe(204);
  expect((await list()).total).toBe(0);
});
