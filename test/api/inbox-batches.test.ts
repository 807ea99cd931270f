/** Webhooks that come together share statements; each is answered for itself, and rightly, whatever comes beside it. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { inArray } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { companies, trackingNumbers, webhookEvents } from '../../src/db/schema/index.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

const COMPANIES = [
  { id: `co-${randomUUID().slice(0, 8)}`, number: '+12125556001', key: 'first key' },
  { id: `co-${randomUUID().slice(0, 8)}`, number: '+12125556002', key: 'second key' },
] as const;
const UNKNOWN_NUMBER = '+12125556099';
const ROUTES = ['call.incoming', 'call.completed'] as const;

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
  for (const { id, number, key } of COMPANIES) {
    await api.db.insert(companies).values({ id, name: id, callrailSigningKeys: [key] });
    await api.db.insert(trackingNumbers).values({ companyId: id, phoneNumber: number });
  }
});
afterAll(() => api.stop());

/** Few bodies, many sendings: the same bytes come several times in a batch, signed rightly and wrongly. */
const sendingArbitrary = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('genuine' as const) },
    { weight: 3, arbitrary: fc.constant('forged' as const) },
    { weight: 1, arbitrary: fc.constant('unsigned' as const) },
    { weight: 2, arbitrary: fc.constant('broken' as const) },
    { weight: 1, arbitrary: fc.constant('nameless' as const) },
    { weight: 1, arbitrary: fc.constant('unknown' as const) },
  ),
  company: fc.constantFrom(...COMPANIES),
  route: fc.constantFrom(...ROUTES),
  body: fc.nat({ max: 5 }),
  padding: fc.constantFrom(0, 0, 0, 70_000),
});
type Sending = typeof sendingArbitrary extends fc.Arbitrary<infer T> ? T : never;

function bytesOf({ kind, company, body, padding }: Sending, run: string): string {
  const content = { note: `${run} ${body}`, padding: 'x'.repeat(padding) };
  if (kind === 'nameless') return JSON.stringify({ tracking_number: company.number, ...content });
  const call = { call_id: `CAL${run}${body}`, ...content };
  const whole = JSON.stringify({ ...call, tracking_number: kind === 'unknown' ? UNKNOWN_NUMBER : company.number });
  return kind === 'broken' ? whole.slice(0, -1) : whole;
}

async function send(sending: Sending, run: string) {
  const bytes = bytesOf(sending, run);
  const key = sending.kind === 'forged' ? 'a guess' : sending.company.key;
  const signature = createHmac('sha1', key).update(bytes).digest('base64');
  const answer = await api.request(`/api/v1/callrail/${sending.route}`, {
    method: 'POST',
    body: bytes,
    headers: sending.kind === 'unsigned' ? {} : { signature },
  });
  const { event_id: eventId, duplicate } = (await answer.json()) as { event_id?: string; duplicate?: boolean };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { kind: sending.kind, event: `${sending.route} ${sha256}`, sha256, status: answer.status, eventId, duplicate };
}

const EXPECTED_STATUS = { genuine: 200, nameless: 200, unknown: 200, forged: 401, unsigned: 401, broken: 400 } as const;

it('every 200 has exactly one row, that of its own bytes; nothing else has one that counts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sendingArbitrary, { minLength: 2, maxLength: 80 }), async (batch) => {
      const run = randomUUID();
      const answers = await Promise.all(batch.map((sending) => send(sending, run)));
      for (const { kind, status } of answers) expect([kind, status]).toEqual([kind, EXPECTED_STATUS[kind]]);

      const rows = await api.db
        .select({
          id: webhookEvents.id,
          route: webhookEvents.route,
          sha256: webhookEvents.bodySha256,
          status: webhookEvents.status,
        })
        .from(webhookEvents)
        .where(inArray(webhookEvents.bodySha256, [...new Set(answers.map(({ sha256 }) => sha256))]));
      const counting = rows.filter(({ status }) => status !== 'rejected');
      const accepted = answers.filter(({ status }) => status === 200);
      const taken = new Set(accepted.map(({ event }) => event));

      expect(counting.map(({ route, sha256 }) => `${route} ${sha256}`).sort()).toEqual([...taken].sort());
      for (const event of taken) {
        const same = accepted.filter((answer) => answer.event === event);
        const row = counting.find(({ route, sha256 }) => `${route} ${sha256}` === event);
        expect(new Set(same.map(({ eventId }) => eventId))).toEqual(new Set([row?.id]));
        expect(same.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      }
      const refused = answers.filter(({ status }) => status === 401).length;
      expect(rows.length - counting.length).toBeLessThanOrEqual(refused);
    }),
    { numRuns: 40 },
  );
});
