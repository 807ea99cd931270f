/** Appointments that a person should look at, and visits of appointments that will not take place. */
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { webhookDeliveries } from '../../src/db/schema/index.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;
/** Saturday at nine in New York. */
const NINE = '2026-03-14T09:00:00-04:00';

let api: ApiApp;
let rows: CompanyRows;
let manager: Caller;
let rep: Caller;

beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());

beforeEach(async () => {
  rows = await makeCompany(api.db);
  await rows.user('rep', 'sales_rep');
  await rows.user('rep-2', 'sales_rep');
  manager = await api.as('manager', rows.companyId);
  rep = await api.as('sales_rep', rows.companyId, 'rep');
});

type Lead = Awaited<ReturnType<CompanyRows['lead']>>;

/** What becomes of a call whose analysis is corrected to booked. */
async function booked(date: string | null, { lead, repId = 'rep' }: { lead?: Lead; repId?: string } = {}) {
  const call = await rows.call(lead ?? (await rows.lead()));
  await rows.analysis(call.id, {
    qualification: 'hot',
    bookingStatus: 'not_booked',
    appointmentDate: date,
    assignedRepId: repId,
  });
  const fields = { booking_status: 'booked', reason: 'heard it myself' };
  expect((await manager.patch(`/calls/${call.id}/analysis`, fields)).status).toBe(200);
  const all = await manager.get(`/appointments?lead_id=${call.leadId}&limit=200`);
  return all.body.data.items.find((each: { call_id: string }) => each.call_id === call.id);
}
const reread = async (id: string) => (await manager.get(`/appointments/${id}`)).body.data;
const marked = async () =>
  (await manager.get('/appointments?review=true')).body.data.items.map(({ id }: { id: string }) => id);

describe('a booking by a call', () => {
  it('is not marked where nothing is doubtful, and keeps the date as it was said', async () => {
    const made = await booked('2026-03-14T09:00:00');
    expect(made).toMatchObject({ scheduled_start: '2026-03-14T13:00:00.000Z', review: null });
    expect(made.said_date).toBe('2026-03-14T09:00:00');
    expect((await booked('some time on Saturday')).said_date).toBe('some time on Saturday');
  });

  it('is a possible duplicate where the contact has an appointment at that time', async () => {
    const lead = await rows.lead();
    const first = await booked(NINE, { lead });
    const second = await booked(NINE, { lead });
    expect(first.review).toBeNull();
    expect(second.review).toMatchObject({ reason: 'possible_duplicate', appointment_id: first.id });
    expect(await marked()).toEqual([second.id]);
    expect((await manager.get('/appointments?review=false')).body.data.total).toBe(1);
    // Once one of the two is cancelled there is nothing left to look at.
    await manager.patch(`/appointments/${first.id}`, { status: 'cancelled' });
    expect((await reread(second.id)).review).toBeNull();
  });

  it('is marked as the second open one where the contact has an appointment at another time', async () => {
    const lead = await rows.lead();
    const first = await booked(NINE, { lead });
    const second = await booked('2026-03-17T10:00:00-04:00', { lead });
    expect(second.review).toMatchObject({ reason: 'second_open_appointment', appointment_id: first.id });
  });

  it('is made and marked where its rep is taken', async () => {
    const first = await booked(NINE);
    const second = await booked('2026-03-14T09:30:00-04:00');
    expect(second.review).toMatchObject({ reason: 'overlap', appointment_id: first.id });
    await manager.patch(`/appointments/${second.id}`, { assigned_rep_id: 'rep-2' });
    expect((await reread(second.id)).review).toBeNull();
  });

  it('is marked where it starts in the night, until it is moved or a person says it is right', async () => {
    const moved = await booked('2026-07-10T03:00:00');
    const kept = await booked('2026-07-10T09:00:00Z');
    expect([moved.review.reason, kept.review.reason]).toEqual(['unusual_hour', 'unusual_hour']);
    expect(kept.scheduled_start).toBe('2026-07-10T09:00:00.000Z');
    expect(await marked()).toHaveLength(2);
    await manager.patch(`/appointments/${moved.id}`, { scheduled_start: '2026-07-10T10:00:00' });
    expect(await reread(moved.id)).toMatchObject({ scheduled_start: '2026-07-10T14:00:00.000Z', review: null });
    await manager.patch(`/appointments/${kept.id}`, { review: null });
    await manager.patch(`/appointments/${kept.id}`, { location: '1 Main St' });
    expect((await reread(kept.id)).review).toBeNull();
    expect((await manager.patch(`/appointments/${kept.id}`, { review: { reason: 'overlap' } })).status).toBe(422);
  });
});

describe('a booked lead whose last open appointment will not take place', () => {
  it.each(['cancelled', 'no_show'])('is found by the appointment that is %s', async (status) => {
    const made = await booked(NINE);
    await manager.patch(`/appointments/${made.id}`, { status });
    const { review } = await reread(made.id);
    expect(review.reason).toBe('no_open_appointment');
    expect(await marked()).toEqual([made.id]);
    const leads = await manager.get('/leads?status=qualified_booked&has_open_appointment=false');
    expect(leads.body.data.items.map(({ id }: { id: string }) => id)).toEqual([made.lead_id]);
    expect((await manager.get('/leads?has_open_appointment=true')).body.data.total).toBe(0);
    await manager.post('/appointments', { lead_id: made.lead_id, scheduled_start: '2026-03-20T10:00:00' });
    expect(await marked()).toEqual([]);
  });

  it('is no longer one once a person gives the lead up', async () => {
    const made = await booked(NINE);
    await manager.patch(`/appointments/${made.id}`, { status: 'cancelled' });
    await manager.patch(`/leads/${made.lead_id}`, { status: 'closed_lost' });
    expect(await marked()).toEqual([]);
  });

  it('is not marked when the appointment is moved', async () => {
    const made = await booked(NINE);
    await manager.post(`/appointments/${made.id}/reschedule`, { scheduled_start: '2026-03-20T10:00:00' });
    expect(await marked()).toEqual([]);
  });
});

describe('a visit', () => {
  const start = (id: string) => rep.post('/recordings/sessions/start', { appointment_id: id });

  it('of an appointment that was moved is refused and names the one at the end of the chain', async () => {
    const { id } = await booked(NINE);
    const move = async (from: string, scheduled_start: string) =>
      (await manager.post(`/appointments/${from}/reschedule`, { scheduled_start })).body.data.id;
    const last = await move(await move(id, '2026-03-15T10:00:00'), '2026-03-16T10:00:00');
    expect(await start(id)).toMatchObject({
      status: 409,
      body: { code: 'appointment_over', appointment_id: last },
    });
    expect((await start(last)).status).toBe(201);
  });

  it.each(['cancelled', 'completed', 'no_show'])('of one that is %s is refused', async (status) => {
    const { id } = await booked(NINE);
    await manager.patch(`/appointments/${id}`, { status });
    const refused = await start(id);
    expect([refused.status, refused.body.code, refused.body.appointment_id]).toEqual([
      409,
      'appointment_over',
      undefined,
    ]);
  });

  it('goes on with the session that is open, whatever became of the appointment', async () => {
    const { id } = await booked(NINE);
    const open = await start(id);
    await manager.patch(`/appointments/${id}`, { status: 'cancelled' });
    expect(await start(id)).toMatchObject({ status: 200, body: { data: { id: open.body.data.id } } });
  });

  it.each([
    'https://acme-visits.s3.us-east-2.amazonaws.com/a.mp3',
    'https://s3.eu-central-1.amazonaws.com/acme/a.mp3',
    'https://acme.s3.dualstack.us-east-2.amazonaws.com/a.mp3',
    'https://s3.amazonaws.com/acme/New Recording 12.m4a',
  ])('may be stored as %s', async (audio_url) => {
    const session = await start((await booked(NINE)).id);
    expect((await rep.post(`/recordings/sessions/${session.body.data.id}/stop`, { audio_url })).status).toBe(200);
  });

  it.each(['https://s3.evil.example/a.mp3', 'https://x.us-east-1.elb.amazonaws.com/a.mp3'])(
    'may not be stored as %s',
    async (audio_url) => {
      const session = await start((await booked(NINE)).id);
      expect((await rep.post(`/recordings/sessions/${session.body.data.id}/stop`, { audio_url })).status).toBe(422);
    },
  );
});

describe('outgoing events', () => {
  it('tell each change of an appointment with what it was before', async () => {
    await manager.post('/webhook-endpoints', { url: 'https://crm.example.com/hook' });
    const made = await booked(NINE);
    const moved = await manager.post(`/appointments/${made.id}/reschedule`, { scheduled_start: '2026-03-17T10:00:00' });
    const { id } = moved.body.data;
    await manager.patch(`/appointments/${id}`, { location: '1 Main St' });
    await rep.post('/recordings/sessions/start', { appointment_id: id });
    await manager.patch(`/appointments/${id}`, { status: 'cancelled' });
    await manager.patch(`/appointments/${id}`, { outcome: 'lost' });
    const told = await api.db
      .select({
        type: webhookDeliveries.eventType,
        about: webhookDeliveries.subjectId,
        was: webhookDeliveries.previous,
      })
      .from(webhookDeliveries)
      .where(eq(webhookDeliveries.companyId, rows.companyId))
      .orderBy(webhookDeliveries.sequence);
    const ofAppointments = told.filter(({ type }) => !type.startsWith('lead.') && type !== 'visit.started');
    expect(ofAppointments).toMatchObject([
      { type: 'appointment.created', about: made.id, was: null },
      { type: 'appointment.created', about: id, was: null },
      {
        type: 'appointment.rescheduled',
        about: id,
        was: { id: made.id, status: 'scheduled', scheduled_start: '2026-03-14T13:00:00.000Z' },
      },
      { type: 'appointment.updated', about: id, was: { location: null } },
      { type: 'appointment.cancelled', about: id, was: { status: 'scheduled' } },
      { type: 'appointment.updated', about: id, was: { status: 'cancelled', outcome: 'pending' } },
    ]);
    expect(told.filter(({ type }) => type === 'visit.started')).toHaveLength(1);
    expect(told.find(({ type }) => type === 'lead.updated')?.was).toMatchObject({ status: 'new' });
  });
});
