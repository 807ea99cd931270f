/** Contacts as people correct them: names, notes, two that are one person. */
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { auditLog, contactCards, contactMerges } from '../../src/db/schema/index.ts';
import { mergeContacts } from '../../src/services/contacts/merge.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { eventually } from '../harness/poll.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;

let api: ApiApp;
let rows: CompanyRows;
let csr: Caller;
let manager: Caller;
let stranger: Caller;

beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api?.stop());

beforeEach(async () => {
  rows = await makeCompany(api.db);
  await rows.user('rep', 'sales_rep');
  csr = await api.as('csr', rows.companyId);
  manager = await api.as('manager', rows.companyId);
  const other = await makeCompany(api.db);
  stranger = await api.as('manager', other.companyId);
});

let nextPhone = Math.floor(Math.random() * 8_000_000);
const phone = () => `+1555${String(1_000_000 + (nextPhone++ % 8_999_999))}`;

describe('a contact', () => {
  it('takes name and notes of a csr or a manager, with an audit entry that quotes neither', async () => {
    const { contactId } = await rows.lead({ phoneNumber: phone(), name: 'WIRELESS CALLER' });
    expect((await csr.get(`/contacts/${contactId}`)).body.data.name_source).toBe('carrier');
    const change = { name: '  Pat Reyes ', notes: 'Call at noon' };
    const { status, body, headers } = await csr.patch(`/contacts/${contactId}`, change);
    expect(status).toBe(200);
    expect(body.data).toMatchObject({ name: 'Pat Reyes', name_source: 'person', notes: 'Call at noon' });
    expect(headers.get('etag')).toBe((await csr.get(`/contacts/${contactId}`)).headers.get('etag'));
    const [entry] = await api.db.select().from(auditLog).where(eq(auditLog.subjectId, contactId));
    expect(entry).toMatchObject({ action: 'contact.update', actorId: 'csr', details: { fields: ['name', 'notes'] } });
    expect(JSON.stringify(entry)).not.toContain('Reyes');

    const cleared = await manager.patch(`/contacts/${contactId}`, { name: null });
    expect(cleared.body.data).toMatchObject({ name: null, name_source: null, notes: 'Call at noon' });
    expect((await csr.patch(`/contacts/${contactId}`, {})).status).toBe(200);
  });

  it('is not changed by whoever read it before somebody else changed it', async () => {
    const { contactId } = await rows.lead({ phoneNumber: phone(), name: 'Pat' });
    const etag = (await csr.get(`/contacts/${contactId}`)).headers.get('etag') ?? '';
    expect((await manager.patch(`/contacts/${contactId}`, { name: 'Patricia' }, { 'if-match': etag })).status).toBe(
      200,
    );
    expect((await csr.patch(`/contacts/${contactId}`, { name: 'Pet' }, { 'if-match': etag })).status).toBe(412);
    expect((await csr.get(`/contacts/${contactId}`)).body.data.name).toBe('Patricia');
  });

  it('is changed by nobody else', async () => {
    const { contactId, leadId } = await rows.lead({ phoneNumber: phone() });
    await rows.appointment({ contactId, leadId, assignedRepId: 'rep' });
    for (const role of ['sales_rep', 'executive'] as const) {
      const user = await api.as(role, rows.companyId, 'rep');
      expect((await user.patch(`/contacts/${contactId}`, { name: 'X' })).status).toBe(403);
    }
    expect((await stranger.patch(`/contacts/${contactId}`, { name: 'X' })).status).toBe(404);
    expect((await csr.patch('/contacts/none', { name: 'X' })).status).toBe(404);
    expect((await csr.patch(`/contacts/${contactId}`, { name: 7 })).status).toBe(422);
    expect((await csr.patch(`/contacts/${contactId}`, { name: 'x'.repeat(201) })).status).toBe(422);
  });
});

describe('two contacts', () => {
  /** A contact with a call, a lead and an appointment. */
  async function person(given: { phoneNumber?: string | null; name?: string | null } = {}) {
    const phoneNumber = given.phoneNumber === undefined ? phone() : given.phoneNumber;
    const { contactId, leadId } = await rows.lead({ name: null, ...given, phoneNumber });
    const { id: callId } = await rows.call({ contactId, leadId, callerNumber: phoneNumber });
    const appointmentId = await rows.appointment({ contactId, leadId, callId });
    return { contactId, leadId, callId, appointmentId, phoneNumber };
  }
  const merge = (into: string, other: string) =>
    csr.post(`/contacts/${into}/merge`, { other_contact_id: other, reason: 'Called from work' });
  const undo = (id: string) => csr.post(`/contacts/merges/${id}/undo`, { reason: 'Two people' });
  const historyOf = async (contactId: string) => {
    const { calls, leads, appointments, ...contact } = (await manager.get(`/contacts/${contactId}`)).body.data;
    const ids = (items: { id: string }[]) => items.map(({ id }) => id).sort();
    return { contact, calls: ids(calls), leads: ids(leads), appointments: ids(appointments) };
  };

  it('become one: all of the other is the first’s, by either number and either id', async () => {
    const a = await person({ name: 'Pat Reyes' });
    const b = await person({ name: 'Cell Phone TX' });
    const { status, body } = await merge(a.contactId, b.contactId);
    expect(status).toBe(201);
    expect(body.data).toMatchObject({ contact_id: a.contactId, merged_contact_id: b.contactId, undone_at: null });

    for (const id of [a.contactId, b.contactId]) {
      const { contact, calls, leads, appointments } = await historyOf(id);
      expect(contact).toMatchObject({
        id: a.contactId,
        name: 'Pat Reyes',
        phone_number: a.phoneNumber,
        phone_numbers: [a.phoneNumber, b.phoneNumber],
        merges: [{ id: body.data.id, phone_number: b.phoneNumber, merged_by: 'csr' }],
      });
      expect(calls).toEqual([a.callId, b.callId].sort());
      expect(leads).toEqual([a.leadId, b.leadId].sort());
      expect(appointments).toEqual([a.appointmentId, b.appointmentId].sort());
    }
    const list = (await csr.get('/contacts')).body.data.items;
    expect(list.map(({ id }: { id: string }) => id)).toEqual([a.contactId]);
    for (const number of [a.phoneNumber, b.phoneNumber]) {
      const query = `?phone_number=${encodeURIComponent(number ?? '')}`;
      expect((await csr.get(`/contacts${query}`)).body.data.items).toMatchObject([{ id: a.contactId }]);
      expect((await csr.get(`/calls${query}`)).body.data.items).toHaveLength(2);
    }
    expect((await csr.get(`/calls/${b.callId}`)).body.data).toMatchObject({
      contact: { id: a.contactId },
      caller_number: b.phoneNumber,
    });
    const [entry] = await api.db.select().from(auditLog).where(eq(auditLog.action, 'contact.merge')).limit(1);
    expect(entry?.reason).toBe('Called from work');
  });

  it('become two again, each with what it had', async () => {
    const a = await person();
    const b = await person({ name: 'Pat Reyes' });
    const [beforeA, beforeB] = [await historyOf(a.contactId), await historyOf(b.contactId)];
    const { id } = (await merge(a.contactId, b.contactId)).body.data;
    expect((await historyOf(a.contactId)).contact.name).toBe('Pat Reyes');
    const { status, body } = await undo(id);
    expect(status).toBe(200);
    expect(body.data.undone_at).not.toBeNull();
    const known = ({ contact: { updated_at, ...contact }, ...rest }: typeof beforeA) => ({ contact, ...rest });
    expect(known(await historyOf(a.contactId))).toEqual(known(beforeA));
    expect(known(await historyOf(b.contactId))).toEqual(known(beforeB));
    expect((await undo(id)).status).toBe(409);
    expect((await merge(a.contactId, b.contactId)).status).toBe(201);
  });

  it('may be callers who withheld their number', async () => {
    const a = await person();
    const [b, c] = [await person({ phoneNumber: null }), await person({ phoneNumber: null })];
    const first = (await merge(a.contactId, b.contactId)).body.data;
    await merge(a.contactId, c.contactId);
    expect((await historyOf(a.contactId)).calls).toEqual([a.callId, b.callId, c.callId].sort());
    expect((await undo(first.id)).status).toBe(200);
    expect((await historyOf(a.contactId)).calls).toEqual([a.callId, c.callId].sort());
    expect((await historyOf(b.contactId)).calls).toEqual([b.callId]);
  });

  it('may be merged on and on; what was merged later is undone first', async () => {
    const [a, b, c] = [await person(), await person(), await person()];
    const inner = (await merge(b.contactId, a.contactId)).body.data;
    const outer = (await merge(c.contactId, b.contactId)).body.data;
    expect((await historyOf(a.contactId)).contact.id).toBe(c.contactId);
    expect((await undo(inner.id)).status).toBe(409);
    expect((await undo(outer.id)).status).toBe(200);
    expect((await historyOf(a.contactId)).contact).toMatchObject({ id: b.contactId });
    expect((await historyOf(c.contactId)).calls).toEqual([c.callId]);
    expect((await undo(inner.id)).status).toBe(200);
    expect((await historyOf(a.contactId)).calls).toEqual([a.callId]);
  });

  it('are deleted together', async () => {
    const [a, b, bystander] = [await person(), await person({ name: 'Pat Reyes' }), await person()];
    await merge(a.contactId, b.contactId);
    expect((await manager.delete(`/contacts/${b.contactId}`)).status).toBe(204);
    for (const id of [a.contactId, b.contactId]) expect((await csr.get(`/contacts/${id}`)).status).toBe(404);
    for (const id of [a.callId, b.callId]) expect((await csr.get(`/calls/${id}`)).status).toBe(404);
    const left = await api.db.select().from(contactCards).where(eq(contactCards.companyId, rows.companyId));
    expect(left.map(({ id }) => id)).toEqual([bystander.contactId]);
    expect(await api.db.select().from(contactMerges).where(eq(contactMerges.companyId, rows.companyId))).toEqual([]);
    const audits = await api.db.select().from(auditLog).where(eq(auditLog.subjectId, a.contactId));
    expect(audits.map(({ reason }) => reason)).toEqual(audits.map(() => null));
  });

  it('are not deleted by half when they are merged at the same moment', async () => {
    const [a, b] = [await person(), await person()];
    let deletion: ReturnType<Caller['delete']> | undefined;
    await api.db.transaction(async (tx) => {
      const merging = {
        actor: { userId: 'csr', companyId: rows.companyId, role: 'csr', expiresAt: new Date() },
      } as const;
      const access = { ...merging, companyId: rows.companyId, repId: undefined };
      await mergeContacts(tx, access, a.contactId, { otherContactId: b.contactId, reason: 'Called from work' });
      deletion = manager.delete(`/contacts/${b.contactId}`);
      await eventually(async () => {
        const [row] = await api.db.execute<{
          waiting: number;
        }>(sql`select count(*)::int as waiting from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`);
        expect(row?.waiting).toBeGreaterThan(0);
      });
    });
    expect(await deletion).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await historyOf(a.contactId)).calls).toEqual([a.callId, b.callId].sort());
  });

  it('are merged by a csr or a manager of their company alone, and not with themselves', async () => {
    const [a, b] = [await person(), await person()];
    const body = { other_contact_id: b.contactId, reason: 'x' };
    const executive = await api.as('executive', rows.companyId);
    expect((await executive.post(`/contacts/${a.contactId}/merge`, body)).status).toBe(403);
    expect((await stranger.post(`/contacts/${a.contactId}/merge`, body)).status).toBe(404);
    expect((await merge(a.contactId, a.contactId)).status).toBe(409);
    expect((await merge(a.contactId, 'none')).status).toBe(404);
    expect((await csr.post(`/contacts/${a.contactId}/merge`, { other_contact_id: b.contactId })).status).toBe(422);
    const { id } = (await merge(a.contactId, b.contactId)).body.data;
    expect((await merge(a.contactId, b.contactId)).status).toBe(409);
    expect((await stranger.post(`/contacts/merges/${id}/undo`, { reason: 'x' })).status).toBe(404);
  });
});
