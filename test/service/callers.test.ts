/** Who calls, as carriers and people have it; seen over HTTP only. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CallRailEventName,
  callRailPayload,
  missedPayload,
  newResourceId,
  type SimulatedCall,
  signCallRail,
} from '../../simulators/callrail.ts';
import { exchange } from '../harness/http.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service?.stop();
});

const today = () => {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return `date_from=${day(-1)}&date_to=${day(1)}`;
};
const idsOf = (list: { items: { id: string }[] }) => list.items.map(({ id }) => id).sort();

/** A call's row as the list of its company has it: an anonymous one cannot be found by its number. */
const listed = (company: TestCompany, call: { id: string }) =>
  eventually(async () => {
    const { items } = await company.manager.get('/calls?limit=200');
    // biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
    const found = items.find((item: any) => item.provider_call_id === call.id);
    if (found?.pipeline.stage !== 'done') throw new Error(`no call ${call.id} that is done yet`);
    return found;
  });

const missed = async (company: TestCompany, customerNumber: string, given: Record<string, unknown> = {}) => {
  const call = company.simulate({ answered: false, durationSeconds: 0, customerNumber, ...given });
  await company.play(call, ['missed']);
  return listed(company, call);
};

describe.concurrent('a caller', () => {
  it.each([
    ['+17378742833', '+17378742833'],
    ['7378742833', '+17378742833'],
    ['+86282452253', '+86282452253'],
    ['0000000000', '0000000000'],
    ['+11111111111', '9999999999'],
    ['+266696687', 'Restricted'],
    ['+10005550147', '+10005550147'],
  ])('who withholds the number (%s, %s) is nobody: each call has a contact and a lead of its own', async (a, b) => {
    const company = await service.company();
    const first = await missed(company, a);
    const second = await missed(company, b);
    expect([first.contact.phone_number, second.contact.phone_number]).toEqual([null, null]);
    expect(second.contact.id).not.toBe(first.contact.id);
    expect(second.lead_id).not.toBe(first.lead_id);
    // As the carrier wrote it, it can still be searched for.
    const found = await company.manager.get(`/calls?q=${encodeURIComponent(b)}`);
    expect(found.items.map((item: { id: string }) => item.id)).toContain(second.id);

    await company.manager.delete(`/contacts/${first.contact.id}`);
    expect((await company.manager.get(`/calls/${second.id}`)).contact.id).toBe(second.contact.id);
  });

  it('keeps a number of the examples with 555, possible though not valid', async () => {
    const company = await service.company();
    for (const number of ['+15551234567', '+15550001111'])
      expect((await missed(company, number)).contact.phone_number).toBe(number);
  });

  it.each([
    ['Mexico, with and without the former 1', ['+5215512345678', '+525512345678', '+5215512345678'], '+525512345678'],
    ['Argentina, with and without the 9', ['+541112345678', '+5491112345678', '+541112345678'], '+5491112345678'],
    ['Brazil, before and after the ninth digit', ['+551181234567', '+5511981234567'], '+5511981234567'],
  ])('is one contact in each form of the number: %s', async (_, numbers, expected) => {
    const company = await service.company();
    const contacts = [];
    for (const number of numbers) contacts.push((await missed(company, number)).contact.id);
    expect(new Set(contacts).size).toBe(1);
    for (const number of numbers) {
      const { items } = await company.manager.get(`/contacts?phone_number=${encodeURIComponent(number)}`);
      expect(items).toMatchObject([{ id: contacts[0], phone_number: expected }]);
    }
  });

  it('from an Argentine fixed line keeps the number as it is', async () => {
    const company = await service.company();
    expect((await missed(company, '+541143210987')).contact.phone_number).toBe('+541143210987');
  });
});

describe.concurrent('what is no call', () => {
  const sent = async (company: TestCompany, event: CallRailEventName, payload: Record<string, unknown>) => {
    const { status, body } = await company.sender.send(event, payload);
    return { status, body: body as { status: string; event_id: string } };
  };
  const text = (company: TestCompany, given: Record<string, unknown> = {}) => ({
    resource_id: `SCI${newResourceId('CAL').slice(3)}`,
    source_number: '+13035550119',
    destination_number: company.trackingNumber,
    content: 'Can you come today?',
    message_type: 'sms',
    timestamp: '2026-03-02T16:54:53.505-05:00',
    ...given,
  });

  it.each([
    ['the number called', (company: TestCompany) => text(company, { tracking_phone_number: company.trackingNumber })],
    ['the company id', (company: TestCompany) => text(company, { company_resource_id: `COM-${company.id}` })],
    ['nothing', (company: TestCompany) => text(company)],
  ])('is kept as invalid with the reason and makes no call: a text message, found by %s', async (_, payload) => {
    const company = await service.company();
    await service.admin.patch(`/companies/${company.id}`, { callrail_company_id: `COM-${company.id}` });
    for (const event of ['incoming', 'completed', 'modified'] as const) {
      const { status, body } = await sent(company, event, payload(company));
      expect([status, body.status]).toEqual([200, 'invalid']);
      const kept = await service.admin.get(`/webhook-events/${body.event_id}`);
      expect(kept).toMatchObject({ status: 'invalid', reason: 'not_a_call:text_message' });
      // A person who sends it through again does not make it one.
      await service.admin.post(`/webhook-events/${body.event_id}/redrive`);
      expect(await service.admin.get(`/webhook-events/${body.event_id}`)).toEqual(kept);
    }
    const call = company.simulate({ answered: false });
    await company.play(call, ['missed']);
    await listed(company, call);
    expect((await company.manager.get('/calls')).items).toHaveLength(1);
    expect((await company.manager.get('/leads')).items).toHaveLength(1);
  });

  it('a form, a chat and what has nothing of a call are kept as invalid, too', async () => {
    const company = await service.company({});
    await service.admin.patch(`/companies/${company.id}`, { callrail_company_id: `COM-${company.id}` });
    const common = { company_resource_id: `COM-${company.id}`, customer_phone_number: '+13035550119' };
    const payloads: [Record<string, unknown>, string][] = [
      [
        { ...common, resource_id: newResourceId('CAL').replace('CAL', 'FRM'), form_data: { a: 'b' } },
        'not_a_call:form',
      ],
      [{ ...common, id: newResourceId('CAL').slice(3), type: 'chat' }, 'not_a_call:chat'],
      [{ id: newResourceId('CAL').slice(3), company_resource_id: `COM-${company.id}`, value: 3 }, 'not_a_call'],
    ];
    for (const [payload, reason] of payloads) {
      const { body } = await sent(company, 'completed', payload);
      expect(body.status).toBe('invalid');
      expect(await service.admin.get(`/webhook-events/${body.event_id}`)).toMatchObject({ reason });
    }
    expect((await company.manager.get('/calls')).items).toEqual([]);
  });
});

describe.concurrent('a form-encoded body', () => {
  const post = (company: TestCompany, event: string, body: string, contentType = 'application/x-www-form-urlencoded') =>
    exchange(`${service.baseUrl}/api/v1/callrail/call.${event}`, {
      method: 'POST',
      headers: { 'content-type': contentType, signature: signCallRail(body, company.signingKey) },
      body,
    });
  const form = (payload: Record<string, unknown>, name = (key: string) => key) =>
    new URLSearchParams(
      Object.entries(payload).flatMap(([key, value]): [string, string][] =>
        typeof value === 'object' ? [] : [[name(key), String(value)]],
      ),
    ).toString();

  it.each([
    ['plain names', (key: string) => key],
    ['names within call[…]', (key: string) => `call[${key}]`],
  ])('is read like JSON, its signature over the raw bytes: %s', async (_, name) => {
    const company = await service.company();
    const call = company.simulate({ customerName: 'José Müller', durationSeconds: 61 });
    for (const event of ['incoming', 'answered', 'completed'] as const) {
      const answer = await post(company, event, form(callRailPayload(event, call), name));
      expect([answer.status, answer.body.status]).toEqual([200, 'accepted']);
    }
    expect(await company.callIn(call, 'awaiting_recording')).toMatchObject({
      status: 'completed',
      duration_seconds: 61,
      contact: { name: 'José Müller', phone_number: call.customerNumber },
    });
  });

  it('that says it is JSON, or is neither, is refused with 400', async () => {
    const company = await service.company();
    const body = form(missedPayload(company.simulate()));
    expect((await post(company, 'missed', body, 'application/json')).status).toBe(400);
    expect((await post(company, 'missed', 'no form')).status).toBe(400);
  });

  it('with JSON in it is JSON, as tools send it by default', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    expect((await post(company, 'missed', JSON.stringify(missedPayload(call)))).body.status).toBe('accepted');
    expect((await company.callIn(call, 'done')).status).toBe('missed');
  });
});

describe.concurrent('a call that we made', () => {
  const dial = async (
    company: TestCompany,
    given: Record<string, unknown>,
    events = ['missed'] as CallRailEventName[],
  ) => {
    const call = company.simulate({ direction: 'outbound', durationSeconds: 20, ...given });
    await company.play(call, events);
    return listed(company, call);
  };

  it.each([
    ['missed', { answered: false }],
    ['completed', { answered: false }],
    ['completed', { answered: false, voicemail: true }],
  ] as const)(
    'and nobody answered (%s, %j) is no_answer, makes no lead and is no missed call',
    async (event, given) => {
      const company = await service.company();
      const call = await dial(company, given, [event]);
      expect(call).toMatchObject({ status: 'no_answer', direction: 'outbound', answered: false, lead_id: null });
      expect((await company.manager.get('/leads')).items).toEqual([]);
      expect((await company.manager.get('/calls?status=missed,voicemail,abandoned')).items).toEqual([]);
      const inbound = await missed(company, '+12125550147');
      expect(idsOf(await company.manager.get('/calls?direction=outbound'))).toEqual([call.id]);
      expect(idsOf(await company.manager.get('/calls?direction=inbound'))).toEqual([inbound.id]);
      expect(idsOf(await company.manager.get('/calls?status=no_answer'))).toEqual([call.id]);
      expect(await company.manager.get(`/metrics/exec/csr/overview?${today()}`)).toMatchObject({
        total_calls: 1,
        missed_calls: 1,
      });
      const csv = await company.manager.get('/exports/calls?direction=outbound');
      expect(csv).toContain('no_answer');
    },
  );

  it('belongs to the open lead that its contact has', async () => {
    const company = await service.company();
    const { lead_id: lead, contact } = await missed(company, '+12125550147');
    const call = await dial(company, { answered: false, customerNumber: '+12125550147' });
    expect(call).toMatchObject({ status: 'no_answer', lead_id: lead, contact: { id: contact.id } });
    expect((await company.manager.get('/leads')).items).toHaveLength(1);
  });

  it('that somebody answered is a call like another', async () => {
    const company = await service.company();
    const call = company.simulate({ direction: 'outbound', answered: true });
    await company.play(call, ['answered', 'completed']);
    const found = await company.callIn(call, 'awaiting_recording');
    expect(found).toMatchObject({ status: 'completed', direction: 'outbound' });
    expect((await company.manager.get(`/leads/${found.lead_id}`)).call_ids).toEqual([found.id]);
  });

  it('makes no lead in whatever order its events come, also where not all of them say that we made it', async () => {
    const events: [CallRailEventName, Record<string, unknown>][] = [
      ['incoming', { direction: undefined }],
      ['missed', {}],
      ['modified', { direction: undefined, call_type: '' }],
    ];
    const orders = events.flatMap((first) => {
      const [a, b] = events.filter((event) => event !== first);
      return [
        [first, a, b],
        [first, b, a],
      ] as (typeof events)[];
    });
    for (const order of orders) {
      const company = await service.company();
      const call = company.simulate({ direction: 'outbound', answered: false });
      for (const [event, given] of order) {
        await company.sender.send(event, { ...callRailPayload(event, call), ...given });
        await eventually(async () => {
          const { items } = await service.admin.get('/webhook-events?status=pending,dispatched&limit=200');
          expect(items.filter((item: { provider_call_id: string }) => item.provider_call_id === call.id)).toEqual([]);
        });
      }
      expect(await listed(company, call)).toMatchObject({ status: 'no_answer', lead_id: null });
      expect((await company.manager.get('/leads')).items).toEqual([]);
    }
  });
});

describe.concurrent('a call that is flagged as spam', () => {
  const flag = async (company: TestCompany, call: SimulatedCall, spam: boolean) => {
    await company.sender.modified({ ...callRailPayload('modified', call), spam, note: `${spam} ${Math.random()}` });
    return eventually(async () => {
      const found = await company.findCall(call);
      expect(found.spam).toBe(spam);
      return found;
    });
  };

  it('stays a row and leaves leads and metrics; taking the flag back restores both', async () => {
    const company = await service.company();
    const call = company.simulate({ recording: recordingLink('warm') });
    await company.play(call);
    const before = await company.callIn(call, 'done');
    expect((await company.manager.get(`/leads/${before.lead_id}`)).status).toBe('warm');

    const flagged = await flag(company, call, true);
    expect(flagged).toMatchObject({ id: before.id, status: 'completed', lead_id: null, analysis: before.analysis });
    expect((await company.manager.get('/leads')).items).toEqual([]);
    const figures = await company.manager.get(`/metrics/exec/csr/overview?${today()}`);
    expect(figures).toMatchObject({
      total_calls: 0,
      spam_calls: 1,
      answered_calls: 0,
      analyzed_calls: 0,
      qualified_calls: 0,
      avg_call_duration_seconds: 0,
    });
    expect(idsOf(await company.manager.get('/calls?spam=true'))).toEqual([before.id]);
    expect(idsOf(await company.manager.get('/calls?spam=false'))).toEqual([]);
    expect(idsOf(await company.manager.get('/calls?spam=true&status=completed'))).toEqual([before.id]);
    expect(idsOf(await company.manager.get('/calls?spam=false&status=completed'))).toEqual([]);

    const restored = await flag(company, call, false);
    expect(restored.lead_id).not.toBeNull();
    expect(await company.manager.get(`/leads/${restored.lead_id}`)).toMatchObject({
      status: 'warm',
      qualification: 'warm',
      call_ids: [before.id],
      contact: { id: before.contact.id },
    });
    expect(await company.manager.get(`/metrics/exec/csr/overview?${today()}`)).toMatchObject({
      total_calls: 1,
      spam_calls: 0,
      qualified_calls: 1,
    });
  });

  it('from the start makes no lead', async () => {
    const company = await service.company();
    const call = company.simulate({ answered: false });
    await company.sender.missed({ ...missedPayload(call), spam: true });
    expect(await listed(company, call)).toMatchObject({ spam: true, status: 'missed', lead_id: null });
    expect((await company.manager.get('/leads')).items).toEqual([]);
  });

  it('leaves a lead that something else holds, without it: another call, a person’s note, an appointment', async () => {
    const company = await service.company();
    const customerNumber = '+12125550147';
    const other = await missed(company, customerNumber);
    const shared = company.simulate({ answered: false, customerNumber });
    await company.play(shared, ['missed']);
    await listed(company, shared);
    expect((await flag(company, shared, true)).lead_id).toBeNull();
    expect((await company.manager.get(`/leads/${other.lead_id}`)).call_ids).toEqual([other.id]);
    expect((await flag(company, shared, false)).lead_id).toBe(other.lead_id);

    const noted = company.simulate({ answered: false });
    await company.play(noted, ['missed']);
    const { lead_id: kept } = await company.callIn(noted, 'done');
    await company.as('csr').patch(`/leads/${kept}`, { notes: 'Called back: a real customer.' });
    await flag(company, noted, true);
    expect(await company.manager.get(`/leads/${kept}`)).toMatchObject({ call_ids: [] });
    expect((await flag(company, noted, false)).lead_id).toBe(kept);

    const booked = company.simulate({ recording: recordingLink('booked') });
    await company.play(booked);
    const { lead_id: visited, contact } = await company.callIn(booked, 'done');
    await flag(company, booked, true);
    await flag(company, booked, false);
    expect((await company.findCall(booked)).lead_id).toBe(visited);
    expect((await company.manager.get(`/contacts/${contact.id}`)).appointments).toHaveLength(1);
  });
});

describe.concurrent('the name of a contact', () => {
  const DAY = 86_400_000;
  const at = (days: number) => new Date(Date.parse('2026-03-02T15:00:00Z') + days * DAY);
  const named = (company: TestCompany, customerName: string, days: number, given: Record<string, unknown> = {}) =>
    missed(company, '+12125550147', { customerName, startedAt: at(days), ...given });
  const nameOf = async (company: TestCompany) =>
    (await company.manager.get('/contacts?phone_number=%2B12125550147')).items[0].name;

  it.each(['WIRELESS CALLER', 'UNAVAILABLE', 'TOLL FREE CALL', '+12125550147', 'NEW YORK NY', 'Cell Phone NY'])(
    'is not replaced by what a carrier puts in its place: %s',
    async (label) => {
      const company = await service.company();
      await named(company, 'Pat Reyes', 0);
      await named(company, label, 1);
      expect(await nameOf(company)).toBe('Pat Reyes');
    },
  );

  it('may be such a stand-in where there is none, until any call tells one, also an earlier call that comes late', async () => {
    const company = await service.company();
    await named(company, 'WIRELESS CALLER', 1);
    expect(await nameOf(company)).toBe('WIRELESS CALLER');
    await named(company, 'UNAVAILABLE', 2);
    expect(await nameOf(company)).toBe('WIRELESS CALLER');
    await named(company, 'Pat Reyes', 0);
    expect(await nameOf(company)).toBe('Pat Reyes');
  });

  it('that a person set holds against whatever calls tell, until the person takes it back', async () => {
    const company = await service.company();
    const { contact } = await named(company, 'P REYES', 0);
    await company.as('csr').patch(`/contacts/${contact.id}`, { name: 'Pat Reyes-Lind' });
    await named(company, 'REYES PATRICIA', 1);
    expect(await nameOf(company)).toBe('Pat Reyes-Lind');
    await company.as('csr').patch(`/contacts/${contact.id}`, { name: null });
    await named(company, 'REYES PATRICIA', 2);
    expect(await nameOf(company)).toBe('REYES PATRICIA');
  });

  it('is that of the newest call that tells one', async () => {
    const company = await service.company();
    await named(company, 'Pat Reyes', 1);
    await named(company, 'Patricia Reyes', 2);
    await named(company, 'P Reyes', 0);
    expect(await nameOf(company)).toBe('Patricia Reyes');
  });
});

describe.concurrent('a contact that was merged into another', () => {
  it('has its later calls there, also those of one that withheld its number; undone, they go back', async () => {
    const company = await service.company();
    const a = await missed(company, '+12125550141');
    const b = await missed(company, '+12125550142');
    const anonymous = await missed(company, 'Restricted');
    const csr = company.as('csr');
    const merge = (other: string) =>
      csr.post(`/contacts/${a.contact.id}/merge`, { other_contact_id: other, reason: 'One person' });
    const { id } = await merge(b.contact.id);
    await merge(anonymous.contact.id);

    const later = await missed(company, '+12125550142');
    expect(later).toMatchObject({ contact: { id: a.contact.id }, caller_number: '+12125550142' });
    // A late event of a call from before changes nothing of that.
    const late = company.simulate({ answered: false, customerNumber: '+12125550142' });
    await company.sender.modified({
      ...callRailPayload('modified', late),
      resource_id: b.provider_call_id,
      note: 'late',
    });
    await company.sender.modified({
      ...callRailPayload('modified', { ...late, customerNumber: 'Restricted' }),
      resource_id: anonymous.provider_call_id,
    });
    await eventually(async () => {
      const events = await service.sql`select status from webhook_events where company_id = ${company.id}`;
      expect(events.filter(({ status }) => status !== 'applied')).toEqual([]);
    });
    const calls = idsOf({ items: (await company.manager.get(`/contacts/${a.contact.id}`)).calls });
    expect(calls).toEqual([a.id, b.id, anonymous.id, later.id].sort());

    await csr.post(`/contacts/merges/${id}/undo`, { reason: 'Two people' });
    const back = await company.manager.get(`/contacts/${b.contact.id}`);
    expect(idsOf({ items: back.calls })).toEqual([b.id, later.id].sort());
    for (const call of back.calls) expect(idsOf({ items: back.leads })).toContain(call.lead_id);
    expect((await missed(company, '+12125550142')).contact.id).toBe(b.contact.id);
    expect((await missed(company, '+12125550141')).contact.id).toBe(a.contact.id);
  });
});
