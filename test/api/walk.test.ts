/**
 * Every operation of the OpenAPI document as every role, without a token, as another company and as another rep, with ids
 * that exist. The contract's role table is written down here a second time: what the code says is not asked.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contactCards,
  contactMerges,
  followUps,
  trackingNumbers,
  webhookDeliveries,
  webhookEndpoints,
  webhookEvents,
} from '../../src/db/schema/index.ts';
import type { Role } from '../../src/domain/user.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { createTestNamespace } from '../harness/infra.ts';
import { operationsOf } from '../harness/openapi.ts';
import { makeCompany } from '../harness/rows.ts';

const ROLES: Role[] = ['csr', 'sales_rep', 'manager', 'executive', 'admin'];

/** company: all rows of the caller's company · own: those of the caller's appointments · all: of every company. */
type Reach = Partial<Record<Role, 'company' | 'own' | 'all'>>;

interface Rule {
  reach: Reach;
  /** What is sent; about the rows of a target. */
  body?: (target: Target) => object;
  query?: (target: Target) => string;
  /** Names in its body are those of a target: out of reach, they are answered with this. */
  unreached?: number;
  /** A list: shows this of each target in reach, unless a filter of its query leaves only one. */
  lists?: (target: Target) => string;
}

const READERS: Reach = { csr: 'company', sales_rep: 'own', manager: 'company', executive: 'company' };
const FOLLOW_UPS: Reach = { csr: 'company', manager: 'company', executive: 'company' };
const VISITS: Reach = { sales_rep: 'own', manager: 'company', executive: 'company' };
const OPERATE: Reach = { manager: 'company', admin: 'all' };
const OPERATE_READ: Reach = { ...OPERATE, executive: 'company' };
const USERS: Reach = { csr: 'company', manager: 'company', executive: 'company', admin: 'all' };
const ADMIN: Reach = { admin: 'all' };
const SET_UP: Reach = { manager: 'company', admin: 'all' };
const COMPANY: Reach = { csr: 'company', sales_rep: 'company', manager: 'company', executive: 'company' };
const ofCompany = (target: Target) => `company_id=${target.companyId}`;
const reason = () => ({ reason: 'why' });

const RULES: Record<string, Rule> = {
  'GET /me': { reach: { ...COMPANY, admin: 'all' } },
  'POST /companies': { reach: ADMIN, body: () => ({ name: 'New' }) },
  'GET /companies': { reach: SET_UP },
  'GET /companies/{id}': { reach: SET_UP },
  'PATCH /companies/{id}': { reach: ADMIN, body: () => ({ name: 'New' }) },
  'POST /companies/{id}/tracking-numbers': { reach: ADMIN, body: () => ({ phone_number: newNumber() }) },
  'GET /companies/{id}/tracking-numbers': { reach: SET_UP },
  'DELETE /companies/{id}/tracking-numbers/{phone_number}': { reach: ADMIN },
  'GET /companies/{id}/scorecard': { reach: OPERATE_READ },
  'PUT /companies/{id}/scorecard': { reach: OPERATE, body: () => ({ stages: [{ name: 'Greeting', weight: 1 }] }) },
  'GET /companies/{id}/scorecard/versions': { reach: OPERATE_READ },
  'POST /companies/{id}/users': { reach: ADMIN, body: () => ({ id: randomUUID(), role: 'csr', name: 'New' }) },
  'GET /companies/{id}/users': { reach: USERS },
  'GET /companies/{id}/users/{user_id}': { reach: USERS },
  'PATCH /companies/{id}/users/{user_id}': { reach: ADMIN, body: () => ({ name: 'New' }) },

  'GET /calls': { reach: READERS, lists: (target) => target.callId },
  'GET /calls/{id}': { reach: READERS },
  'GET /calls/{id}/transcript': { reach: READERS },
  'GET /calls/{id}/analysis': { reach: READERS },
  'GET /calls/{id}/recording': { reach: READERS },
  'PATCH /calls/{id}/analysis': { reach: OPERATE, body: () => ({ reason: 'why', summary: 'what' }) },
  'POST /calls/{id}/reanalyze': { reach: OPERATE, body: reason },
  'DELETE /calls/{id}': { reach: OPERATE },
  'GET /exports/calls': { reach: READERS, lists: (target) => target.callId },

  'GET /leads': { reach: READERS, lists: (target) => target.leadId },
  'GET /leads/{id}': { reach: READERS },
  'PATCH /leads/{id}': { reach: { csr: 'company', manager: 'company' }, body: () => ({ status: 'hot', notes: 'x' }) },
  'GET /follow-ups': { reach: FOLLOW_UPS, lists: (target) => target.followUpId },
  'GET /follow-ups/{id}': { reach: FOLLOW_UPS },
  'PATCH /follow-ups/{id}': {
    reach: { csr: 'company', manager: 'company' },
    body: () => ({ status: 'done', note: 'x' }),
  },
  'GET /exports/leads': { reach: READERS, lists: (target) => target.leadId },
  'GET /contacts': { reach: READERS, lists: (target) => target.contactId },
  'GET /contacts/{id}': { reach: READERS },
  'PATCH /contacts/{id}': { reach: { csr: 'company', manager: 'company' }, body: () => ({ notes: 'x' }) },
  'POST /contacts/{id}/merge': {
    reach: { csr: 'company', manager: 'company' },
    body: (target) => ({ other_contact_id: target.otherContactId, reason: 'why' }),
  },
  'POST /contacts/merges/{merge_id}/undo': { reach: { csr: 'company', manager: 'company' }, body: reason },
  'DELETE /contacts/{id}': { reach: OPERATE },

  'GET /appointments': { reach: READERS, lists: (target) => target.appointmentId },
  'GET /appointments/today/self': { reach: READERS },
  'POST /appointments': {
    reach: { csr: 'company', manager: 'company' },
    body: (target) => ({ lead_id: target.leadId, scheduled_start: '2030-01-01T10:00:00Z' }),
    unreached: 404,
  },
  'GET /appointments/{id}': { reach: READERS },
  'PATCH /appointments/{id}': {
    reach: { csr: 'company', sales_rep: 'own', manager: 'company' },
    body: () => ({ outcome: 'won' }),
  },
  'POST /appointments/{id}/reschedule': {
    reach: { csr: 'company', manager: 'company' },
    body: () => ({ scheduled_start: '2030-01-02T10:00:00Z' }),
  },
  'GET /exports/appointments': { reach: READERS, lists: (target) => target.appointmentId },

  'POST /recordings/sessions/start': {
    reach: { sales_rep: 'own' },
    body: (target) => ({ appointment_id: target.appointmentId }),
    unreached: 404,
  },
  'POST /recordings/sessions/{id}/stop': {
    reach: { sales_rep: 'own' },
    body: () => ({ audio_url: 'https://callrail.com/a.mp3' }),
  },
  'GET /recordings/sessions': { reach: VISITS, lists: (target) => target.sessionId },
  'GET /recordings/sessions/{id}': { reach: VISITS },

  'GET /events': { reach: READERS },
  'POST /events/ticket': { reach: READERS },
  'POST /webhook-endpoints': {
    reach: OPERATE,
    body: (target) => ({ url: 'https://example.com/', company_id: target.companyId }),
    unreached: 404,
  },
  'GET /webhook-endpoints': { reach: OPERATE_READ, query: ofCompany, lists: (target) => target.endpointId },
  'GET /webhook-endpoints/{id}': { reach: OPERATE_READ },
  'PATCH /webhook-endpoints/{id}': { reach: OPERATE, body: () => ({ description: 'New' }) },
  'DELETE /webhook-endpoints/{id}': { reach: OPERATE },
  'GET /webhook-deliveries': { reach: OPERATE_READ, query: ofCompany, lists: (target) => target.deliveryId },
  'GET /webhook-deliveries/{id}': { reach: OPERATE_READ },
  'POST /webhook-deliveries/{id}/resend': { reach: OPERATE },

  'GET /metrics/csr/overview/self': { reach: { csr: 'company', manager: 'company', executive: 'company' } },
  'GET /metrics/sales/rep/overview/self': { reach: { sales_rep: 'company', manager: 'company', executive: 'company' } },
  'GET /metrics/exec/objections': { reach: { manager: 'company', executive: 'company' } },
  'GET /metrics/exec/csr/overview': { reach: { manager: 'company', executive: 'company' } },
  'GET /metrics/exec/sales/overview': { reach: { manager: 'company', executive: 'company' } },

  'GET /pipelines': { reach: OPERATE_READ, query: ofCompany, lists: (target) => target.workflowId },
  'GET /pipelines/{workflow_id}': { reach: OPERATE_READ },
  'POST /pipelines/{workflow_id}/retry': { reach: OPERATE, body: reason },
  'POST /pipelines/{workflow_id}/skip': { reach: OPERATE, body: reason },
  'POST /pipelines/retry': {
    reach: OPERATE,
    body: (target) => ({ filter: { company_id: target.companyId }, reason: 'why' }),
  },
  'GET /webhook-events': { reach: OPERATE_READ, query: ofCompany, lists: (target) => target.eventId },
  'GET /webhook-events/{id}': { reach: OPERATE_READ },
  'POST /webhook-events/{id}/redrive': { reach: OPERATE },
  'GET /audit': { reach: OPERATE_READ, query: ofCompany },
};

/** Operations that no token is asked for, and how they answer somebody who has neither signature nor link. */
const OPEN: Record<string, number> = {
  'GET /healthz': 200,
  'GET /readyz': 200,
  'GET /metrics': 200,
  'GET /recordings/{token}': 403,
  'POST /callrail/call.incoming': 200,
  'POST /callrail/call.answered': 200,
  'POST /callrail/call.completed': 200,
  'POST /callrail/call.missed': 200,
  'POST /callrail/call.modified': 200,
  'POST /shunya/webhook': 401,
};

let api: ApiApp;
beforeAll(async () => {
  const { address, namespace } = await createTestNamespace();
  api = await startApiApp({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace });
});
afterAll(() => api.stop());

let numbers = 0;
const newNumber = () => {
  numbers += 1;
  return `+1555${1_000_000 + numbers}`;
};

type Target = Awaited<ReturnType<typeof makeTarget>>;

/** Everything that hangs on one appointment of a rep. */
async function makeTarget(company: Awaited<ReturnType<typeof makeCompany>>, repId: string) {
  const { companyId } = company;
  const phoneNumber = newNumber();
  const { leadId, contactId } = await company.lead({ phoneNumber });
  const blocked = { stage: 'transcribing', blockedOn: 'shunya_transcription', needsAttention: true } as const;
  const call = await company.call({ leadId, contactId, ...blocked });
  await company.analysis(call.id);
  await company.transcript(call.id, 'what was said');
  // Now, so that it is one of today too.
  const appointmentId = await company.appointment({
    leadId,
    contactId,
    callId: call.id,
    assignedRepId: repId,
    scheduledStart: new Date(),
  });
  const followUpId = randomUUID();
  const dates = { calledAt: new Date(), dueAt: new Date() };
  await api.db
    .insert(followUps)
    .values({ id: followUpId, companyId, contactId, leadId, callId: call.id, kind: 'missed', ...dates });
  const [otherContactId, mergedContactId, mergeId] = [randomUUID(), randomUUID(), randomUUID()];
  await api.db.insert(contactCards).values({ id: otherContactId, companyId });
  await api.db.insert(contactCards).values({ id: mergedContactId, companyId, mergedIntoId: contactId });
  const moved = { calls: [], leads: [], appointments: [], contacts: [], name: false };
  await api.db
    .insert(contactMerges)
    .values({ id: mergeId, companyId, contactId, mergedContactId, moved, mergedBy: 'csr' });
  const sessionId = await company.visit(appointmentId, { status: 'recording', stage: 'awaiting_end' });
  const trackingNumber = newNumber();
  await api.db.insert(trackingNumbers).values({ companyId, phoneNumber: trackingNumber });
  const eventId = randomUUID();
  const event = { source: 'callrail', route: 'call.incoming', status: 'pending', body: Buffer.from('{}') } as const;
  await api.db.insert(webhookEvents).values({ ...event, id: eventId, companyId, bodySha256: eventId });
  const endpointId = randomUUID();
  const endpoint = { url: 'https://example.com/', events: ['lead.updated' as const], secret: 'whsec_AAAA' };
  await api.db.insert(webhookEndpoints).values({ ...endpoint, id: endpointId, companyId });
  const deliveryId = randomUUID();
  const delivery = { endpointId, eventType: 'lead.updated' as const, subjectId: leadId };
  await api.db.insert(webhookDeliveries).values({ ...delivery, id: deliveryId, companyId });
  const workflowId = `call:${companyId}:${call.providerCallId}`;
  return {
    companyId,
    repId,
    callId: call.id,
    leadId,
    contactId,
    otherContactId,
    mergeId,
    phoneNumber,
    appointmentId,
    sessionId,
    followUpId,
    trackingNumber,
    eventId,
    endpointId,
    deliveryId,
    workflowId,
  };
}

/** Two companies with two reps each; the reps have the same ids in both. */
async function makeWorld() {
  const makeOne = async () => {
    const company = await makeCompany(api.db);
    for (const role of ['csr', 'manager', 'executive'] as const) await company.user(role, role);
    for (const repId of ['rep', 'colleague']) await company.user(repId, 'sales_rep');
    return [await makeTarget(company, 'rep'), await makeTarget(company, 'colleague')] as const;
  };
  const [[mine, colleagues], [foreign, foreignColleagues]] = [await makeOne(), await makeOne()];
  return { mine, colleagues, foreign, foreignColleagues };
}
type World = Awaited<ReturnType<typeof makeWorld>>;

/** The path of an operation with the ids of a target. */
function urlOf(name: string, target: Target, query = ''): string {
  const path = name.replace(/^\S+ /, '');
  const idOf: Record<string, string> = {
    companies: target.companyId,
    calls: target.callId,
    leads: target.leadId,
    contacts: target.contactId,
    appointments: target.appointmentId,
    recordings: target.sessionId,
    'follow-ups': target.followUpId,
    'webhook-events': target.eventId,
    'webhook-endpoints': target.endpointId,
    'webhook-deliveries': target.deliveryId,
  };
  const values: Record<string, string | undefined> = {
    id: idOf[path.split('/')[1] ?? ''],
    user_id: target.repId,
    phone_number: target.trackingNumber,
    workflow_id: target.workflowId,
    merge_id: target.mergeId,
  };
  const filled = path.replaceAll(/{(.+?)}/g, (_, key: string) => encodeURIComponent(values[key] ?? `no ${key}`));
  return query === '' ? filled : `${filled}?${query}`;
}

/** What tells a target's rows in an answer. */
const marksOf = (target: Target): string[] => [
  target.callId,
  target.leadId,
  target.contactId,
  target.appointmentId,
  target.sessionId,
  target.followUpId,
  target.endpointId,
  target.deliveryId,
  target.phoneNumber,
];

/** Everything that a request may change: how many rows there are, and what those of this world and of nobody hold. */
async function fingerprint({ mine, foreign }: World): Promise<string> {
  const tables = [
    ...['calls', 'leads', 'contact_cards', 'contact_merges', 'appointments', 'recording_sessions', 'call_analyses'],
    ...['call_transcripts', 'webhook_endpoints', 'webhook_deliveries', 'companies', 'tracking_numbers', 'users'],
    ...['webhook_events', 'audit_log', 'analysis_runs'],
  ];
  const parts = tables.map((table) => {
    const company = sql.identifier(table === 'companies' ? 'id' : 'company_id');
    return sql`(select count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0))
      filter (where ${company} in (${mine.companyId}, ${foreign.companyId}) or ${company} is null), 0)
      from ${sql.identifier(table)} t)`;
  });
  const [row] = await api.db.execute<{ all: string }>(sql`select concat_ws(' ', ${sql.join(parts, sql`, `)}) as all`);
  return row?.all ?? '';
}

const isInReach = (reach: 'company' | 'own' | 'all', target: Target, { mine }: World) =>
  reach === 'all' || (target.companyId === mine.companyId && (reach === 'company' || target.repId === mine.repId));

describe('the walk', () => {
  it('covers every operation of the document', () => {
    const names = operationsOf(api.document).map(({ name }) => name);
    expect(names.sort()).toEqual([...Object.keys(RULES), ...Object.keys(OPEN)].sort());
    for (const { name, isOpen } of operationsOf(api.document)) expect([name, isOpen]).toEqual([name, name in OPEN]);
  });

  it('lets everybody do what the table says, and nothing else', { timeout: 600_000 }, async () => {
    let world = await makeWorld();
    let before = await fingerprint(world);
    const wrong: string[] = [];
    const counts = { allowed: 0, forbidden: 0, hidden: 0, anonymous: 0 };

    for (const { name, method } of operationsOf(api.document).filter((operation) => !operation.isOpen)) {
      const rule = RULES[name];
      if (!rule) continue;
      const isAboutRows = name.includes('{') || rule.unreached !== undefined;
      for (const role of ROLES) {
        const reach = rule.reach[role];
        // Without ids in it, one request shows all that a role sees; with a filter of another company, still no more.
        const targets = isAboutRows || rule.query ? (['mine', 'colleagues', 'foreign'] as const) : (['mine'] as const);
        for (const which of targets) {
          const target = world[which];
          const caller = await api.as(role, world.mine.companyId, role === 'sales_rep' ? 'rep' : role);
          const send = {
            GET: caller.get,
            POST: caller.post,
            PUT: caller.put,
            PATCH: caller.patch,
            DELETE: caller.delete,
          }[method];
          const answer = await send?.(urlOf(name, target, rule.query?.(target)), rule.body?.(target));
          if (!answer) throw new Error(`${method} is not tried`);
          const { status, text } = answer;
          const is = (what: string) => wrong.push(`${name} as ${role} on ${which}: ${status}, ${what}`);

          // A set-up path names a company, which has no reps of its own.
          const ofTarget = reach === 'own' && name.includes('/companies') ? 'company' : reach;
          const isReached = ofTarget !== undefined && (!isAboutRows || isInReach(ofTarget, target, world));
          if (reach === undefined) {
            counts.forbidden += 1;
            if (status !== 403) is('expected 403');
          } else if (!isReached) {
            counts.hidden += 1;
            if (status !== (rule.unreached ?? 404)) is(`expected ${rule.unreached ?? 404}`);
          } else {
            counts.allowed += 1;
            // A state may forbid it: an analysis that runs cannot be repeated.
            if (!(status >= 200 && status < 300) && status !== 409) is('expected success');
          }

          // No answer at all shows rows out of reach, and every list shows those within.
          for (const other of Object.values(world)) {
            const mayShow = ofTarget !== undefined && isInReach(ofTarget, other, world);
            // What was asked for is in the path of a problem.
            const shown = marksOf(other).filter((mark) => text.includes(mark) && !(status >= 400 && other === target));
            if (!mayShow && shown.length > 0) is(`shows ${shown.join(', ')}`);
            const isAskedFor = !rule.query || role !== 'admin' || other.companyId === target.companyId;
            if (rule.lists && mayShow && isAskedFor && !text.includes(rule.lists(other))) is('a row is missing');
          }
          const after = await fingerprint(world);
          if (!isReached && after !== before) is('has changed something');
          // What was reached may be gone now.
          const isChanged = method !== 'GET' && after !== before;
          if (isChanged) world = await makeWorld();
          before = isChanged ? await fingerprint(world) : after;
        }
      }

      for (const authorization of [undefined, 'Bearer x', 'Basic eDp5']) {
        const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
        const body = rule.body && JSON.stringify(rule.body(world.mine));
        const url = `/api/v1${urlOf(name, world.mine, rule.query?.(world.mine))}`;
        const { status } = await api.request(url, { method, headers, body });
        counts.anonymous += 1;
        if (status !== 401) wrong.push(`${name} with ${authorization}: ${status}`);
      }
      if ((await fingerprint(world)) !== before) wrong.push(`${name} has changed something without a token`);
    }

    expect(wrong).toEqual([]);
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    process.stdout.write(
      `walk: ${Object.keys(RULES).length} operations, ${total} combinations: ${counts.allowed} allowed, ` +
        `${counts.forbidden} forbidden (403), ${counts.hidden} hidden (404, 422), ${counts.anonymous} without a token (401)\n`,
    );
    expect(total).toBeGreaterThan(600);
  });

  it('has no data behind a route without a token', async () => {
    const world = await makeWorld();
    const { authorization } = await (await api.as('manager', world.mine.companyId)).headers();
    for (const { name, method, path } of operationsOf(api.document).filter(({ isOpen }) => isOpen)) {
      const url = path.replace('{token}', 'eyJhbGci.eyJjb250.V1Z0');
      for (const headers of [undefined, { authorization }]) {
        const body = method === 'POST' ? JSON.stringify({ call_id: name, job_id: 'unknown' }) : undefined;
        const answer = await api.request(url, { method, headers, body });
        expect([name, answer.status]).toEqual([name, OPEN[name]]);
        const text = await answer.text();
        for (const mark of Object.values(world).flatMap(marksOf)) expect(text).not.toContain(mark);
      }
    }
    // Nor behind one that the document does not know.
    const routes = api.app.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/'));
    for (const { method, path } of routes) {
      if (/^\/api\/v1\/(callrail|shunya)\/|:token/.test(path)) continue;
      const answer = await api.request(path.replaceAll(/:[^/]+/g, 'x'), { method });
      expect([`${method} ${path}`, answer.status]).toEqual([`${method} ${path}`, 401]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  it('keeps what has no company to the admin', async () => {
    const eventId = randomUUID();
    const event = { source: 'callrail', route: 'call.incoming', status: 'unrouted', body: Buffer.from('{}') } as const;
    await api.db.insert(webhookEvents).values({ ...event, id: eventId, bodySha256: eventId });
    const { mine } = await makeWorld();
    for (const role of ['manager', 'executive', 'admin'] as const) {
      const caller = await api.as(role, mine.companyId);
      const isSeen = (await caller.get('/webhook-events?status=unrouted&limit=200')).text.includes(eventId);
      const { status } = await caller.get(`/webhook-events/${eventId}`);
      expect([role, isSeen, status]).toEqual([role, role === 'admin', role === 'admin' ? 200 : 404]);
    }
    const manager = await api.as('manager', mine.companyId);
    expect((await manager.post(`/webhook-events/${eventId}/redrive`)).status).toBe(404);
  });

  it('lets csr and sales rep change only the fields of the table', async () => {
    const { mine } = await makeWorld();
    const csr = await api.as('csr', mine.companyId);
    const rep = await api.as('sales_rep', mine.companyId, 'rep');
    const lead = { status: 'hot', notes: 'x', qualification: 'hot', assigned_rep_id: 'rep', source: 'x' };
    for (const [field, value] of Object.entries(lead)) {
      const { status } = await csr.patch(`/leads/${mine.leadId}`, { [field]: value });
      expect([field, status]).toEqual([field, ['status', 'notes'].includes(field) ? 200 : 403]);
    }
    const appointment = {
      outcome: 'pending',
      status: 'confirmed',
      scheduled_start: '2030-01-01T10:00:00Z',
      duration_minutes: 30,
      assigned_rep_id: 'colleague',
      location: 'x',
      service_type: 'x',
    };
    for (const [field, value] of Object.entries(appointment)) {
      const { status } = await rep.patch(`/appointments/${mine.appointmentId}`, { [field]: value });
      expect([field, status]).toEqual([field, field === 'outcome' ? 200 : 403]);
    }
  });
});
