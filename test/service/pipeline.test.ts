/** What happens to calls and visits, seen over HTTP only. */
import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  answeredPayload,
  callRailPayload,
  completedPayload,
  createCallRailSender,
  incomingPayload,
  missedPayload,
  modifiedPayload,
  signCallRail,
} from '../../simulators/callrail.ts';
import { openDatabase } from '../../src/db/client.ts';
import { deleteCompany } from '../../src/services/companies/delete.ts';
import { exchange } from '../harness/http.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany, uniquePhone } from '../harness/service.ts';

// A busy machine is no failure.
vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  // Long enough for what comes in time, short enough to see what does not.
  service = await startService({ RECORDING_WAIT_SECONDS: '15', CALL_MAX_SECONDS: '15', VISIT_MAX_SECONDS: '15' });
});
afterAll(async () => {
  await service?.stop();
});

const appointmentsOf = async (company: TestCompany, contactId: string) =>
  (await company.manager.get(`/contacts/${contactId}`)).appointments;
const leadOf = (company: TestCompany, call: { lead_id: string }) => company.manager.get(`/leads/${call.lead_id}`);

describe.concurrent('a call', () => {
  it('that books becomes a contact, a lead, a transcript, an analysis and exactly one appointment', async () => {
    const company = await service.company({ time_zone: 'America/Chicago' });
    await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-7', role: 'sales_rep', name: 'Rep Seven' });
    const csr = { id: 'csr-3', role: 'csr', name: 'Csr Three', email: 'three@example.com' };
    await service.admin.post(`/companies/${company.id}/users`, csr);
    const query = '?rep=rep-7&date=2031-03-04T09:30:00';
    const call = company.simulate({
      recording: recordingLink('booked', query),
      customerName: 'Ada Brook',
      agentEmail: 'THREE@example.com',
      startedAt: new Date('2026-03-02T15:04:05Z'),
    });
    await company.play(call);

    const done = await company.callIn(call, 'done');
    expect(done).toMatchObject({
      provider_call_id: call.id,
      status: 'completed',
      answered: true,
      direction: 'inbound',
      duration_seconds: 184,
      started_at: '2026-03-02T15:04:05.000Z',
      tracking_number: company.trackingNumber,
      csr_id: 'csr-3',
      has_recording: true,
      contact: { phone_number: call.customerNumber, name: 'Ada Brook' },
      pipeline: { workflow_id: company.workflowId(call), needs_attention: false, reason: null, blocked_on: null },
      analysis: {
        qualification: 'hot',
        booking_status: 'booked',
        call_outcome_category: 'qualified_and_booked',
        sop_compliance: { score: 0.92 },
        sentiment_score: 0.86,
        version: 1,
        edited: false,
      },
    });
    expect(done.analysis.objections).toHaveLength(1);

    const transcript = await company.manager.get(`/calls/${done.id}/transcript`);
    expect(transcript.language).toBe('en');
    expect(transcript.turns.length).toBeGreaterThan(3);
    expect(transcript.transcript_text).toContain('You are booked.');

    expect(await leadOf(company, done)).toMatchObject({
      status: 'qualified_booked',
      qualification: 'hot',
      source: 'Website Pool',
      call_ids: [done.id],
      contact: { id: done.contact.id },
    });
    const appointments = await appointmentsOf(company, done.contact.id);
    expect(appointments).toHaveLength(1);
    expect(await company.manager.get(`/appointments/${appointments[0].id}`)).toMatchObject({
      lead_id: done.lead_id,
      call_id: done.id,
      scheduled_start: '2031-03-04T15:30:00.000Z',
      duration_minutes: 60,
      assigned_rep_id: 'rep-7',
      status: 'scheduled',
      outcome: 'pending',
    });
  });

  it('that does not book leaves a warm lead with an objection and no appointment', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('not-booked') });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    expect(done.analysis).toMatchObject({
      qualification: 'warm',
      booking_status: 'not_booked',
      call_outcome_category: 'qualified_but_unbooked',
      objections: [{ category: 'Price', overcome: false }],
    });
    expect((await leadOf(company, done)).status).toBe('warm');
    expect(await appointmentsOf(company, done.contact.id)).toEqual([]);
  });

  it('that nobody answered is done at once, with a new lead and nothing sent to Shunya', async () => {
    const company = await service.company();
    const call = company.simulate({ durationSeconds: 12, answered: false });
    await company.play(call, ['incoming', 'missed']);
    const done = await company.callIn(call, 'done');
    expect(done).toMatchObject({ status: 'missed', answered: false, analysis: null, has_recording: false });
    expect((await leadOf(company, done)).status).toBe('new');
    expect(await company.jobs(call)).toEqual([]);
  });

  it('that went to voicemail is analyzed', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false, voicemail: true, recording: recordingLink('warm') });
    await company.play(call, ['incoming', 'missed']);
    expect(await company.callIn(call, 'done')).toMatchObject({
      status: 'voicemail',
      answered: false,
      analysis: { qualification: 'warm' },
    });
  });

  it('waits for a recording that comes late', async () => {
    const company = await service.company();
    const call = company.simulate();
    await company.play(call);
    const waiting = await company.callIn(call, 'awaiting_recording');
    expect(waiting.analysis).toBeNull();
    await company.play({ ...call, recording: recordingLink('booked') }, ['modified']);
    const done = await company.callIn(call, 'done');
    expect(done.id).toBe(waiting.id);
    expect(await appointmentsOf(company, done.contact.id)).toHaveLength(1);
  });

  it('whose recording does not come in time is not analyzable, and is analyzed when it comes after all', async () => {
    const company = await service.company();
    const call = company.simulate();
    await company.play(call, ['completed']);
    const given = await company.callIn(call, 'not_analyzable');
    expect(given.pipeline.reason).toBe('no_recording_in_time');
    await company.play({ ...call, recording: recordingLink('cold') }, ['modified']);
    expect(await company.callIn(call, 'done')).toMatchObject({
      analysis: { qualification: 'cold' },
      pipeline: { reason: null },
    });
  });

  it('without speech is not analyzable', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('silence') });
    await company.play(call);
    const given = await company.callIn(call, 'not_analyzable');
    expect(given).toMatchObject({ analysis: null, pipeline: { reason: 'no_speech', needs_attention: false } });
    expect((await company.jobs(call)).map((job) => job.kind)).toEqual(['transcription']);
  });

  it('with a recording on a host that is not allowed is not analyzable, and its link is never sent', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: 'https://169.254.169.254/latest/booked.mp3' });
    await company.play(call);
    const given = await company.callIn(call, 'not_analyzable');
    expect(given.pipeline.reason).toBe('recording_host_not_allowed');
    expect(await company.jobs(call)).toEqual([]);
  });

  it('that never ends is closed as abandoned, and an end that comes after all counts', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('warm') });
    await company.play(call, ['incoming', 'answered']);
    expect((await company.callIn(call, 'awaiting_end')).status).toBe('in_progress');
    expect((await company.callIn(call, 'done')).status).toBe('abandoned');
    await company.play(call, ['completed']);
    await eventually(async () => expect((await company.findCall(call)).analysis?.qualification).toBe('warm'));
    expect((await company.findCall(call)).status).toBe('completed');
  });

  it('is not ended by a completed event that says it is in progress', async () => {
    const company = await service.company();
    const call = company.simulate();
    await company.play(call, ['incoming']);
    await company.sender.completed({ ...completedPayload(call), call_type: 'in_progress', duration: '0' });
    await eventually(async () => expect((await company.findCall(call)).status).toBe('in_progress'));
    expect((await company.findCall(call)).pipeline.stage).toBe('awaiting_end');
  });

  it('that comes in the short form is the same kind of call', async () => {
    const company = await service.company();
    const id = `short-${randomBytes(4).toString('hex')}`;
    const [, area, exchangeCode, line] = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(uniquePhone()) ?? [];
    const short = {
      call_id: id,
      caller_number: `(${area}) ${exchangeCode}-${line}`,
      tracking_number: company.trackingNumber,
      recording_url: recordingLink('booked'),
      duration: '95',
      answered: true,
      timestamp: '2026-03-02T15:04:05',
    };
    expect((await company.sender.completed(short)).body).toMatchObject({ status: 'accepted', duplicate: false });
    const call = company.simulate({ id, customerNumber: `+1${area}${exchangeCode}${line}` });
    expect(await company.callIn(call, 'done')).toMatchObject({
      duration_seconds: 95,
      started_at: '2026-03-02T15:04:05.000Z',
      status: 'completed',
    });
  });

  it('from a caller who called before feeds the same lead, which it can only raise', async () => {
    const company = await service.company();
    const first = company.simulate({ recording: recordingLink('warm') });
    await company.play(first);
    const before = await company.callIn(first, 'done');
    const second = company.simulate({ recording: recordingLink('cold'), customerNumber: first.customerNumber });
    await company.play(second);
    const after = await company.callIn(second, 'done');
    expect(after.lead_id).toBe(before.lead_id);
    expect(await leadOf(company, after)).toMatchObject({ status: 'warm', call_ids: expect.any(Array) });
    const third = company.simulate({ recording: recordingLink('booked'), customerNumber: first.customerNumber });
    await company.play(third);
    await company.callIn(third, 'done');
    const lead = await leadOf(company, after);
    expect(lead.status).toBe('qualified_booked');
    expect(lead.call_ids).toHaveLength(3);
  });

  it('from an anonymous caller is never merged with another', async () => {
    const company = await service.company();
    const ids = [company.simulate(), company.simulate()].map(async (given) => {
      const call = { ...given, customerNumber: 'anonymous', answered: false };
      await company.play(call, ['missed']);
      const { items } = await eventually(async () => {
        const list = await company.manager.get('/calls');
        // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
        expect(list.items.map((item: any) => item.provider_call_id)).toContain(call.id);
        return list;
      });
      // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
      return items.find((item: any) => item.provider_call_id === call.id);
    });
    const [one, other] = await Promise.all(ids);
    expect(one.contact.phone_number).toBeNull();
    expect(one.contact.id).not.toBe(other.contact.id);
    expect(one.lead_id).not.toBe(other.lead_id);
  });

  it('that is done takes a note later without another analysis or appointment', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('booked') });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    const noted = await company.sender.modified({
      ...modifiedPayload(call, ['note']),
      note: 'call back',
      duration: '185',
    });
    expect(noted.status).toBe(200);
    await eventually(async () => expect((await company.findCall(call)).duration_seconds).toBe(185));
    await eventually(async () => expect((await company.findCall(call)).pipeline.stage).toBe('done'));
    expect((await company.findCall(call)).analysis).toEqual(done.analysis);
    expect(await appointmentsOf(company, done.contact.id)).toHaveLength(1);
    expect(await company.jobs(call)).toHaveLength(2);
  });

  it('that is analyzed anew runs both steps under a new generation, and a correction by a person stays', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('booked') });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    await company.manager.patch(`/calls/${done.id}/analysis`, { qualification: 'cold', reason: 'I was there' });
    await company.manager.post(`/calls/${done.id}/reanalyze`, { reason: 'A better model' }, { status: 202 });
    await eventually(async () => expect((await company.jobs(call)).map((job) => job.state)).toHaveLength(4));
    const again = await company.callIn(call, 'done');
    expect(again.analysis).toMatchObject({ qualification: 'cold', booking_status: 'booked', edited: true });
    expect(again.analysis.version).toBeGreaterThan(done.analysis.version);
    const jobs = await company.jobs(call);
    expect(jobs.map((job) => job.generation)).toEqual([1, 1, 2, 2]);
    expect(new Set(jobs.map((job) => job.shunya_call_id)).size).toBe(2);
    expect(await appointmentsOf(company, done.contact.id)).toHaveLength(1);
  });
});

describe.concurrent('a visit', () => {
  async function booked(words = 'booked') {
    const company = await service.company();
    await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
    const call = company.simulate({ recording: recordingLink(words, '?rep=rep-1') });
    await company.play(call);
    const done = await company.callIn(call, 'done');
    const [appointment] = await appointmentsOf(company, done.contact.id);
    return { company, lead: done.lead_id, appointment: appointment.id, rep: company.as('sales_rep', 'rep-1') };
  }
  type Rep = Awaited<ReturnType<typeof booked>>['rep'];
  const start = (rep: Rep, appointment: string) =>
    rep.post('/recordings/sessions/start', { appointment_id: appointment, latitude: 41.9, longitude: -87.6 });
  const sessionIn = (rep: Rep, id: string, stage: string) =>
    eventually(async () => {
      const session = await rep.get(`/recordings/sessions/${id}`);
      expect(session.pipeline.stage).toBe(stage);
      return session;
    });

  it.each([
    ['won', 'completed', 'closed_won'],
    ['lost', 'completed', 'closed_lost'],
    ['pending', 'scheduled', 'qualified_booked'],
  ])('that ends as %s gives the appointment its outcome and the lead its end', async (outcome, status, lead) => {
    const visit = await booked();
    const session = await start(visit.rep, visit.appointment);
    expect(session).toMatchObject({ status: 'recording', pipeline: { stage: 'awaiting_end' }, analysis: null });
    const audio = { audio_url: recordingLink(`visit-${outcome}`) };
    const stopped = await visit.rep.post(`/recordings/sessions/${session.id}/stop`, audio);
    expect(stopped.status).toBe('completed');
    const done = await sessionIn(visit.rep, session.id, 'done');
    expect(done.analysis.outcome).toBe(outcome);
    expect(await visit.rep.get(`/appointments/${visit.appointment}`)).toMatchObject({ outcome, status });
    expect((await visit.company.manager.get(`/leads/${visit.lead}`)).status).toBe(lead);

    const repeated = await visit.rep.post(`/recordings/sessions/${session.id}/stop`, audio, { status: 200 });
    expect(repeated.analysis.outcome).toBe(outcome);
  });

  it('that nobody stops is closed as failed, and a late stop is still analyzed', async () => {
    const visit = await booked();
    const session = await start(visit.rep, visit.appointment);
    const closed = await sessionIn(visit.rep, session.id, 'not_analyzable');
    expect(closed).toMatchObject({ status: 'failed', pipeline: { reason: 'visit_never_stopped' } });
    const audio = { audio_url: recordingLink('visit-won') };
    await visit.rep.post(`/recordings/sessions/${session.id}/stop`, audio, { status: 200 });
    const done = await sessionIn(visit.rep, session.id, 'done');
    expect(done).toMatchObject({ status: 'completed', analysis: { outcome: 'won' } });
    expect((await visit.company.manager.get(`/leads/${visit.lead}`)).status).toBe('closed_won');
  });

  it('without speech is not analyzable and leaves the appointment as it was', async () => {
    const visit = await booked();
    const session = await start(visit.rep, visit.appointment);
    await visit.rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: recordingLink('silence') });
    const given = await sessionIn(visit.rep, session.id, 'not_analyzable');
    expect(given.pipeline.reason).toBe('no_speech');
    expect(await visit.rep.get(`/appointments/${visit.appointment}`)).toMatchObject({
      outcome: 'pending',
      status: 'scheduled',
    });
  });

  it('after another one sets the outcome anew, and an outcome that a person set is final', async () => {
    const visit = await booked();
    const first = await start(visit.rep, visit.appointment);
    await visit.rep.post(`/recordings/sessions/${first.id}/stop`, { audio_url: recordingLink('visit-pending') });
    await sessionIn(visit.rep, first.id, 'done');
    const second = await start(visit.rep, visit.appointment);
    expect(second.id).not.toBe(first.id);
    await visit.rep.patch(`/appointments/${visit.appointment}`, { outcome: 'lost' });
    await visit.rep.post(`/recordings/sessions/${second.id}/stop`, { audio_url: recordingLink('visit-won') });
    expect((await sessionIn(visit.rep, second.id, 'done')).analysis.outcome).toBe('won');
    expect((await visit.rep.get(`/appointments/${visit.appointment}`)).outcome).toBe('lost');
    expect((await visit.company.manager.get(`/leads/${visit.lead}`)).status).toBe('closed_lost');
  });
});

describe.concurrent('a CallRail webhook', () => {
  const eventsOf = async (query: string, caller = service.admin) =>
    (await caller.get(`/webhook-events?${query}`)).items;

  it('is answered with the stored event when the same bytes come to the same route again, and has no other effect', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('booked') });
    const body = JSON.stringify(completedPayload(call));
    const first = await company.sender.send('completed', body);
    expect(first.body).toEqual({ status: 'accepted', event_id: expect.any(String), duplicate: false });
    const done = await company.callIn(call, 'done');
    const again = await Promise.all([1, 2, 3].map(() => company.sender.send('completed', body)));
    for (const answer of again) {
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ ...(first.body as object), duplicate: true });
    }
    // The same bytes on another route are another event.
    const modified = await company.sender.send('modified', body);
    expect(modified.body).toMatchObject({ status: 'accepted', duplicate: false });
    await eventually(async () =>
      expect(await eventsOf('status=applied&source=callrail', company.manager)).toHaveLength(2),
    );
    expect((await company.findCall(call)).id).toBe(done.id);
    expect(await appointmentsOf(company, done.contact.id)).toHaveLength(1);
    expect(await company.jobs(call)).toHaveLength(2);
  });

  it('sent many times at once is stored once', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    const body = JSON.stringify(missedPayload(call));
    const answers = await Promise.all(Array.from({ length: 10 }, () => company.sender.send('missed', body)));
    const bodies = answers.map((answer) => answer.body as { event_id: string; duplicate: boolean });
    expect(bodies.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(new Set(bodies.map((answer) => answer.event_id)).size).toBe(1);
    await company.callIn(call, 'done');
    expect(await eventsOf('source=callrail', company.manager)).toHaveLength(1);
  });

  it('with a wrong signature or none is refused with 401, kept as rejected, and goes through once the key is mended', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    const body = JSON.stringify(missedPayload(call));
    const newKey = 'the key that nobody has told us yet';
    const refused = await company.sender.send('missed', body, { signature: signCallRail(body, newKey) });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.body).toMatchObject({ status: 401, code: 'invalid_signature', request_id: expect.any(String) });
    const unsigned = incomingPayload(company.simulate());
    expect((await company.sender.send('incoming', unsigned, { signature: null })).status).toBe(401);

    const rejected = await eventsOf('status=rejected', company.manager);
    expect(rejected).toHaveLength(2);
    expect((await company.manager.get('/calls')).total).toBe(0);

    await service.admin.patch(`/companies/${company.id}`, { callrail_signing_keys: [newKey] });
    // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
    const event = rejected.find((item: any) => item.provider_call_id === call.id);
    await company.manager.post(`/webhook-events/${event.id}/redrive`, undefined, { status: 202 });
    expect((await company.callIn(call, 'done')).status).toBe('missed');
    await company.manager.post(`/webhook-events/${event.id}/redrive`, undefined, { status: 409 });
  });

  it('verifies with any of the keys of the company', async () => {
    const keys = ['the old key', 'the new key'];
    const company = await service.company({ callrail_signing_keys: keys });
    for (const signingKey of keys) {
      const sender = createCallRailSender({ baseUrl: service.baseUrl, signingKey });
      const answer = await sender.missed(missedPayload(company.simulate()));
      expect(answer.body).toMatchObject({ status: 'accepted' });
    }
  });

  it('of an unknown number is kept unrouted, and goes through by itself once the number belongs to a company', async () => {
    const company = await service.company();
    const number = uniquePhone();
    const call = company.simulate({ trackingNumber: number, answered: false });
    const body = JSON.stringify(missedPayload(call));
    const answer = await company.sender.send('missed', body);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'unrouted', duplicate: false });
    expect((await company.sender.send('missed', body)).body).toMatchObject({ status: 'unrouted', duplicate: true });
    const forged = JSON.stringify(missedPayload({ ...call, id: `CALforged${call.id}` }));
    const unverified = await company.sender.send('missed', forged, { signature: signCallRail(forged, 'some key') });
    expect(unverified.body).toMatchObject({ status: 'unrouted' });
    // Events without a company are the admin's.
    expect(await eventsOf('status=unrouted', company.manager)).toEqual([]);

    await service.admin.post(`/companies/${company.id}/tracking-numbers`, { phone_number: number });
    expect((await company.callIn(call, 'done')).tracking_number).toBe(number);
    const [rejected, ...others] = await eventsOf('status=rejected', company.manager);
    expect(rejected).toMatchObject({ provider_call_id: `CALforged${call.id}` });
    expect(others).toEqual([]);
    expect((await company.manager.get('/calls')).total).toBe(1);
  });

  it('that names no number finds its company by CallRail’s company id', async () => {
    const callrailId = `COM${randomBytes(8).toString('hex')}`;
    const company = await service.company({ callrail_company_id: callrailId });
    const call = company.simulate({ trackingNumber: '', companyResourceId: callrailId, answered: false });
    expect((await company.sender.missed(missedPayload(call))).body).toMatchObject({ status: 'accepted' });
    expect((await company.callIn(call, 'done')).tracking_number).toBeNull();
  });

  it('that carries both of CallRail’s ids of the company is found by either', async () => {
    const numeric = String(randomInt(2 ** 40));
    const company = await service.company({ callrail_company_id: numeric });
    const call = company.simulate({ trackingNumber: '', companyResourceId: 'COMofsomebody', answered: false });
    const payload = { ...missedPayload(call), company_id: Number(numeric) };
    expect((await company.sender.missed(payload)).body).toMatchObject({ status: 'accepted' });
    expect((await company.callIn(call, 'done')).status).toBe('missed');
  });

  it('of a call that one company knows stays there if its key verifies it, whatever number it names', async () => {
    const [company, other] = [await service.company(), await service.company()];
    const call = company.simulate();
    await company.play(call, ['incoming', 'answered']);
    await company.callIn(call, 'awaiting_end');
    // The number has moved on to another company; CallRail still signs with the old one's key.
    const moved = { ...completedPayload(call), tracking_phone_number: other.trackingNumber };
    expect((await company.sender.completed(moved)).body).toMatchObject({ status: 'accepted' });
    await eventually(async () => expect((await company.findCall(call)).status).toBe('completed'));
    for (const [name, tracking_number] of [
      ['One', undefined],
      ['Two', uniquePhone()],
    ])
      expect(
        (
          await company.sender.send(
            'modified',
            JSON.stringify({ call_id: call.id, tracking_number, customer_name: name }),
          )
        ).body,
      ).toMatchObject({ status: 'accepted' });
    // Signed by nobody who knows it: the number decides, and where there is none, it waits.
    const forged = JSON.stringify({ call_id: call.id, customer_name: 'Forged' });
    const signature = signCallRail(forged, 'some key');
    expect((await company.sender.send('modified', forged, { signature })).body).toMatchObject({ status: 'unrouted' });
    expect((await other.manager.get('/calls')).total).toBe(0);
  });

  it('that names neither number nor company may come before the one that does', async () => {
    const company = await service.company();
    const call = company.simulate();
    const bare = JSON.stringify({ call_id: call.id, answered: true, duration: 61 });
    expect((await company.sender.send('completed', bare)).body).toMatchObject({ status: 'unrouted' });
    await company.play(call, ['incoming']);
    await eventually(async () =>
      expect(await company.findCall(call)).toMatchObject({ status: 'completed', duration_seconds: 61 }),
    );
  });

  it('whose bytes came before with another signature is verified with either once its company is known', async () => {
    const company = await service.company();
    const number = uniquePhone();
    const call = company.simulate({ trackingNumber: number, answered: false });
    const body = JSON.stringify(missedPayload(call));
    const forged = await company.sender.send('missed', body, { signature: signCallRail(body, 'some key') });
    const genuine = await company.sender.send('missed', body);
    expect(genuine.body).toEqual({ ...(forged.body as object), status: 'unrouted', duplicate: true });
    await service.admin.post(`/companies/${company.id}/tracking-numbers`, { phone_number: number });
    expect((await company.callIn(call, 'done')).status).toBe('missed');
  });

  it('that comes while its company is being removed waits for that, and belongs to nobody then', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    const { db, close } = openDatabase(service.databaseUrl, { max: 1 });
    let answer: ReturnType<typeof company.sender.missed> | undefined;
    try {
      await db.transaction(async (tx) => {
        await deleteCompany(tx, company.id);
        answer = company.sender.missed(missedPayload(call));
        // It has found the company, which is there until we commit, and waits for us.
        await eventually(async () => {
          const [row] = await service.sql`select count(*)::int as waiting from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%key share%'`;
          expect(row?.waiting).toBeGreaterThan(0);
        });
      });
    } finally {
      await close();
    }
    expect((await answer)?.body).toMatchObject({ status: 'unrouted' });
    expect(await service.sql`select 1 from webhook_events where company_id = ${company.id}`).toHaveLength(0);
  });

  it('with a byte order mark is read as what it is', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    const marked = `\ufeff${JSON.stringify(missedPayload({ ...call, customerName: 'Marked' }))}`;
    expect((await company.sender.send('missed', marked)).body).toMatchObject({ status: 'accepted' });
    expect(await company.callIn(call, 'done')).toMatchObject({ status: 'missed', contact: { name: 'Marked' } });
  });

  it('without a readable id is kept as invalid', async () => {
    const company = await service.company();
    const { resource_id: _, ...payload } = missedPayload(company.simulate());
    const answer = await company.sender.missed(payload);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'invalid', duplicate: false });
    expect(await eventsOf('status=invalid', company.manager)).toHaveLength(1);
    const tooLong = await company.sender.missed({ ...payload, resource_id: 'x'.repeat(256) });
    expect(tooLong.body).toMatchObject({ status: 'invalid' });
  });

  it.each(['', 'no json', '{"call_id": "1"', '\u0000', Buffer.from([0xff, 0xfe]).toString('latin1')])(
    'that is not JSON is refused with 400: %j',
    async (body) => {
      const { sender } = await service.company();
      const answer = await sender.send('incoming', body);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ status: 400, code: 'invalid_json' });
    },
  );

  it.each(['null', '[]', '42', '"text"', '{}', '[{"resource_id": "1"}]', '{"resource_id": {"a": 1}}'])(
    'that is JSON and no event is kept as invalid: %s',
    async (text) => {
      const { sender } = await service.company();
      const unique = ' '.repeat(1 + Math.floor(Math.random() * 10_000));
      const answer = await sender.send('incoming', text + unique);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ status: 'invalid' });
    },
  );

  it('above 1 MiB is refused with 413 and one just below is taken', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    const payload = (bytes: number) => {
      const rest = JSON.stringify({ ...missedPayload(call), note: '' }).length;
      return JSON.stringify({ ...missedPayload(call), note: 'x'.repeat(bytes - rest) });
    };
    const answer = await company.sender.send('missed', payload(1024 * 1024 + 1));
    expect(answer.status).toBe(413);
    expect((await company.sender.send('missed', payload(1024 * 1024))).status).toBe(200);
    expect((await company.callIn(call, 'done')).status).toBe('missed');
  });

  it('of an event that CallRail does not have is 404, and of another method 405', async () => {
    const url = `${service.baseUrl}/api/v1/callrail`;
    expect((await exchange(`${url}/call.exploded`, { method: 'POST', body: '{}' })).status).toBe(404);
    const wrong = await exchange(`${url}/call.incoming`, { method: 'GET' });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toContain('POST');
  });

  it('with fields of unexpected types never breaks the call', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('booked') });
    await company.sender.incoming({
      ...incomingPayload(call),
      duration: { a: 1 },
      customer_name: ['x'],
      start_time: 'soon',
    });
    await company.sender.answered({ ...answeredPayload(call), agent_email: 7, timestamp: 1e99, direction: 'sideways' });
    await company.sender.completed({
      ...completedPayload(call),
      duration: 'a while',
      answered: 'perhaps',
      tags: 'no list',
    });
    const weird = { ...callRailPayload('modified', call), customer_name: 'A\u0000B\ud800C', voicemail: null };
    expect((await company.sender.modified(weird)).status).toBe(200);
    const done = await company.callIn(call, 'done');
    expect(done.analysis.booking_status).toBe('booked');
  });
});

describe.concurrent("Shunya's webhook", () => {
  const body = () => ({ event: 'job.completed', job_id: `job-${randomBytes(6).toString('hex')}` });

  it('with a stale or future timestamp is refused with 401', async () => {
    const early = String(Date.now() - 301_000);
    const late = String(Date.now() + 301_000);
    for (const timestamp of [early, late, 'yesterday', '']) {
      const answer = await service.shunya.post(body(), { timestamp });
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ code: 'invalid_signature' });
    }
    const inTime = await service.shunya.post(body(), { timestamp: String(Date.now() - 290_000) });
    expect(inTime.status).toBe(200);
  });

  it('with a wrong signature is refused with 401 and nothing of it is kept', async () => {
    const callback = body();
    const forged = await service.shunya.post(callback, { secret: 'another secret' });
    expect(forged.status).toBe(401);
    expect((await service.shunya.post(callback, { signature: '' })).status).toBe(401);
    const { items } = await service.admin.get('/webhook-events?source=shunya&limit=200');
    // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
    expect(items.map((item: any) => item.job_id)).not.toContain(callback.job_id);
  });

  it('of an unknown job is kept unrouted, once', async () => {
    const callback = body();
    const first = await service.shunya.post(callback);
    expect(first.body).toEqual({
      status: 'unrouted',
      event_id: expect.any(String),
      duplicate: false,
      reason: 'unknown_job',
    });
    expect((await service.shunya.post(callback)).body).toEqual({ ...first.body, duplicate: true });
  });

  it('without a job id and without a call id and type is kept as invalid', async () => {
    const nonce = randomBytes(6).toString('hex');
    const event = { event: 'job.completed', nonce };
    for (const said of [event, { ...event, call_id: 77 }, { ...event, job_id: {} }, [nonce], nonce, null])
      expect((await service.shunya.post(JSON.stringify(said))).body).toMatchObject({ status: 'invalid' });
  });

  it('that is not JSON is refused with 400, and one above 1 MiB with 413', async () => {
    expect((await service.shunya.post('{"event":')).status).toBe(400);
    expect((await service.shunya.post({ ...body(), result: 'x'.repeat(1024 * 1024) })).status).toBe(413);
  });
});
