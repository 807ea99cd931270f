import { randomUUID } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import { DateTime } from 'luxon';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appointments,
  auditLog,
  callTombstones,
  idempotencyKeys,
  leads,
  recordingSessions,
  shunyaJobs,
  webhookEvents,
} from '../../src/db/schema/index.ts';
import { pruneIdempotencyKeys } from '../../src/services/idempotency.ts';
import { storeEvent } from '../../src/services/inbox/store.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;

let api: ApiApp;
let rows: CompanyRows;
let other: CompanyRows;
let csr: Caller;
let manager: Caller;
let rep: Caller;
let stranger: Caller;

beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());

beforeEach(async () => {
  rows = await makeCompany(api.db);
  other = await makeCompany(api.db);
  await rows.user('rep', 'sales_rep');
  await rows.user('rep-2', 'sales_rep');
  csr = await api.as('csr', rows.companyId);
  manager = await api.as('manager', rows.companyId);
  rep = await api.as('sales_rep', rows.companyId, 'rep');
  stranger = await api.as('manager', other.companyId);
});

const ids = (answer: { body: { data: { items: { id: string }[] } } }) => answer.body.data.items.map(({ id }) => id);
const phone = () => `+1555${Math.floor(1_000_000 + Math.random() * 8_999_999)}`;

describe('leads', () => {
  it('are listed newest first, filtered, and only to those whose they are', async () => {
    const hot = await rows.lead({}, { status: 'hot', createdAt: new Date('2026-03-01T12:00:00Z') });
    const warm = await rows.lead(
      {},
      { status: 'warm', createdAt: new Date('2026-03-02T12:00:00Z'), assignedRepId: 'rep' },
    );
    const won = await rows.lead({}, { status: 'closed_won', createdAt: new Date('2026-03-03T04:30:00Z') });
    await rows.appointment({ ...hot, assignedRepId: 'rep' });
    expect(ids(await csr.get('/leads'))).toEqual([won.leadId, warm.leadId, hot.leadId]);
    expect(ids(await csr.get('/leads?status=new,warm,hot'))).toEqual([warm.leadId, hot.leadId]);
    expect(ids(await csr.get('/leads?status=new&status=warm&status=hot'))).toEqual([warm.leadId, hot.leadId]);
    expect(ids(await csr.get('/leads?assigned_rep_id=rep'))).toEqual([warm.leadId]);
    expect(ids(await csr.get(`/leads?contact_id=${won.contactId}`))).toEqual([won.leadId]);
    // 04:30 UTC is still the day before in New York.
    expect(ids(await csr.get('/leads?date_from=2026-03-02&date_to=2026-03-02'))).toEqual([won.leadId, warm.leadId]);
    expect(ids(await rep.get('/leads'))).toEqual([hot.leadId]);
    expect((await rep.get(`/leads/${warm.leadId}`)).status).toBe(404);
    expect((await stranger.get(`/leads/${hot.leadId}`)).status).toBe(404);
    expect((await stranger.patch(`/leads/${hot.leadId}`, { notes: 'x' })).status).toBe(404);
  });

  it('show their contact and calls, and change by people with a trace', async () => {
    const number = phone();
    const { leadId, contactId } = await rows.lead({ phoneNumber: number, name: 'Pat' }, { source: 'Google' });
    const later = await rows.call({ leadId, contactId, startedAt: new Date('2026-03-02') });
    const first = await rows.call({ leadId, contactId, startedAt: new Date('2026-03-01') });
    const read = await csr.get(`/leads/${leadId}`);
    expect(read.body.data).toMatchObject({
      contact: { id: contactId, phone_number: number, name: 'Pat' },
      status: 'new',
      qualification: null,
      source: 'Google',
      call_ids: [first.id, later.id],
      assigned_rep_id: null,
      notes: null,
    });
    const headers = { 'if-match': read.headers.get('etag') ?? '' };
    const changed = await csr.patch(`/leads/${leadId}`, { status: 'hot', notes: 'Call back' }, headers);
    expect(changed.body.data).toMatchObject({ status: 'hot', notes: 'Call back', source: 'Google' });
    expect((await csr.patch(`/leads/${leadId}`, { notes: 'x' }, headers)).status).toBe(412);
    const [row] = await api.db.select().from(leads).where(eq(leads.id, leadId));
    expect(row?.statusSetAt).not.toBeNull();
    const [entry] = await api.db.select().from(auditLog).where(eq(auditLog.subjectId, leadId));
    expect(entry).toMatchObject({
      action: 'lead.update',
      actorId: 'csr',
      details: { status: { from: 'new', to: 'hot' } },
    });

    expect((await csr.patch(`/leads/${leadId}`, { source: 'Bing' })).status).toBe(403);
    const assigned = await manager.patch(`/leads/${leadId}`, {
      assigned_rep_id: 'rep',
      qualification: 'warm',
      notes: '',
    });
    expect(assigned.body.data).toMatchObject({ assigned_rep_id: 'rep', qualification: 'warm', notes: null });
    const unknown = await manager.patch(`/leads/${leadId}`, { assigned_rep_id: 'nobody' });
    expect([unknown.status, unknown.body.errors[0].path]).toEqual([422, 'assigned_rep_id']);
    expect((await manager.patch(`/leads/${leadId}`, { status: 'boiling' })).status).toBe(422);
    expect((await manager.patch(`/leads/${leadId}`, {})).body.data.status).toBe('hot');
  });
});

describe('contacts', () => {
  it('are found by number, where + may be a space, and show what hangs on them', async () => {
    const number = phone();
    const { leadId, contactId } = await rows.lead({ phoneNumber: number });
    const call = await rows.call({ leadId, contactId });
    const theirs = await rows.appointment({ leadId, contactId, assignedRepId: 'rep' });
    await rows.appointment({ leadId, contactId, assignedRepId: 'rep-2' });
    for (const query of [number, encodeURIComponent(number), `%20${number.slice(1)}`, number.slice(2)])
      expect(ids(await csr.get(`/contacts?phone_number=${query}`))).toEqual([contactId]);
    expect((await csr.get('/contacts?phone_number=anonymous')).body.data.total).toBe(0);
    const whole = (await csr.get(`/contacts/${contactId}`)).body.data;
    expect([whole.calls[0].id, whole.leads[0].id, whole.appointments.length]).toEqual([call.id, leadId, 2]);
    const part = (await rep.get(`/contacts/${contactId}`)).body.data;
    expect(part.appointments.map(({ id }: { id: string }) => id)).toEqual([theirs]);
    expect((await stranger.get(`/contacts/${contactId}`)).status).toBe(404);
    expect((await (await api.as('sales_rep', rows.companyId, 'rep-3')).get(`/contacts/${contactId}`)).status).toBe(404);
  });
});

describe('appointments', () => {
  const make = async (body: object = {}) => {
    const { leadId } = await rows.lead();
    return csr.post('/appointments', { lead_id: leadId, scheduled_start: '2026-03-14T09:00:00-04:00', ...body });
  };

  it('are made for a lead of the company', async () => {
    const { leadId, contactId } = await rows.lead({ phoneNumber: phone() });
    const made = await csr.post('/appointments', {
      lead_id: leadId,
      scheduled_start: '2026-03-14T09:00:00-04:00',
      assigned_rep_id: 'rep',
      location: '1 Main St',
    });
    expect([made.status, made.body.data]).toMatchObject([
      201,
      {
        lead_id: leadId,
        call_id: null,
        contact: { id: contactId },
        scheduled_start: '2026-03-14T13:00:00.000Z',
        duration_minutes: 60,
        assigned_rep_id: 'rep',
        location: '1 Main St',
        service_type: null,
        status: 'scheduled',
        outcome: 'pending',
      },
    ]);
    expect((await rep.get(`/appointments/${made.body.data.id}`)).body.data).toEqual(made.body.data);

    // Without an offset it is local time of the company, in New York.
    const local = await make({ scheduled_start: '2026-07-14T09:00:00', assigned_rep_id: null });
    expect(local.body.data.scheduled_start).toBe('2026-07-14T13:00:00.000Z');

    const wrong = async (body: object) => {
      const answer = await make(body);
      return [answer.status, answer.body.errors?.[0]?.path];
    };
    expect((await make({ lead_id: (await other.lead()).leadId })).body).toMatchObject({
      status: 404,
      code: 'not_found',
    });
    expect(await wrong({ lead_id: undefined })).toEqual([422, 'lead_id']);
    expect(await wrong({ assigned_rep_id: 'nobody' })).toEqual([422, 'assigned_rep_id']);
    expect(await wrong({ scheduled_start: '2026-03-14' })).toEqual([422, 'scheduled_start']);
    expect(await wrong({ duration_minutes: 0 })).toEqual([422, 'duration_minutes']);
    expect(await wrong({ scheduled_start: '2026-W11-6T09:00:00Z' })).toEqual([422, 'scheduled_start']);

    for (const sameMoment of ['2027-03-14T09:00Z', '2027-03-14t09:00:00.000z', '20270314T110000+0200']) {
      const { status, body } = await make({ scheduled_start: sameMoment, duration_minutes: null });
      expect([status, body.data.scheduled_start]).toEqual([201, '2027-03-14T09:00:00.000Z']);
      expect(body.data.duration_minutes).toBe(60);
    }
  });

  it('do not overlap for one rep, unless forced', async () => {
    const at = (time: string) => ({ scheduled_start: `2026-05-01T${time}:00Z`, assigned_rep_id: 'rep' });
    const first = await make(at('10:00'));
    expect(first.status).toBe(201);
    const clash = await make(at('10:59'));
    expect([clash.status, clash.body.code]).toEqual([409, 'rep_double_booked']);
    expect((await make({ ...at('09:00'), duration_minutes: 61 })).status).toBe(409);
    expect((await make({ ...at('10:15'), duration_minutes: 5 })).status).toBe(409);
    expect((await make(at('11:00'))).status).toBe(201);
    expect((await make(at('09:00'))).status).toBe(201);
    expect((await make({ ...at('10:00'), assigned_rep_id: 'rep-2' })).status).toBe(201);
    expect((await make({ ...at('10:00'), assigned_rep_id: null })).status).toBe(201);
    const forced = await make({ ...at('10:30'), force: true });
    expect(forced.status).toBe(201);

    // What overlaps by force can still be changed otherwise; and cancelling frees the time.
    const path = `/appointments/${forced.body.data.id}`;
    expect((await csr.patch(path, { location: 'Elsewhere' })).status).toBe(200);
    expect((await csr.patch(path, { duration_minutes: 90 })).status).toBe(409);
    expect((await csr.patch(path, { duration_minutes: 90, force: true })).status).toBe(200);
    expect((await csr.patch(path, { status: 'cancelled' })).status).toBe(200);
    expect((await csr.patch(path, { status: 'scheduled' })).status).toBe(409);
    await csr.patch(`/appointments/${first.body.data.id}`, { status: 'cancelled' });
    expect((await make({ ...at('10:10'), duration_minutes: 50 })).status).toBe(201);
  });

  it('do not overlap when made at the same time', async () => {
    const body = { scheduled_start: '2026-06-01T10:00:00Z', assigned_rep_id: 'rep' };
    const answers = await Promise.all(Array.from({ length: 6 }, () => make(body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
  });

  it('are listed by days of the company, through a change of clocks, by start', async () => {
    const at = (iso: string | null) => rows.appointment({ scheduledStart: iso ? new Date(iso) : null });
    const none = await at(null);
    const lastOfSeventh = await at('2026-03-08T04:59:59.999Z');
    const firstOfEighth = await at('2026-03-08T05:00:00Z');
    // The 8th has 23 hours in New York.
    const lastOfEighth = await at('2026-03-09T03:59:59.999Z');
    const firstOfNinth = await at('2026-03-09T04:00:00Z');
    expect(ids(await csr.get('/appointments?date=2026-03-08'))).toEqual([firstOfEighth, lastOfEighth]);
    expect(ids(await csr.get('/appointments?date_from=2026-03-08'))).toEqual([
      firstOfEighth,
      lastOfEighth,
      firstOfNinth,
    ]);
    expect(ids(await csr.get('/appointments?date_to=2026-03-07'))).toEqual([lastOfSeventh]);
    expect(ids(await csr.get('/appointments?unscheduled=true'))).toEqual([none]);
    const all = [lastOfSeventh, firstOfEighth, lastOfEighth, firstOfNinth, none];
    expect(ids(await csr.get('/appointments'))).toEqual(all);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await csr.get(`/appointments?limit=1&cursor=${cursor}`);
      expect(page.body.data.total).toBe(5);
      paged.push(...ids(page));
      cursor = page.body.data.next_cursor;
    }
    expect(paged).toEqual(all);
    expect((await csr.get('/appointments?date=tomorrow')).status).toBe(422);
    expect((await csr.get('/appointments?date=1999-01-01')).body).toEqual({
      data: { items: [], total: 0, next_cursor: null },
    });
  });

  it('of today are those assigned to me', async () => {
    const noon = DateTime.now().setZone('America/New_York').set({ hour: 12, minute: 0 });
    const mine = await rows.appointment({ scheduledStart: noon.toJSDate(), assignedRepId: 'rep' });
    await rows.appointment({ scheduledStart: noon.toJSDate(), assignedRepId: 'rep-2' });
    await rows.appointment({ scheduledStart: noon.plus({ days: 1 }).toJSDate(), assignedRepId: 'rep' });
    await rows.appointment({ scheduledStart: noon.minus({ days: 1 }).toJSDate(), assignedRepId: 'rep' });
    expect(ids(await rep.get('/appointments/today/self'))).toEqual([mine]);
    expect(ids(await csr.get('/appointments/today/self'))).toEqual([]);
  });

  it('are a rep’s own to see, and the outcome to set', async () => {
    const { leadId, contactId } = await rows.lead();
    const mine = await rows.appointment({ leadId, contactId, assignedRepId: 'rep' });
    const theirs = await rows.appointment({ leadId, contactId, assignedRepId: 'rep-2' });
    expect(ids(await rep.get('/appointments'))).toEqual([mine]);
    expect((await rep.get(`/appointments/${theirs}`)).status).toBe(404);
    expect((await rep.patch(`/appointments/${theirs}`, { outcome: 'won' })).status).toBe(404);
    expect((await rep.patch(`/appointments/${mine}`, { status: 'confirmed' })).status).toBe(403);
    expect((await rep.patch(`/appointments/${mine}`, { outcome: 'won', location: 'x' })).status).toBe(403);
    const read = await rep.get(`/appointments/${mine}`);
    const won = await rep.patch(
      `/appointments/${mine}`,
      { outcome: 'won' },
      { 'if-match': read.headers.get('etag') ?? '' },
    );
    expect([won.status, won.body.data]).toMatchObject([200, { outcome: 'won', status: 'completed' }]);
    expect((await csr.get(`/leads/${leadId}`)).body.data.status).toBe('closed_won');
    const [row] = await api.db.select().from(appointments).where(eq(appointments.id, mine));
    expect(row?.outcomeByPerson).toBe(true);
    const executive = await api.as('executive', rows.companyId);
    expect((await executive.get(`/appointments/${mine}`)).status).toBe(200);
    expect((await executive.patch(`/appointments/${mine}`, { outcome: 'lost' })).status).toBe(403);
  });

  it('move with what is named, and nothing else', async () => {
    const made = (await make({ assigned_rep_id: 'rep', location: 'A', service_type: 'Roof' })).body.data;
    const path = `/appointments/${made.id}`;
    const moved = await manager.patch(path, { scheduled_start: '2026-07-01T12:00:00Z', assigned_rep_id: 'rep-2' });
    expect(moved.body.data).toMatchObject({
      scheduled_start: '2026-07-01T12:00:00.000Z',
      assigned_rep_id: 'rep-2',
      location: 'A',
      service_type: 'Roof',
      status: 'scheduled',
    });
    expect((await manager.patch(path, { assigned_rep_id: null, location: null })).body.data).toMatchObject({
      assigned_rep_id: null,
      location: null,
    });
    expect((await manager.patch(path, { assigned_rep_id: 'nobody' })).status).toBe(422);
    expect((await stranger.patch(path, { location: 'x' })).status).toBe(404);
  });

  it('are replaced by one at another time, and make a chain', async () => {
    const at = (time: string) => ({ scheduled_start: `2026-05-02T${time}:00Z` });
    const first = (await make({ ...at('10:00'), assigned_rep_id: 'rep', location: '1 Main St', service_type: 'Roof' }))
      .body.data;
    const reschedule = (id: string, body: object, who = csr) => who.post(`/appointments/${id}/reschedule`, body);
    expect((await reschedule(first.id, at('10:30'), rep)).status).toBe(403);
    expect((await reschedule(first.id, at('10:30'), stranger)).status).toBe(404);
    const wrong = await reschedule(first.id, { ...at('10:30'), assigned_rep_id: 'nobody' });
    expect([wrong.status, wrong.body.errors?.[0]?.path]).toEqual([422, 'assigned_rep_id']);
    expect((await csr.get(`/appointments/${first.id}`)).body.data).toEqual(first);

    // Its own time is free for it; another's is not.
    const second = await reschedule(first.id, at('10:30'));
    expect([second.status, second.body.data]).toMatchObject([
      201,
      {
        lead_id: first.lead_id,
        assigned_rep_id: 'rep',
        location: '1 Main St',
        service_type: 'Roof',
        duration_minutes: 60,
      },
    ]);
    expect(second.body.data).toMatchObject({
      rescheduled_from_id: first.id,
      rescheduled_to_id: null,
      status: 'scheduled',
    });
    const replaced = (await csr.get(`/appointments/${first.id}`)).body.data;
    expect(replaced).toMatchObject({
      status: 'cancelled',
      rescheduled_from_id: null,
      rescheduled_to_id: second.body.data.id,
    });
    expect((await make({ ...at('12:00'), assigned_rep_id: 'rep' })).status).toBe(201);
    expect((await reschedule(second.body.data.id, at('12:30'))).body.code).toBe('rep_double_booked');

    // What was replaced is over, and says where it went.
    for (const answer of [
      await reschedule(first.id, at('15:00')),
      await csr.patch(`/appointments/${first.id}`, { status: 'scheduled' }),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([409, 'appointment_over']);
      expect(answer.body.detail).toContain(second.body.data.id);
    }
    await csr.patch(`/appointments/${second.body.data.id}`, { status: 'no_show' });
    const third = await reschedule(second.body.data.id, { ...at('16:00'), assigned_rep_id: null });
    expect(third.body.data).toMatchObject({ rescheduled_from_id: second.body.data.id, assigned_rep_id: null });
    expect((await csr.get(`/appointments/${second.body.data.id}`)).body.data.status).toBe('no_show');
    await csr.patch(`/appointments/${third.body.data.id}`, { status: 'completed' });
    expect((await reschedule(third.body.data.id, at('17:00'))).body.code).toBe('appointment_over');

    // Of two at once one is made.
    const once = (await make(at('18:00'))).body.data;
    const answers = await Promise.all(['19:00', '20:00', '21:00'].map((time) => reschedule(once.id, at(time))));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    // A privacy request takes the whole chain.
    expect((await manager.delete(`/contacts/${first.contact.id}`)).status).toBe(204);
    expect((await csr.get(`/appointments/${third.body.data.id}`)).status).toBe(404);
  });

  it('are made once under an Idempotency-Key', async () => {
    const { leadId } = await rows.lead();
    const body = { lead_id: leadId, scheduled_start: '2026-08-01T09:00:00Z', assigned_rep_id: 'rep' };
    const headers = { 'idempotency-key': randomUUID() };
    const [one, two] = await Promise.all([
      csr.post('/appointments', body, headers),
      csr.post('/appointments', body, headers),
    ]);
    expect([one.status, two.status]).toEqual([201, 201]);
    // To the byte, the order of its fields included.
    expect(JSON.stringify(two.body)).toBe(JSON.stringify(one.body));
    expect((await csr.get(`/appointments?lead_id=${leadId}`)).body.data.total).toBe(1);

    const ofCompany = eq(idempotencyKeys.companyId, rows.companyId);
    const age = (days: number) =>
      api.db
        .update(idempotencyKeys)
        .set({ createdAt: sql`now() - ${days} * interval '1 day'` })
        .where(ofCompany);
    await age(29);
    await pruneIdempotencyKeys(api.db);
    expect((await csr.post('/appointments', body, headers)).body.data.id).toBe(one.body.data.id);
    await age(31);
    await pruneIdempotencyKeys(api.db);
    expect(await api.db.$count(idempotencyKeys, ofCompany)).toBe(0);
  });
});

describe('recording sessions', () => {
  const URL_1 = 'https://s3.amazonaws.com/acme/visit-1.mp3';
  const start = (appointmentId: string, caller = rep) =>
    caller.post('/recordings/sessions/start', { appointment_id: appointmentId, latitude: 40.7, longitude: -74 });
  const eventsOf = (sessionId: string) =>
    api.db
      .select({ route: webhookEvents.route, status: webhookEvents.status })
      .from(webhookEvents)
      .where(eq(webhookEvents.workflowId, `visit:${sessionId}`))
      .orderBy(webhookEvents.sequence);

  it('that start while their contact is deleted are gone with it, or never were', async () => {
    for (let turn = 0; turn < 6; turn += 1) {
      const lead = await rows.lead();
      const appointmentId = await rows.appointment({ ...lead, assignedRepId: 'rep' });
      const started = start(appointmentId);
      const deleted = await manager.delete(`/contacts/${lead.contactId}`);
      expect(deleted.status).toBe(204);
      expect([201, 404]).toContain((await started).status);
      expect(ids(await rep.get(`/recordings/sessions?appointment_id=${appointmentId}`))).toEqual([]);
    }
  });

  it('start once per appointment and stop once', async () => {
    const appointmentId = await rows.appointment({ assignedRepId: 'rep' });
    const starts = await Promise.all([start(appointmentId), start(appointmentId), start(appointmentId)]);
    expect(starts.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    const [{ id }] = starts.map(({ body }) => body.data);
    expect(new Set(starts.map(({ body }) => body.data.id))).toEqual(new Set([id]));
    expect(starts[0]?.body.data).toMatchObject({
      appointment_id: appointmentId,
      status: 'recording',
      stopped_at: null,
      pipeline: { workflow_id: `visit:${id}`, stage: 'awaiting_end', needs_attention: false, reason: null },
      analysis: null,
    });

    const stop = (audioUrl: unknown) => rep.post(`/recordings/sessions/${id}/stop`, { audio_url: audioUrl });
    for (const bad of ['https://evil.example/a.mp3', 'http://169.254.169.254/', 'file:///etc/passwd', 'x', '', 5]) {
      const answer = await stop(bad);
      expect([bad, answer.status, answer.body.errors[0].path]).toEqual([bad, 422, 'audio_url']);
    }
    const pokes = api.state.pokes;
    const stopped = await stop(URL_1);
    expect([stopped.status, stopped.body.data.status]).toEqual([200, 'completed']);
    expect(stopped.body.data.pipeline.stage).toBe('transcribing');
    expect(await stop(URL_1)).toMatchObject({ status: 200, body: stopped.body });
    // A fresh signature names the same object.
    expect(await stop(`${URL_1}?X-Amz-Signature=2`)).toMatchObject({ status: 200, body: stopped.body });
    expect(await stop(`${URL_1}.wav`)).toMatchObject({ status: 409, body: { code: 'session_already_stopped' } });
    expect(api.state.pokes).toBe(pokes + 1);
    expect(await eventsOf(id)).toEqual([
      { route: 'visit.started', status: 'pending' },
      { route: 'visit.stopped', status: 'pending' },
    ]);
    expect(JSON.stringify(stopped.body)).not.toContain(URL_1);

    const second = await start(appointmentId);
    expect([second.status, second.body.data.id === id]).toEqual([201, false]);
    expect(ids(await rep.get(`/recordings/sessions?appointment_id=${appointmentId}`))).toEqual([
      second.body.data.id,
      id,
    ]);
  });

  it('are taken when they stop late', async () => {
    const appointmentId = await rows.appointment({ assignedRepId: 'rep' });
    const id = await rows.visit(appointmentId, {
      status: 'failed',
      stage: 'not_analyzable',
      reason: 'visit_never_stopped',
    });
    const newer = await start(appointmentId);
    expect(newer.status).toBe(201);
    const stopped = await rep.post(`/recordings/sessions/${id}/stop`, { audio_url: URL_1 });
    expect(stopped.body.data).toMatchObject({ status: 'completed', pipeline: { stage: 'transcribing', reason: null } });
    expect(await eventsOf(id)).toEqual([{ route: 'visit.stopped', status: 'pending' }]);
  });

  it('are the rep’s of the appointment', async () => {
    const appointmentId = await rows.appointment({ assignedRepId: 'rep-2' });
    const sessionId = await rows.visit(appointmentId, { status: 'recording', stage: 'awaiting_end' });
    expect((await start(appointmentId)).status).toBe(404);
    expect((await start('unknown')).status).toBe(404);
    expect((await rep.get(`/recordings/sessions/${sessionId}`)).status).toBe(404);
    expect((await rep.post(`/recordings/sessions/${sessionId}/stop`, { audio_url: URL_1 })).status).toBe(404);
    expect(ids(await rep.get('/recordings/sessions'))).toEqual([]);
    expect(ids(await manager.get('/recordings/sessions'))).toEqual([sessionId]);
    expect((await stranger.get(`/recordings/sessions/${sessionId}`)).status).toBe(404);
    expect((await start(appointmentId, manager)).status).toBe(403);
  });

  it('show the newest analysis', async () => {
    const sessionId = await rows.visit(await rows.appointment({ assignedRepId: 'rep' }));
    await rows.visitAnalysis(sessionId, { generation: 1, outcome: 'lost', complianceScore: 0.1 });
    const objections = [{ category: 'price', text: 'Too much', overcome: true, severity: 'high' }];
    await rows.visitAnalysis(sessionId, { generation: 2, outcome: 'won', complianceScore: 0.9, objections });
    expect((await manager.get(`/recordings/sessions/${sessionId}`)).body.data.analysis).toMatchObject({
      outcome: 'won',
      objections,
      sop_compliance: { score: 0.9, stages_followed: [], stages_missed: [] },
      sentiment_score: null,
      summary: null,
    });
  });
});

describe('deletion for privacy', () => {
  /** A contact with one of everything, each part holding the word. */
  const makeAll = async (owner: CompanyRows, word: string) => {
    const { leadId, contactId } = await owner.lead({ phoneNumber: phone(), name: word }, { notes: word });
    const call = await owner.call({ leadId, contactId, recordingUrl: `https://callrail.com/${word}` });
    await owner.analysis(call.id, { summary: word });
    await owner.transcript(call.id, word);
    await owner.run(call.id, { recordingUrl: `https://callrail.com/${word}` });
    const job = {
      id: randomUUID(),
      companyId: owner.companyId,
      subjectKind: 'call' as const,
      subjectId: call.id,
      generation: 1,
      kind: 'transcription' as const,
      state: 'completed' as const,
      idempotencyKey: randomUUID(),
      shunyaCallId: Math.floor(Math.random() * 2 ** 52),
      taskId: randomUUID(),
      result: { text: word },
    };
    await api.db.insert(shunyaJobs).values(job);
    const body = () => Buffer.from(JSON.stringify({ word, id: randomUUID() }));
    const { companyId } = owner;
    const { providerCallId } = call;
    await storeEvent(api.db, {
      source: 'callrail',
      route: 'call.completed',
      status: 'applied',
      companyId,
      providerCallId,
      body: body(),
    });
    await storeEvent(api.db, {
      source: 'shunya',
      route: 'job',
      status: 'applied',
      companyId,
      jobId: job.id,
      body: body(),
    });
    await storeEvent(api.db, { source: 'shunya', route: 'job', status: 'unrouted', taskId: job.taskId, body: body() });
    const appointmentId = await owner.appointment({ leadId, contactId, callId: call.id, location: word });
    const sessionId = await owner.visit(appointmentId, { audioUrl: `https://callrail.com/${word}` });
    await owner.visitAnalysis(sessionId, { summary: word });
    return { leadId, contactId, call, appointmentId, sessionId };
  };

  /** The tables in which a word is found anywhere. */
  const tablesWith = async (word: string) => {
    const tables = await api.db.execute<{ name: string }>(
      sql`select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const hex = Buffer.from(word).toString('hex');
      const [row] = await api.db.execute<{ n: number }>(
        sql`select count(*)::int as n from ${sql.identifier(name)} t where t::text like ${`%${word}%`} or t::text like ${`%${hex}%`}`,
      );
      if (row && row.n > 0) found.push(name);
    }
    return found;
  };

  it('leaves nothing of a contact, and everything of others', async () => {
    const word = `w${randomUUID().replaceAll('-', '')}`;
    const keep = `k${randomUUID().replaceAll('-', '')}`;
    const all = await makeAll(rows, word);
    const kept = await makeAll(rows, keep);
    const tables = await tablesWith(keep);
    expect(tables.length).toBeGreaterThan(9);
    expect(await tablesWith(word)).toEqual(tables);
    await manager.patch(`/leads/${all.leadId}`, { notes: `${word} again` });
    const start = '2026-03-14T09:00:00Z';
    const headers = { 'idempotency-key': randomUUID() };
    await csr.post('/appointments', { lead_id: all.leadId, scheduled_start: start, location: word }, headers);
    expect((await stranger.delete(`/contacts/${all.contactId}`)).status).toBe(404);
    expect((await csr.delete(`/contacts/${all.contactId}`)).status).toBe(403);

    expect((await manager.delete(`/contacts/${all.contactId}`)).status).toBe(204);
    expect(await tablesWith(word)).toEqual([]);
    expect(await tablesWith(keep)).toEqual(tables);
    expect((await manager.delete(`/contacts/${all.contactId}`)).status).toBe(404);
    expect((await manager.get(`/calls/${all.call.id}`)).status).toBe(404);
    expect((await manager.get(`/contacts/${kept.contactId}`)).body.data.calls).toHaveLength(1);
    const tombstones = await api.db
      .select()
      .from(callTombstones)
      .where(and(eq(callTombstones.companyId, rows.companyId)));
    expect(tombstones.map(({ providerCallId }) => providerCallId)).toEqual([all.call.providerCallId]);
    const trail = await api.db.select().from(auditLog).where(eq(auditLog.subjectId, all.contactId));
    expect(trail).toMatchObject([{ action: 'contact.delete', actorId: 'manager', reason: null, details: null }]);
  });

  it('of a call keeps contact, lead and appointment', async () => {
    const word = `w${randomUUID().replaceAll('-', '')}`;
    const all = await makeAll(rows, word);
    const admin = await api.as('admin', undefined);
    expect((await admin.delete(`/calls/${all.call.id}`)).status).toBe(204);
    expect(await tablesWith(word)).toEqual([
      'appointments',
      'contact_cards',
      'leads',
      'recording_analyses',
      'recording_sessions',
    ]);
    expect((await manager.get(`/calls/${all.call.id}`)).status).toBe(404);
    expect((await manager.get(`/appointments/${all.appointmentId}`)).body.data.call_id).toBeNull();
    expect((await manager.get(`/leads/${all.leadId}`)).body.data.call_ids).toEqual([]);
    const sessions = await api.db.select().from(recordingSessions).where(eq(recordingSessions.id, all.sessionId));
    expect(sessions).toHaveLength(1);
  });

  it('keeps late webhooks from bringing a call back', async () => {
    const { call } = await makeAll(rows, 'gone');
    await manager.delete(`/calls/${call.id}`);
    const number = phone();
    const admin = await api.as('admin', undefined);
    await admin.post(`/companies/${rows.companyId}/tracking-numbers`, { phone_number: number });
    const body = JSON.stringify({ call_id: call.providerCallId, tracking_number: number, caller_number: phone() });
    const answer = await api.request('/api/v1/callrail/call.modified', { method: 'POST', body });
    expect(answer.status).toBe(200);
    const events = await api.db
      .select({ status: webhookEvents.status, body: webhookEvents.body })
      .from(webhookEvents)
      .where(eq(webhookEvents.providerCallId, call.providerCallId));
    expect(events.map((event) => [event.status, event.body.length])).toEqual([['applied', 0]]);
  });
});
