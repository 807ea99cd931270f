/** Who calls, as carriers and people have it; seen over HTTP only. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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
