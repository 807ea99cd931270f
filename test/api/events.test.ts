/** The live feed: what is told to whom, and that nothing is missed. On real Postgres and real HTTP. */
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { eq, sql } from 'drizzle-orm';
import { SignJWT } from 'jose';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEventTickets } from '../../src/api/live/eventTickets.ts';
import { feedEnd, listChanges } from '../../src/db/queries/changes.ts';
import { appointments, auditLog, calls, changes, contactCards, leads } from '../../src/db/schema/index.ts';
import type { Role } from '../../src/domain/user.ts';
import { pruneChanges } from '../../src/services/upkeep/pruneChanges.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type EventClient, openEvents } from '../harness/eventSource.ts';
import { eventually } from '../harness/poll.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let baseUrl: string;
let closeServer: () => void;
const clients: EventClient[] = [];

beforeAll(async () => {
  api = await startApiApp();
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' });
  await eventually(() => expect(server.listening).toBe(true));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
  closeServer = () => server.close();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  closeServer();
  await api.stop();
});

async function tokenOf(role: Role, companyId: string, userId: string = role, expiresIn = '1h') {
  return new SignJWT({ role, company_id: companyId })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime(expiresIn)
    .sign(new TextEncoder().encode(api.config.auth.jwtSecret));
}

async function follow(token: string, headers: Record<string, string> = {}) {
  const client = await openEvents(`${baseUrl}/events`, { authorization: `Bearer ${token}`, ...headers });
  clients.push(client);
  await client.until(({ event }) => event === 'ready' || event === 'reset');
  return client;
}

const followAs = async (role: Role, companyId: string, userId?: string) =>
  follow(await tokenOf(role, companyId, userId));

const kindsOf = ({ events }: EventClient) =>
  [...new Set(events.map(({ event }) => event))].filter((name) => name !== 'ready').sort();

describe('what is told', () => {
  it('tells a manager of calls, leads, appointments, visits and pipelines, each as its GET answers it', async () => {
    const company = await makeCompany(api.db);
    const manager = await followAs('manager', company.companyId);
    const call = await company.call({ stage: 'transcribing' });
    const appointmentId = await company.appointment({ contactId: call.contactId, leadId: call.leadId });
    const visitId = await company.visit(appointmentId);

    const rest = await api.as('manager', company.companyId);
    for (const [kind, path, id] of [
      ['call', 'calls', call.id],
      ['lead', 'leads', call.leadId],
      ['appointment', 'appointments', appointmentId],
      ['visit', 'recordings/sessions', visitId],
    ] as const) {
      const { data } = await manager.until(({ event, data }) => event === kind && data.id === id);
      expect(data).toEqual({ kind, id, data: (await rest.get(`/${path}/${id}`)).body.data });
    }
    const { data: pipeline } = await manager.until(({ event, data }) => event === 'pipeline' && data.id === call.id);
    const { items } = (await rest.get('/pipelines?kind=call')).body.data;
    expect(pipeline.data).toEqual(items[0]);
  });

  it('tells of an analysis and of a contact’s name as changes of what shows them', async () => {
    const company = await makeCompany(api.db);
    const call = await company.call();
    const manager = await followAs('manager', company.companyId);
    await company.analysis(call.id, { qualification: 'hot', summary: 'Wants a roof.' });
    await manager.until(({ event, data }) => event === 'call' && data.data.analysis?.qualification === 'hot');
    await api.db.update(contactCards).set({ name: 'Ada' }).where(eq(contactCards.id, call.contactId));
    await manager.until(({ event, data }) => event === 'call' && data.data.contact.name === 'Ada');
    await manager.until(({ event, data }) => event === 'lead' && data.data.contact.name === 'Ada');
  });

  it('says nothing of an update that changed nothing', async () => {
    const company = await makeCompany(api.db);
    const { leadId } = await company.lead();
    const count = async () => api.db.$count(changes, eq(changes.companyId, company.companyId));
    const before = await count();
    await api.db.update(leads).set({ status: 'new' }).where(eq(leads.id, leadId));
    expect(await count()).toBe(before);
    await api.db.update(leads).set({ status: 'hot' }).where(eq(leads.id, leadId));
    expect(await count()).toBe(before + 1);
  });

  it('tells that something is gone', async () => {
    const company = await makeCompany(api.db);
    const { leadId } = await company.lead();
    const manager = await followAs('manager', company.companyId);
    await api.db.delete(leads).where(eq(leads.id, leadId));
    const { data } = await manager.until(({ event }) => event === 'lead');
    expect(data).toEqual({ kind: 'lead', id: leadId, data: null, gone: true });
  });
});

describe('to whom', () => {
  it('tells nobody of another company', async () => {
    const [mine, other] = [await makeCompany(api.db), await makeCompany(api.db)];
    const manager = await followAs('manager', mine.companyId);
    const theirs = await other.call();
    const { leadId } = await mine.lead();
    await manager.until(({ event, data }) => event === 'lead' && data.id === leadId);
    expect(JSON.stringify(manager.events)).not.toContain(theirs.id);
    expect(JSON.stringify(manager.events)).not.toContain(other.companyId);
  });

  it('tells a role what it may read: a csr neither visits nor pipelines', async () => {
    const company = await makeCompany(api.db);
    const [csr, executive] = [await followAs('csr', company.companyId), await followAs('executive', company.companyId)];
    const call = await company.call();
    const appointmentId = await company.appointment({ contactId: call.contactId, leadId: call.leadId });
    await company.visit(appointmentId);
    const { leadId } = await company.lead();
    for (const client of [csr, executive]) await client.until(({ data }) => data.id === leadId);
    expect(kindsOf(csr)).toEqual(['appointment', 'call', 'lead']);
    expect(kindsOf(executive)).toEqual(['appointment', 'call', 'lead', 'pipeline', 'visit']);
  });

  it('tells a sales rep of own appointments and what hangs on them, and of the loss of one', async () => {
    const company = await makeCompany(api.db);
    const [rep, otherRep] = [
      await followAs('sales_rep', company.companyId, 'rep-1'),
      await followAs('sales_rep', company.companyId, 'rep-2'),
    ];
    const call = await company.call();
    const mine = { contactId: call.contactId, leadId: call.leadId, assignedRepId: 'rep-1' };
    const appointmentId = await company.appointment(mine);
    const visitId = await company.visit(appointmentId);
    await rep.until(({ event, data }) => event === 'appointment' && data.id === appointmentId);
    await rep.until(({ event, data }) => event === 'visit' && data.id === visitId);
    await api.db.update(calls).set({ durationSeconds: 61 }).where(eq(calls.id, call.id));
    await rep.until(({ event, data }) => event === 'call' && data.data.duration_seconds === 61);
    expect(otherRep.events.filter(({ event }) => event !== 'ready')).toEqual([]);

    await api.db.update(appointments).set({ assignedRepId: 'rep-2' }).where(eq(appointments.id, appointmentId));
    await otherRep.until(({ event, data }) => event === 'appointment' && data.data?.assigned_rep_id === 'rep-2');
    const { data } = await rep.until(({ data: { gone } }) => gone === true);
    expect(data).toEqual({ kind: 'appointment', id: appointmentId, data: null, gone: true });
  });

  it('refuses an admin, and whoever has no token', async () => {
    const company = await makeCompany(api.db);
    await expect(openEvents(`${baseUrl}/events`)).rejects.toThrow('401');
    const admin = { authorization: `Bearer ${await tokenOf('admin', company.companyId)}` };
    await expect(openEvents(`${baseUrl}/events`, admin)).rejects.toThrow('403');
  });
});

describe('coming back', () => {
  it('tells what was missed, then goes on live', async () => {
    const company = await makeCompany(api.db);
    const token = await tokenOf('manager', company.companyId);
    const first = await follow(token);
    const seen = await company.lead();
    await first.until(({ data }) => data.id === seen.leadId);
    const { lastEventId } = first.state;
    first.close();

    const witness = await follow(token);
    const missed = [await company.lead(), await company.lead()];
    // Changes are told once no older transaction is open, one of another suite on this server included.
    await witness.until(({ data }) => data.id === missed[1]?.leadId);
    witness.close();
    const second = await follow(token, { 'last-event-id': lastEventId });
    const live = await company.lead();
    await second.until(({ data }) => data.id === live.leadId);
    const told = second.events.map(({ event, data }) => (event === 'ready' ? event : data.id));
    expect(told).toEqual([...missed.map(({ leadId }) => leadId), 'ready', live.leadId]);
    expect(second.events.find(({ event }) => event === 'ready')?.data).toEqual({ resumed: true });
  });

  it('starts anew where the id is unknown, too old, of another history, or too much was missed', async () => {
    const company = await makeCompany(api.db);
    const token = await tokenOf('manager', company.companyId);
    const now = Math.floor(Date.now() / 1000);
    for (const id of ['nonsense', `1-1-${now - 100 * 3600}`, `999999999999-1-${now}`]) {
      const client = await follow(token, { 'last-event-id': id });
      expect(client.events[0]).toMatchObject({ event: 'reset', data: { reason: 'unknown_event_id' } });
      const { leadId } = await company.lead();
      await client.until(({ data }) => data.id === leadId);
      client.close();
    }
    await api.db.execute(sql`insert into changes (company_id, kind, subject_id, operation)
      select ${company.companyId}, 'lead', 'x' || i, 'insert' from generate_series(1, 1001) as i`);
    // The feed ends before the oldest transaction that is open anywhere on the server, also in another suite's database.
    const [last] = await api.db.execute<{ xid: string }>(sql`select max(xid)::text as xid from changes`);
    await eventually(async () => expect((await feedEnd(api.db)).xid > BigInt(last?.xid ?? 0)).toBe(true));
    const client = await follow(token, { 'last-event-id': `1-1-${now}` });
    expect(client.events[0]).toMatchObject({ event: 'reset', data: { reason: 'too_many_changes' } });
  });

  it('misses nothing of transactions that commit in another order than they wrote', async () => {
    const company = await makeCompany(api.db);
    const manager = await followAs('manager', company.companyId);
    const pool = postgres(api.config.databaseUrl, { max: 2, onnotice: () => {} });
    const [slow, quick] = [await company.lead(), await company.lead()];
    for (const { leadId } of [slow, quick]) await manager.until(({ data }) => data.id === leadId);
    const held = await pool.reserve();
    try {
      await held`begin`;
      await held`update leads set notes = 'slow' where id = ${slow.leadId}`;
      await pool`update leads set notes = 'quick' where id = ${quick.leadId}`;
      // The quick one has committed later rows: were they told now, the slow one's would lie before them.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(manager.events.some(({ data }) => data.data?.notes === 'quick')).toBe(false);
      await held`commit`;
      await manager.until(({ data }) => data.data?.notes === 'slow');
      await manager.until(({ data }) => data.data?.notes === 'quick');
    } finally {
      held.release();
      // Also ends a transaction that a failure left open: it would hold back the feed of every suite.
      await pool.end({ timeout: 0 });
    }
  });

  it('misses nothing under many writers at once', async () => {
    const company = await makeCompany(api.db);
    const start = await feedEnd(api.db);
    const read: string[] = [];
    let after = start;
    let writing = true;
    let lastXid: bigint | undefined;
    const reader = async () => {
      for (;;) {
        const wasWriting = writing;
        const until = await feedEnd(api.db);
        const rows = await listChanges(api.db, { after, until, companyId: company.companyId, limit: 10_000 });
        read.push(...rows.map((row) => row.subjectId));
        after = until;
        // The feed ends before the oldest transaction that is open anywhere on the server, also in another suite's database.
        if (!wasWriting && until.xid > (lastXid ?? 0n)) return;
      }
    };
    const reading = reader();
    const writers = Array.from({ length: 8 }, async () => {
      const ids: string[] = [];
      for (let i = 0; i < 40; i += 1) {
        // Several rows per transaction, of different lengths, so that commits overtake each other.
        await api.db.transaction(async (tx) => {
          const { leadId } = await (await makeRows(tx, company.companyId)).lead();
          ids.push(leadId);
          if (i % 3 === 0) await tx.execute(sql`select pg_sleep(0.01)`);
        });
      }
      return ids;
    });
    const written = (await Promise.all(writers)).flat();
    const [last] = await api.db.execute<{ xid: string }>(sql`select max(xid)::text as xid from changes`);
    lastXid = BigInt(last?.xid ?? 0);
    writing = false;
    await reading;
    expect([...read].sort()).toEqual([...written].sort());
  });
});

describe('a stream', () => {
  it('opens with a ticket in place of a bearer, for a minute and for nothing else', async () => {
    const company = await makeCompany(api.db);
    const rest = await api.as('csr', company.companyId);
    const bought = await rest.post('/events/ticket');
    expect(bought.status).toBe(201);
    const { ticket, expires_at: expiresAt } = bought.body.data;
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
    const client = await openEvents(`${baseUrl}/events?ticket=${ticket}`);
    clients.push(client);
    const { leadId } = await company.lead();
    await client.until(({ data }) => data.id === leadId);

    await expect(openEvents(`${baseUrl}/events?ticket=x${ticket}`)).rejects.toThrow('401');
    const asBearer = await fetch(`${baseUrl}/calls`, { headers: { authorization: `Bearer ${ticket}` } });
    expect(asBearer.status).toBe(401);
    expect((await fetch(`${baseUrl}/calls?ticket=${ticket}`)).status).toBe(401);
    const opened = await api.db.select().from(auditLog).where(eq(auditLog.companyId, company.companyId));
    expect(opened).toMatchObject([{ action: 'events.open', actorId: 'csr', actorRole: 'csr' }]);
  });

  it('takes no ticket that anybody else has signed, whatever secret they know', async () => {
    const { companyId } = await makeCompany(api.db);
    const actor = { userId: 'x', companyId, role: 'executive' as const, expiresAt: new Date('2999-01-01') };
    for (const secret of [...api.config.shunya.webhookSecrets, api.config.auth.jwtSecret ?? '']) {
      const { ticket } = await createEventTickets(async () => Buffer.from(secret)).issue(actor);
      await expect(openEvents(`${baseUrl}/events?ticket=${ticket}`)).rejects.toThrow('401');
    }
  });

  it('ends when its token ends', async () => {
    const company = await makeCompany(api.db);
    const client = await follow(await tokenOf('csr', company.companyId, 'csr', '2s'));
    await client.until(({ event, data }) => event === 'end' && data.reason === 'token_expired');
    await eventually(() => expect(client.state.ended).toBe(true));
  });

  it('of one user is bounded', async () => {
    const company = await makeCompany(api.db);
    const token = await tokenOf('csr', company.companyId, 'greedy');
    for (let i = 0; i < 12; i += 1) await follow(token);
    await expect(openEvents(`${baseUrl}/events`, { authorization: `Bearer ${token}` })).rejects.toThrow('429');
    clients[0]?.close();
    await eventually(async () => void (await follow(token)));
  });
});

describe('the feed', () => {
  it('is pruned by age, the oldest first', async () => {
    const { companyId } = await makeCompany(api.db);
    await api.db.execute(sql`insert into changes (company_id, kind, subject_id, operation, created_at) values
      (${companyId}, 'lead', 'old', 'insert', now() - interval '73 hours'), (${companyId}, 'lead', 'new', 'insert', now())`);
    expect(await pruneChanges(api.db)).toBe(1);
    const left = await api.db.select({ id: changes.subjectId }).from(changes).where(eq(changes.companyId, companyId));
    expect(left).toEqual([{ id: 'new' }]);
  });
});

/** Rows within a transaction. */
async function makeRows(tx: Parameters<Parameters<ApiApp['db']['transaction']>[0]>[0], companyId: string) {
  return {
    async lead() {
      const [contactId, leadId] = [crypto.randomUUID(), crypto.randomUUID()];
      await tx.insert(contactCards).values({ id: contactId, companyId });
      await tx.insert(leads).values({ id: leadId, companyId, contactId });
      return { leadId };
    },
  };
}
