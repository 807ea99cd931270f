/** Who calls, as carriers and people have it; seen over HTTP only. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CallRailEventName,
  callRailPayload,
  missedPayload,
  newResourceId,
  signCallRail,
} from '../../simulators/callrail.ts';
import { exchange } from '../harness/http.ts';
import { eventually } from '../harness/poll.ts';
import { type Service, startService, type TestCompany } from '../harness/service.ts';

vi.setConfig({ testTimeout: 120_000 });

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service?.stop();
});

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
