/** Odd bodies at the webhook routes: each is taken, kept or refused, none is a failure, and none gets stuck. */
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signCallRail } from '../../simulators/callrail.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { makeCompany } from '../harness/rows.ts';

const NUMBER = '+12125550160';
const KEY = 'a signing key of the tests';
const MIB = 1024 * 1024;

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
  const { companyId } = await makeCompany(api.db);
  const admin = await api.as('admin', undefined);
  expect((await admin.patch(`/companies/${companyId}`, { callrail_signing_keys: [KEY] })).status).toBe(200);
  expect((await admin.post(`/companies/${companyId}/tracking-numbers`, { phone_number: NUMBER })).status).toBe(201);
});
afterAll(() => api?.stop());

const id = () => `ODD${randomUUID()}`;
const padded = (bytes: number) => {
  const start = `{"call_id":"${id()}","tracking_number":"${NUMBER}","pad":"`;
  return `${start}${'x'.repeat(bytes - start.length - 2)}"}`;
};
const withFields = (fields: string) => `{"call_id":"${id()}","tracking_number":"${NUMBER}",${fields}}`;
const deep = (open: string, close: string, depth: number) =>
  withFields(`"deep":${open.repeat(depth)}0${close.repeat(depth)}`);

/** By name: the body, and the statuses that are right. */
const BODIES: Record<string, [body: string | Buffer, ...statuses: number[]]> = {
  nothing: ['', 400],
  spaces: ['   ', 400],
  'half of it': ['{"call_id":', 400],
  'no JSON': ['hello', 400],
  HTML: ['<html></html>', 400],
  'a comma too many': ['{"call_id":"x",}', 400],
  'NaN as a value': ['{"call_id":"x","duration":NaN}', 400],
  null: ['null', 200],
  'a number': ['42', 200],
  'a text': ['"text"', 200],
  'a list': ['[]', 200],
  'a list of events': [`[${withFields('"a":1')}]`, 200],
  'an empty object': ['{}', 200],
  'an id that is null': [`{"call_id":null,"tracking_number":"${NUMBER}"}`, 200],
  'an id that is empty': [`{"call_id":"","tracking_number":"${NUMBER}"}`, 200],
  'an id that is an object': [`{"call_id":{},"tracking_number":"${NUMBER}"}`, 200],
  'an id that is a huge number': [`{"call_id":1e400,"tracking_number":"${NUMBER}"}`, 200],
  'an id with colons': [`{"call_id":"a:b:c ${randomUUID()}","tracking_number":"${NUMBER}"}`, 200],
  'an id of 255 characters': [`{"call_id":"${randomUUID().padEnd(255, 'x')}","tracking_number":"${NUMBER}"}`, 200],
  'an id of 256 characters': [`{"call_id":"${'x'.repeat(256)}","tracking_number":"${NUMBER}"}`, 200],
  'an id of 255 times three bytes': [
    `{"call_id":"${randomUUID()}${'語'.repeat(200)}","tracking_number":"${NUMBER}"}`,
    200,
  ],
  'an id with NUL': [`{"call_id":"a\\u0000${randomUUID()}","tracking_number":"${NUMBER}"}`, 200],
  'an id with half a character': [`{"call_id":"a\\ud800${randomUUID()}","tracking_number":"${NUMBER}"}`, 200],
  'an id that says no': [`{"call_id":"'; drop table calls; --${randomUUID()}","tracking_number":"${NUMBER}"}`, 200],
  'NUL in a name': [withFields('"customer_name":"A\\u0000B"'), 200],
  'half a character in a name': [withFields('"customer_name":"A\\udfff"'), 200],
  'text that runs both ways': [withFields('"customer_name":"\\u202eabc\\u0000"'), 200],
  'a name of 300 KB': [withFields(`"customer_name":"${'n'.repeat(300_000)}"`), 200],
  'a number called that is an object': [`{"call_id":"${id()}","tracking_number":{"a":1}}`, 200],
  'a caller that is a list': [withFields('"caller_number":["+12125550147"]'), 200],
  'a duration that is negative': [withFields('"duration":-5'), 200],
  'a duration beyond an integer': [withFields('"duration":99999999999999999999'), 200],
  'a duration in words': [withFields('"duration":"two minutes"'), 200],
  'a time that is none': [withFields('"timestamp":"yesterday"'), 200],
  'a time in the year 275760': [withFields('"timestamp":"+275760-09-13T00:00:00Z"'), 200],
  'a time before Christ': [withFields('"timestamp":"-000001-01-01T00:00:00Z"'), 200],
  'a recording that is a script': [withFields('"recording":"javascript:alert(1)"'), 200],
  'a prototype': [withFields('"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}'), 200],
  'a key twice': [withFields('"call_id":"another"'), 200],
  'keys by the ten thousand': [
    withFields(Array.from({ length: 60_000 }, (_, index) => `"k${index}":0`).join(',')),
    200,
  ],
  'objects in objects': [deep('{"a":', '}', 50_000), 200],
  'lists in lists': [deep('[', ']', 170_000), 200],
  'a byte order mark': [Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(withFields('"a":1'))]), 200, 400],
  'UTF-16': [Buffer.from(withFields('"a":1'), 'utf16le'), 400],
  'bytes that are no UTF-8': [
    Buffer.concat([Buffer.from(`{"call_id":"${id()}","n":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    200,
    400,
  ],
  gzip: [gzipSync(withFields('"a":1')), 400],
  'a MiB less a byte': [padded(MIB - 1), 200],
  'a MiB': [padded(MIB), 200],
  'a MiB and a byte': [padded(MIB + 1), 413],
};

const post = (path: string, body: string | Buffer, headers: Record<string, string>) =>
  api.app.request(`/api/v1${path}`, {
    method: 'POST',
    body: body as string,
    headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
  });

describe('CallRail', () => {
  it.each(Object.entries(BODIES))('%s', async (_name, [body, ...statuses]) => {
    const headers = { 'content-type': 'application/json', signature: signCallRail(body, KEY) };
    const answer = await post('/callrail/call.completed', body, headers);
    const text = await answer.text();
    expect(statuses, text).toContain(answer.status);
    if (answer.status !== 200) expect(answer.headers.get('content-type')).toBe('application/problem+json');
    else {
      const again = await post('/callrail/call.completed', body, headers);
      expect(await again.json()).toEqual({ ...JSON.parse(text), duplicate: true });
    }
  });

  it('leaves nothing that cannot be read', async () => {
    const [row] = await api.db.execute<{ broken: number; kept: number }>(
      sql`select count(*)::int as kept, (count(*) filter (where status = 'pending' and workflow_id is null))::int as broken from webhook_events`,
    );
    expect(row?.broken).toBe(0);
    expect(row?.kept).toBeGreaterThan(30);
    const admin = await api.as('admin', undefined);
    for (const status of ['pending', 'unrouted', 'invalid', 'rejected'])
      expect((await admin.get(`/webhook-events?status=${status}&limit=200`)).status).toBe(200);
  });
});

describe('Shunya', () => {
  it('refuses all of them unsigned, before they are looked at', async () => {
    for (const [name, [body, ...statuses]] of Object.entries(BODIES)) {
      const answer = await post('/shunya/webhook', body, { 'content-type': 'application/json' });
      expect([name, answer.status]).toEqual([name, statuses.includes(413) ? 413 : 401]);
    }
  });
});
