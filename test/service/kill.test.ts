/**
 * kill -9 of the API, of the worker and of both at random moments while calls run; and that nothing private of that run is in
 * Temporal's database or in any log. KILL_CALLS and KILL_SEED make it longer, or the same again.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type CallRailEventName, callRailPayload, type SimulatedCall } from '../../simulators/callrail.ts';
import { eventually, inParallel } from '../harness/poll.ts';
import { seededRandom } from '../harness/random.ts';
import { formsOf, search, searchBytes } from '../harness/search.ts';
import { recordingLink, type Service, startService, type TestCompany } from '../harness/service.ts';

const CALLS = Number(process.env.KILL_CALLS ?? 20);
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31));
const KILLS = Math.max(6, Math.round(CALLS / 5));
/** Calls come, and processes are killed, within this. */
const SPAN_MS = CALLS * 900;
/** What fails once here is a finding. */
const NO_RETRY = { retry: 0 };

vi.setConfig({ testTimeout: 300_000 + CALLS * 3000 });

interface PlannedCall {
  call: SimulatedCall;
  startsAtMs: number;
  events: CallRailEventName[];
  gapsMs: number[];
  isBooked: boolean;
}

let service: Service;
let company: TestCompany;
let planned: PlannedCall[];
/** Everything that went in and is nobody's business. */
const secrets = new Set<string>();
const acknowledged = new Set<string>();

beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '5', SHUNYA_MAX_PER_SECOND: '20', LOG_LEVEL: 'debug' });
  company = await service.company();
  secrets.add(company.signingKey);
  secrets.add(digitsOf(company.trackingNumber));
});
afterAll(async () => {
  await service?.stop();
});

/** As a national number, so that no form of writing it is missed. */
const digitsOf = (phoneNumber: string) => phoneNumber.slice(-10);
const word = () => `x${randomBytes(6).toString('hex')}`;

/** A call whose number, name, city, link, transcript and summary are found nowhere else. */
async function secretCall(words: string, query = ''): Promise<SimulatedCall> {
  const name = `Name${word()}`;
  const link = recordingLink(`${words}-${word()}`, query);
  const call = company.simulate({
    customerName: `Ms ${name}`,
    customerCity: `City${word()}`,
    agentEmail: `${word()}@agents.example`,
    recording: link,
  });
  const spoken = `My secret is ${word()} and ${word()}`;
  const transcript_text = `Agent: Hello.\nCustomer: ${spoken}`;
  await service.shunya.results(link, {
    transcription: {
      transcript_text,
      speaker_labels: [{ speaker: 'customer', text: spoken, start_time: 0, end_time: 2 }],
    },
  });
  const pathOf = new URL(link).pathname;
  for (const text of [digitsOf(call.customerNumber), name, call.customerCity, call.agentEmail, pathOf, spoken])
    secrets.add(text);
  return call;
}

/** CallRail's delivery, but insistent: what is not answered was never promised. */
async function deliver(call: SimulatedCall, event: CallRailEventName): Promise<void> {
  const body = JSON.stringify(callRailPayload(event, call));
  await eventually(async () => {
    const answer = await company.sender.send(event, body);
    expect(answer.status).toBe(200);
    acknowledged.add((answer.body as { event_id: string }).event_id);
  }, 120);
}

async function play({ call, startsAtMs, events, gapsMs }: PlannedCall): Promise<void> {
  await delay(startsAtMs);
  for (const [index, event] of events.entries()) {
    await deliver(call, event);
    await delay(gapsMs[index] ?? 0);
  }
}

describe.sequential(`kill -9 while ${CALLS} calls run (KILL_SEED=${SEED})`, NO_RETRY, () => {
  it('of the API, of the worker and of both leaves every call analyzed', async () => {
    console.log(`KILL_SEED=${SEED} KILL_CALLS=${CALLS}: ${KILLS} kills`);
    const random = seededRandom(SEED);
    planned = [];
    for (let index = 0; index < CALLS; index += 1) {
      const words = random.pick(['booked', 'booked', 'warm', 'cold']);
      planned.push({
        call: await secretCall(words),
        startsAtMs: random.between(0, SPAN_MS),
        events: random.pick([
          ['incoming', 'answered', 'completed'],
          ['completed', 'modified', 'incoming'],
          ['modified', 'answered'],
        ]),
        gapsMs: [random.between(0, 800), random.between(0, 800)],
        isBooked: words === 'booked',
      });
    }
    const kills = Array.from({ length: KILLS }, (_, index) => ({
      // Each kind at least once.
      target: index < 3 ? (['api', 'worker', 'both'] as const)[index] : random.pick(['api', 'worker', 'both'] as const),
      waitMs: random.between(0, (2 * SPAN_MS) / KILLS),
      downMs: random.between(0, 1500),
    }));
    const killing = async () => {
      for (const { target, waitMs, downMs } of kills) {
        await delay(waitMs);
        const victims = [...(target === 'worker' ? [] : [service.api]), ...(target === 'api' ? [] : [service.worker])];
        await Promise.all(victims.map((victim) => victim.kill9()));
        await delay(downMs);
        for (const victim of victims) victim.start();
      }
    };
    await Promise.all([killing(), inParallel(planned, CALLS, play)]);
    await service.untilReady();
    for (const { call } of planned) {
      const done = await company.callIn(call, 'done', 180);
      expect(done.analysis, call.id).not.toBeNull();
      expect(done.pipeline).toMatchObject({ needs_attention: false, blocked_on: null });
    }
  });

  it('leaves exactly one appointment for each booked call and none for the others', async () => {
    const rows = await service.sql`
      select c.provider_call_id as id, count(a.id)::int as appointments from calls c
      left join appointments a on a.call_id = c.id where c.company_id = ${company.id} group by 1`;
    const expected = planned.map(({ call, isBooked }) => ({ id: call.id, appointments: isBooked ? 1 : 0 }));
    const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
    expect([...rows].sort(byId as never)).toEqual(expected.sort(byId));
  });

  it('makes Shunya accept each step of each call once', async () => {
    const { submits, conflicts } = await service.shunya.stats();
    expect(submits).toHaveLength(2 * CALLS);
    expect(submits.filter((step) => step.accepted !== 1 || step.duplicates !== 0)).toEqual([]);
    expect(conflicts).toBe(0);
  });

  it('loses no event that was acknowledged', async () => {
    const rows = await service.sql<{ id: string; status: string }[]>`
      select id, status from webhook_events where source = 'callrail'`;
    const notApplied = rows.filter((row) => row.status !== 'applied');
    expect(notApplied).toEqual([]);
    const stored = new Set(rows.map((row) => row.id));
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    expect(rows).toHaveLength(planned.reduce((sum, { events }) => sum + events.length, 0));
  });

  it('leaves no workflow that failed, was ended or still runs', async () => {
    await eventually(async () => {
      const statuses: Record<string, number> = {};
      for await (const { status } of service.temporal.workflow.list())
        statuses[status.name] = (statuses[status.name] ?? 0) + 1;
      expect(Object.keys(statuses)).toEqual(['COMPLETED']);
    });
  });
});

describe.sequential('after it', NO_RETRY, () => {
  it('nothing private that went in is in Temporal’s database or in any log', async () => {
    // What else may leak: a visit, failures that quote the link, an operator's reason, a person's correction.
    await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
    const failing = await secretCall('booked', '?rep=rep-1');
    const link = failing.recording;
    await service.shunya.fault({
      type: 'job_fails',
      match: link,
      kind: 'transcription',
      first_attempts: 1,
      retryable: true,
    });
    await service.shunya.fault({
      type: 'error',
      match: link,
      on: 'submit',
      kind: 'analysis',
      status: 429,
      retry_after_seconds: 600,
      times: 1,
    });
    await service.shunya.fault({ type: 'garbage', match: link, on: 'result', body: `{"broken": "${link}` });
    await company.play(failing);
    const { id } = await eventually(async () => {
      const found = await company.findCall(failing);
      expect(found.pipeline.blocked_on).toBe('shunya_analysis');
      return found;
    });
    const reason = `Because of ${word()}`;
    secrets.add(reason);
    await company.manager.post(`/pipelines/${company.workflowId(failing)}/retry`, { reason }, { status: 202 });
    const done = await company.callIn(failing, 'done');
    await company.manager.patch(`/calls/${id}/analysis`, { summary: `Really ${reason}`, reason });
    const refused = await secretCall('booked');
    await service.shunya.fault({
      type: 'error',
      match: refused.recording,
      on: 'submit',
      status: 422,
      error_code: refused.recording,
    });
    await company.play({ ...refused });
    await company.callIn(refused, 'not_analyzable');
    const { appointments } = await company.manager.get(`/contacts/${done.contact.id}`);
    const rep = company.as('sales_rep', 'rep-1');
    const session = await rep.post('/recordings/sessions/start', { appointment_id: appointments[0].id });
    const audio = await secretCall('visit-won');
    await rep.post(`/recordings/sessions/${session.id}/stop`, { audio_url: audio.recording });
    await eventually(async () =>
      expect((await rep.get(`/recordings/sessions/${session.id}`)).pipeline.stage).toBe('done'),
    );
    // Refused requests are logged too.
    await company.sender.send('missed', callRailPayload('missed', failing), { signature: 'forged' });
    await company.sender.send('missed', `{"broken": "${failing.customerName}`, {});
    await company.manager.get(
      `/calls?phone_number=${encodeURIComponent(failing.customerNumber)}&q=${done.contact.name}`,
    );
    await company.manager.get(`/contacts?phone_number=nonsense${failing.customerNumber}`);

    await Promise.all([service.api.stop(), service.worker.stop()]);
    const { dataDir } = inject('servers');
    const database = readdirSync(dataDir)
      .filter((name) => name.startsWith('temporal.db'))
      .map((name) => path.join(dataDir, name));
    const logs = readdirSync(path.join(dataDir, 'logs')).map((name) => path.join(dataDir, 'logs', name));
    expect(database.length).toBeGreaterThan(0);
    expect(database.reduce((sum, file) => sum + statSync(file).size, 0)).toBeGreaterThan(100_000);

    // The search would find what is there: ids of calls are, in Temporal and in the log of the worker.
    expect(search(database, [failing.id])).not.toEqual([]);
    const serviceLogs = Buffer.from(service.logs());
    expect(searchBytes(serviceLogs, 'service', [id])).not.toEqual([]);

    expect(secrets.size).toBeGreaterThan(6 * CALLS);
    expect(searchBytes(serviceLogs, 'service', [...secrets])).toEqual([]);
    expect(search(logs, [...secrets])).toEqual([]);
    expect(search(database, [...secrets])).toEqual([]);
  });

  it('the search finds text in base64 at every alignment', () => {
    for (const before of ['', 'a', 'ab', 'abc'])
      for (const after of ['', 'z', 'zz', 'zzz']) {
        const bytes = Buffer.from(Buffer.from(`${before}+12125550147${after}`).toString('base64'));
        expect(searchBytes(bytes, 'memory', ['2125550147'])).toHaveLength(1);
      }
    expect(formsOf('2125550147').every((form) => form.length >= 10)).toBe(true);
    expect(searchBytes(Buffer.from('nothing here'), 'memory', ['2125550147'])).toEqual([]);
  });

  it('the next start works, and a stop leaves no process', async () => {
    await Promise.all([service.api.stop(), service.worker.stop()]);
    service.api.start();
    service.worker.start();
    await service.untilReady();
    const call = await secretCall('booked');
    await company.play(call);
    await company.callIn(call, 'done');
    expect(service.processes()).toEqual(expect.arrayContaining([service.api.pid, service.worker.pid]));
    await Promise.all([service.api.stop(), service.worker.stop()]);
    await eventually(() => expect(service.processes()).toEqual([]), 10);
  });
});
