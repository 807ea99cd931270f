/** What a person wants deleted is nowhere afterwards, also where it never became a call. */
import { createHmac, randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trackingNumbers } from '../../src/db/schema/index.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());

const KEY = 'key';

async function post(body: string, signature: string | null = createHmac('sha1', KEY).update(body).digest('base64')) {
  const headers = signature === null ? undefined : { signature };
  return api.request('/api/v1/callrail/call.completed', { method: 'POST', body, headers });
}

/** Every table in which one of the texts stands, as text or as bytes. */
async function tablesWith(...texts: string[]): Promise<string[]> {
  const tables = await api.db.execute<{ name: string }>(
    sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const needles = texts.flatMap((text) => [text, Buffer.from(text).toString('hex')]);
    const [row] = await api.db.execute<{ there: boolean }>(
      sql`select exists (select 1 from ${sql.identifier(name)} t
        where ${sql.join(
          needles.map((needle) => sql`strpos(t::text, ${needle}) > 0`),
          sql` or `,
        )}) as there`,
    );
    if (row?.there) found.push(name);
  }
  return found.sort();
}

it('deleting a contact leaves no value of the person in any table, events that made no call included', async () => {
  const rows = await makeCompany(api.db, { callrailSigningKeys: [KEY] });
  const { companyId } = rows;
  const tracking_number = '+12125550188';
  await api.db.insert(trackingNumbers).values({ companyId, phoneNumber: tracking_number });
  const phone = '+13035550142';
  const name = `Quentin ${randomUUID()}`;
  const { contactId, leadId } = await rows.lead({ phoneNumber: phone, name });
  const call = await rows.call({ contactId, leadId, recordingUrl: `https://api.callrail.com/${name}.mp3` });
  await rows.transcript(call.id, `This is ${name}`);
  const person = { caller_number: phone, customer_name: name };
  const other = { caller_number: '+13035550177', customer_name: 'Somebody Else', tracking_number: '+12125550199' };
  const bodies: [string, (string | null)?][] = [
    [JSON.stringify({ ...person, call_id: call.providerCallId, tracking_number })],
    [JSON.stringify({ ...person, tracking_number })],
    [JSON.stringify({ ...person, call_id: randomUUID(), tracking_number }), null],
    [JSON.stringify({ ...person, call_id: randomUUID(), tracking_number: '+12125550199' })],
    [JSON.stringify({ customer_name: name, call_id: call.providerCallId })],
    [JSON.stringify({ customer_name: name, call_id: call.providerCallId, note: 1 }), null],
    [JSON.stringify({ note: `call ${name} back at (303) 555-0142` })],
    [JSON.stringify({ ...other, call_id: randomUUID() })],
  ];
  const statuses = [];
  for (const [body, signature] of bodies) statuses.push((await post(body, signature)).status);
  expect(statuses).toEqual([200, 200, 401, 200, 200, 200, 200, 200]);
  expect(await tablesWith(name, phone)).toEqual(expect.arrayContaining(['calls', 'contact_cards', 'webhook_events']));

  const manager = await api.as('manager', companyId);
  expect((await manager.delete(`/contacts/${contactId}`)).status).toBe(204);
  expect(await tablesWith(name, phone, phone.slice(1), '555-0142')).toEqual([]);
  expect(await tablesWith('Somebody Else')).toEqual(['webhook_events']);
});

it('deleting a call leaves no event that names it, whoever it seemed to belong to', async () => {
  const rows = await makeCompany(api.db, { callrailSigningKeys: [KEY] });
  const call = await rows.call({ providerCallId: `CAL${randomUUID()}` });
  const named = (note: string) => JSON.stringify({ call_id: call.providerCallId, note });
  await post(named('signed by nobody'), null);
  await post(named('signed'));
  const { companyId: stranger } = await makeCompany(api.db);
  const manager = await api.as('manager', rows.companyId);
  const foreign = await api.as('manager', stranger);
  expect((await foreign.delete(`/calls/${call.id}`)).status).toBe(404);
  expect((await manager.delete(`/calls/${call.id}`)).status).toBe(204);
  expect(await tablesWith('signed by nobody', '"note":"signed"')).toEqual([]);
});
