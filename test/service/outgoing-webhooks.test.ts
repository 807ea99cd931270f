/** Outgoing webhooks: each effect is told once, signed, and until it has arrived. On the whole service. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { reviveLostDeliveries } from '../../src/services/deliveries/upkeep.ts';
import { openEvents } from '../harness/eventSource.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../harness/webhookReceiver.ts';

let service: Service;
const receivers: WebhookReceiver[] = [];

beforeAll(async () => {
  service = await startService({ WEBHOOK_RETRY_SECONDS: '0.3,0.3,0.3' });
});

afterAll(async () => {
  await Promise.all(receivers.map((receiver) => receiver.stop()));
  await service?.stop();
});

/** A company with one endpoint. */
async function listen(events?: string[]) {
  const receiver = await startWebhookReceiver();
  receivers.push(receiver);
  const company = await service.company();
  const endpoint = await company.manager.post('/webhook-endpoints', { url: receiver.url, events });
  return { company, receiver, endpoint, deliveries: () => company.manager.get('/webhook-deliveries?limit=200') };
}

/** A lead, by a call that was missed. */
async function makeLead(company: TestCompany): Promise<string> {
  const call = await company.play(company.simulate({ answered: false, recording: undefined }), ['incoming', 'missed']);
  return (await company.callIn(call, 'done')).lead_id;
}

const deliveryOf = async (company: TestCompany, id: string, status: string) =>
  eventually(async () => {
    const delivery = await company.manager.get(`/webhook-deliveries/${id}`);
    expect(delivery).toMatchObject({ status });
    return delivery;
  });

/** A history as text, with what its payloads say. */
const readable = (history: unknown): string =>
  JSON.stringify(history, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value));

describe.concurrent('events', () => {
  it('of a booked call arrive once each, signed, as the API answers', async () => {
    const { company, receiver, endpoint, deliveries } = await listen();
    const call = await company.play(company.simulate({ recording: recordingLink('booked') }));
    const done = await company.callIn(call, 'done');

    const analyzed = await receiver.until('call.analyzed');
    expect(analyzed.signedBy(endpoint.secret)).toBe(true);
    expect(analyzed.body.data).toEqual(await company.manager.get(`/calls/${done.id}`));
    const lead = await receiver.until('lead.updated');
    expect(lead.body.data).toMatchObject({ id: done.lead_id, status: 'qualified_booked' });
    const appointment = await receiver.until('appointment.created');
    expect(appointment.body.data).toMatchObject({ call_id: done.id });

    const log = await eventually(async () => {
      const page = await deliveries();
      expect(page.items.every(({ status }: { status: string }) => status === 'delivered')).toBe(true);
      return page;
    });
    const types = log.items.map((delivery: { event_type: string }) => delivery.event_type).sort();
    expect(types).toEqual(['appointment.created', 'call.analyzed', 'lead.updated']);
    expect(receiver.received).toHaveLength(3);
    expect(log.items.map(({ id }: { id: string }) => id).sort()).toEqual(receiver.received.map(({ id }) => id).sort());
  });

  it('of a visit and of people’s changes arrive too', async () => {
    const { company, receiver } = await listen();
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await receiver.until('lead.updated', (data) => data.status === 'hot');
    await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
    const appointment = await company.manager.post('/appointments', {
      lead_id: leadId,
      scheduled_start: '2030-05-01T10:00:00-04:00',
      assigned_rep_id: 'rep-1',
    });
    await receiver.until('appointment.created', (data) => data.id === appointment.id);

    const rep = company.as('sales_rep', 'rep-1');
    const session = await rep.post('/recordings/sessions/start', { appointment_id: appointment.id });
    await rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: recordingLink('won') });
    const visit = await receiver.until('visit.analyzed', (data) => data.id === session.id);
    expect(visit.body.data.pipeline.stage).toBe('done');
    expect(receiver.received.filter(({ body }) => body.type === 'visit.analyzed')).toHaveLength(1);
  });

  it('come only as asked for, and of one’s own company', async () => {
    const { company, receiver, deliveries } = await listen(['appointment.created']);
    const other = await listen();
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'warm' });
    const appointment = { lead_id: leadId, scheduled_start: '2030-05-02T10:00:00-04:00' };
    await company.manager.post('/appointments', appointment);
    await receiver.until('appointment.created');
    expect((await deliveries()).items).toHaveLength(1);
    expect((await other.deliveries()).items).toEqual([]);
    expect(other.receiver.received).toEqual([]);
  });

  it('leave nothing private in Temporal or in the log', async () => {
    const { company, receiver } = await listen(['lead.updated']);
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { notes: 'a very private note' });
    const { id, body } = await receiver.until('lead.updated');
    expect(body.data.notes).toBe('a very private note');
    const history = readable(await service.temporal.workflow.getHandle(`delivery:${id}`).fetchHistory());
    const rows = JSON.stringify(await service.sql`select * from webhook_deliveries where id = ${id}`);
    for (const text of [history, rows]) {
      expect(text).toContain(id);
      expect(text).not.toContain('private');
      expect(text).not.toContain(body.data.contact.phone_number);
      expect(text).not.toContain(receiver.url);
    }
  });
});

describe('a delivery', () => {
  it('is tried again under the same id until it is taken', async () => {
    const { company, receiver, deliveries } = await listen(['lead.updated']);
    receiver.answers.push(500, 302);
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await eventually(() => expect(receiver.received).toHaveLength(3));
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    const [delivery] = (await deliveries()).items;
    expect(await deliveryOf(company, delivery.id, 'delivered')).toMatchObject({
      attempts: 3,
      last_status: 200,
      last_error: null,
    });
  });

  it('is given up after the last attempt, and sent again when a person says so', async () => {
    const { company, receiver, deliveries } = await listen(['lead.updated']);
    receiver.answers.push(500, 500, 500, 503);
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await eventually(() => expect(receiver.received).toHaveLength(4));
    const [{ id }] = (await deliveries()).items;
    const failed = await deliveryOf(company, id, 'failed');
    expect(failed).toMatchObject({ attempts: 4, last_status: 503, last_error: 'http_503', next_attempt_at: null });

    await company.manager.post(`/webhook-deliveries/${id}/resend`, undefined, { status: 202 });
    expect(await deliveryOf(company, id, 'delivered')).toMatchObject({ attempts: 1, last_status: 200 });
    expect(receiver.received.map((webhook) => webhook.id)).toEqual(Array(5).fill(id));
  });

  it('that is answered 410 disables its endpoint', async () => {
    const { company, receiver, endpoint, deliveries } = await listen(['lead.updated']);
    receiver.answers.push(410);
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await eventually(async () =>
      expect(await company.manager.get(`/webhook-endpoints/${endpoint.id}`)).toMatchObject({
        enabled: false,
        disabled_reason: 'gone',
      }),
    );
    await company.manager.patch(`/leads/${leadId}`, { status: 'cold' });
    const { items } = await deliveries();
    expect(items).toHaveLength(1);
    await deliveryOf(company, items[0].id, 'failed');
    await company.manager.post(`/webhook-deliveries/${items[0].id}/resend`, undefined, { status: 409 });
    const mended = await company.manager.patch(`/webhook-endpoints/${endpoint.id}`, { enabled: true });
    expect(mended).toMatchObject({ enabled: true, disabled_reason: null });
  });

  it('of something that was deleted meanwhile is not sent', async () => {
    const { company, receiver, deliveries } = await listen(['lead.updated']);
    const leadId = await makeLead(company);
    receiver.answers.push(500, 500, 500, 500);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await eventually(() => expect(receiver.received.length).toBeGreaterThan(0));
    const { contact } = await company.manager.get(`/leads/${leadId}`);
    await company.manager.delete(`/contacts/${contact.id}`);
    const [{ id }] = (await deliveries()).items;
    const seen = await deliveryOf(company, id, 'failed');
    expect(['subject_deleted', 'http_500']).toContain(seen.last_error);
    receiver.answers.length = 0;
    const before = receiver.received.length;
    await company.manager.post(`/webhook-deliveries/${id}/resend`, undefined, { status: 202 });
    await eventually(async () =>
      expect(await company.manager.get(`/webhook-deliveries/${id}`)).toMatchObject({
        status: 'failed',
        last_error: 'subject_deleted',
      }),
    );
    expect(receiver.received).toHaveLength(before);
  });

  it('whose workflow was terminated is sent when its ring comes again', async () => {
    const { company, receiver, deliveries } = await listen(['lead.updated']);
    const leadId = await makeLead(company);
    receiver.answers.push(500);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    await eventually(() => expect(receiver.received.length).toBeGreaterThan(0));
    const [{ id }] = (await deliveries()).items;
    await service.temporal.workflow
      .getHandle(`delivery:${id}`)
      .terminate('by an operator')
      .catch(() => {});
    await company.manager.post(`/webhook-deliveries/${id}/resend`);
    await deliveryOf(company, id, 'delivered');
  });

  it('that has lost its workflow is found and rung', async () => {
    const { company, receiver } = await listen(['lead.updated']);
    const leadId = await makeLead(company);
    const { db, close } = openDatabase(service.databaseUrl, { max: 1 });
    try {
      await service.sql`
        insert into webhook_deliveries (id, company_id, endpoint_id, event_type, subject_id, next_attempt_at)
        select 'lost-' || id, company_id, id, 'lead.updated', ${leadId}, now() - interval '16 minutes'
        from webhook_endpoints where company_id = ${company.id}`;
      expect(await reviveLostDeliveries(db)).toBe(1);
      expect(await reviveLostDeliveries(db)).toBe(0);
    } finally {
      await close();
    }
    await receiver.until('lead.updated', (data) => data.id === leadId);
  });

  it('survives a kill -9 of the worker', async () => {
    const { company, receiver } = await listen(['lead.updated']);
    const leadId = await makeLead(company);
    await service.worker.kill9();
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    service.worker.start();
    await receiver.until('lead.updated', (data) => data.id === leadId, 60);
  });
});

describe.concurrent('an endpoint', () => {
  it('shows its secret once; after a rotation both sign', async () => {
    const { company, receiver, endpoint } = await listen(['lead.updated']);
    expect(endpoint.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const { secret: _, ...shown } = endpoint;
    expect(await company.manager.get(`/webhook-endpoints/${endpoint.id}`)).toEqual(shown);
    expect((await company.manager.get('/webhook-endpoints')).items).toEqual([shown]);
    const rotated = await company.manager.patch(`/webhook-endpoints/${endpoint.id}`, { rotate_secret: true });
    expect(rotated.secret).not.toBe(endpoint.secret);
    const leadId = await makeLead(company);
    await company.manager.patch(`/leads/${leadId}`, { status: 'hot' });
    const webhook = await receiver.until('lead.updated');
    expect([endpoint.secret, rotated.secret].map(webhook.signedBy)).toEqual([true, true]);
  });

  it('is for managers and admins, and of one company', async () => {
    const { company, endpoint } = await listen();
    const [csr, executive] = [company.as('csr'), company.as('executive')];
    await csr.get('/webhook-endpoints', { status: 403 });
    await executive.get('/webhook-endpoints');
    await executive.post('/webhook-endpoints', { url: 'http://127.0.0.1:1/' }, { status: 403 });
    const other = await service.company();
    for (const path of [`/webhook-endpoints/${endpoint.id}`]) {
      await other.manager.get(path, { status: 404 });
      await other.manager.patch(path, { enabled: false }, { status: 404 });
      await other.manager.delete(path, { status: 404 });
    }
    await service.admin.post('/webhook-endpoints', { url: 'http://127.0.0.1:1/' }, { status: 422 });
    const admins = { url: 'http://127.0.0.1:1/', company_id: other.id, events: ['visit.analyzed'] };
    const made = await service.admin.post('/webhook-endpoints', admins, { status: 201 });
    expect((await other.manager.get('/webhook-endpoints')).items.map(({ id }: { id: string }) => id)).toEqual([
      made.id,
    ]);
    await other.manager.delete(`/webhook-endpoints/${made.id}`, { status: 204 });
    await other.manager.get(`/webhook-endpoints/${made.id}`, { status: 404 });
  });

  it('refuses what is no URL or no event', async () => {
    const { manager } = await service.company();
    for (const body of [
      { url: 'ftp://x.example.com/' },
      { url: 'https://a:b@x.example.com/' },
      { url: 'http://127.0.0.1/', events: ['x'] },
    ])
      await manager.post('/webhook-endpoints', body, { status: 422 });
  });
});

describe('the end of the API', () => {
  it('is told to those who follow its events, and not held up by them', async () => {
    const company = await service.company();
    const { ticket } = await company.manager.post('/events/ticket');
    const client = await openEvents(`${service.baseUrl}/api/v1/events?ticket=${ticket}`);
    await client.until(({ event }) => event === 'ready');
    const startedAt = Date.now();
    await service.api.stop();
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    await client.until(({ event, data }) => event === 'end' && data.reason === 'shutting_down');
  });
});
