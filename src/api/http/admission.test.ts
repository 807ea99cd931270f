import { describe, expect, it } from 'vitest';
import { createAdmission } from './admission.ts';
import type { Actor } from './permissions.ts';

/** As if the event loop were idle: that of a test is not always. */
const spare = { wait: async () => {} };
const person = (companyId: string | null, userId = 'u'): Actor => ({
  companyId,
  userId,
  role: 'csr',
  expiresAt: new Date('2030-01-01'),
});

describe('one person', () => {
  it('has a bounded number of requests under way, and others are not counted with them', () => {
    const admission = createAdmission({ spare, perUser: 2 });
    const [first] = [admission.request(person('a')), admission.request(person('a'))];
    expect(() => admission.request(person('a'))).toThrowError(expect.objectContaining({ code: 'too_many_requests' }));
    for (const other of [person('a', 'v'), person('b'), person(null)]) admission.request(other);
    first?.();
    // A second time gives no second place.
    first?.();
    admission.request(person('a'));
    expect(() => admission.request(person('a'))).toThrowError(expect.objectContaining({ status: 429 }));
  });
});

describe('turns to read', () => {
  it('go round by company', async () => {
    const admission = createAdmission({ spare, reads: 1 });
    const order: string[] = [];
    const first = await admission.read(person('busy'));
    let next = 0;
    const read = async (company: string) => {
      next += 1;
      const giveBack = await admission.read(person(company, `u${next}`));
      order.push(company);
      giveBack();
    };
    const waiting = ['busy', 'busy', 'busy', 'quiet', 'other'].map(read);
    await new Promise(setImmediate);
    expect(admission.waiting).toBe(5);
    first();
    await Promise.all(waiting);
    expect(order).toEqual(['busy', 'quiet', 'other', 'busy', 'busy']);
    expect(admission.waiting).toBe(0);
  });

  it('one person has half of them at most, one company all but one', async () => {
    const admission = createAdmission({ spare, reads: 4 });
    const places: string[] = [];
    const read = async (company: string, user: string) => {
      await admission.read(person(company, user));
      places.push(`${company}/${user}`);
    };
    for (let turn = 0; turn < 3; turn += 1) void read('a', 'impatient');
    for (const user of ['patient', 'patient']) void read('a', user);
    void read('b', 'other');
    await new Promise(setImmediate);
    expect(places).toEqual(['a/impatient', 'a/impatient', 'a/patient', 'b/other']);
  });

  it('who waits too long is told so, and takes no turn later', async () => {
    const admission = createAdmission({ spare, reads: 1, turnWithinMs: 10 });
    const giveBack = await admission.read(person('a'));
    await expect(admission.read(person('b'))).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    giveBack();
    (await admission.read(person('c')))();
    (await admission.read(person('c')))();
  });

  it('one read at a time does not wait for the event loop to be idle, several do', async () => {
    const busy = { wait: () => new Promise<void>(() => {}) };
    const admission = createAdmission({ spare: busy, reads: 4 });
    for (let turn = 0; turn < 3; turn += 1) (await admission.read(person('a')))();
    await admission.read(person('a'));
    let isRead = false;
    void admission.read(person('b')).then(() => {
      isRead = true;
    });
    await new Promise(setImmediate);
    expect(isRead).toBe(false);
  });
});
