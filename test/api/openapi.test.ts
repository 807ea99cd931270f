import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generatedFrom } from '../../dev/client.ts';
import {
  contactMerges,
  followUps,
  trackingNumbers,
  webhookDeliveries,
  webhookEndpoints,
  webhookEvents,
} from '../../src/db/schema/index.ts';
import { EXAMPLE } from '../../src/views/examples.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { createTestNamespace } from '../harness/infra.ts';
import { createValidator, type Operation, operationsOf } from '../harness/openapi.ts';
import { makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let operations: Operation[];

beforeAll(async () => {
  api = await startApiApp();
  operations = operationsOf(api.document);
});
afterAll(() => api.stop());

const pointerTo = (operation: Operation, ...rest: string[]) => [
  'paths',
  operation.path,
  operation.method.toLowerCase(),
  ...rest,
];

describe('the OpenAPI document', () => {
  it('is valid 3.1', async () => {
    expect(api.document.openapi).toBe('3.1.0');
    const result = await new Validator().validate(structuredClone(api.document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('names, describes and secures every operation', () => {
    const ids = operations.map(({ spec }) => spec.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = api.document.tags.map(({ name }: { name: string }) => name);
    for (const { name, path, spec } of operations) {
      expect([name, spec.summary]).toEqual([name, expect.stringMatching(/\S/)]);
      expect([name, tags]).toEqual([name, expect.arrayContaining(spec.tags)]);
      const isOpen = /^\/(healthz|readyz|metrics)$|^\/api\/v1\/(callrail|shunya)\/|\/recordings\/{token}$/.test(path);
      const ticket = name === 'GET /events' ? [{ ticket: [] }] : [];
      expect([name, spec.security]).toEqual([name, isOpen ? [] : [{ bearer: [] }, ...ticket]]);
      for (const parameter of spec.parameters ?? [])
        if (parameter.in === 'path') expect([name, parameter.schema.example]).toEqual([name, expect.any(String)]);
    }
  });

  it('describes every operation, parameter, field and enum', () => {
    const undescribed = findUndescribed(api.document);
    expect(undescribed).toEqual([]);
  });

  it('says in every operation with a token which roles may call it', () => {
    for (const { name, spec, isOpen } of operations.filter((each) => each.path.startsWith('/api/v1/')))
      if (!isOpen) expect([name, spec.description]).toEqual([name, expect.stringMatching(/Roles: [a-z_(), ]+\.$/)]);
  });

  it('has no example of an optional query parameter: a form would send it, and filter everything away', () => {
    const examples = operations.flatMap(({ name, spec }) =>
      (spec.parameters ?? [])
        .filter((each: Parameter) => each.in === 'query' && !each.required)
        .filter((each: Parameter) => each.example !== undefined || each.schema.example !== undefined)
        .map((each: Parameter) => `${name} ${each.name}`),
    );
    expect(examples).toEqual([]);
  });

  it('says which errors there are, each with an example', () => {
    for (const { name, spec, isOpen, path } of operations.filter((each) => each.path.startsWith('/api/v1/'))) {
      const statuses = Object.keys(spec.responses);
      const wanted = ['500', '503', ...(isOpen ? [] : ['401', '403']), ...(spec.requestBody ? ['400', '413'] : [])];
      if (path.includes('{')) wanted.push('404');
      expect([name, statuses]).toEqual([name, expect.arrayContaining(wanted)]);
      for (const status of statuses.filter((each) => each >= '400' && each !== '416')) {
        const content = spec.responses[status].content['application/problem+json'];
        for (const { value } of Object.values(content.examples) as { value: { status: number } }[])
          expect([name, value.status]).toEqual([name, Number(status)]);
      }
    }
  });

  it('has an example of every body and answer, and each is what its schema says', () => {
    const validate = createValidator(api.document);
    let examples = 0;
    for (const operation of operations) {
      const parts = [
        ['requestBody', operation.spec.requestBody] as const,
        ...Object.entries(operation.spec.responses).map(([status, answer]) => [`responses ${status}`, answer] as const),
      ];
      // biome-ignore lint/suspicious/noExplicitAny: a JSON document that is walked.
      for (const [place, part] of parts as [string, any][]) {
        for (const [type, content] of Object.entries(part?.content ?? {}) as [string, Record<string, never>][]) {
          if (!type.endsWith('json')) continue;
          const of = `${operation.name} ${place}`;
          const values: unknown[] = content.examples
            ? Object.values(content.examples as Record<string, { value: unknown }>).map(({ value }) => value)
            : [content.example];
          for (const value of values) {
            examples += 1;
            expect([of, value]).not.toEqual([of, undefined]);
            const pointer = pointerTo(operation, ...place.split(' '), 'content', type, 'schema');
            expect([of, validate(pointer, value)]).toEqual([of, undefined]);
          }
        }
      }
    }
    expect(examples).toBeGreaterThan(300);
  });
});

describe('the typed client', () => {
  it('was generated from this document; `npm run client` makes it anew', () => {
    const [firstLine] = readFileSync('src/client/schema.ts', 'utf8').split('\n');
    expect(firstLine).toBe(generatedFrom(api.document));
  });
});

describe('examples', () => {
  it('run as printed, against a company that has the rows they speak of', async () => {
    const { address, namespace } = await createTestNamespace();
    const fresh = await startApiApp({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace });
    await makeExampleRows(fresh);
    const callers = [
      await fresh.as('manager', EXAMPLE.companyId),
      await fresh.as('admin', undefined),
      await fresh.as('sales_rep', EXAMPLE.companyId, EXAMPLE.userId),
    ];
    const wrong: string[] = [];
    let sent = 0;
    let printed = 0;
    // What deletes comes last.
    const order = [...operations].sort(
      (one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'),
    );
    for (const { name, method, path, spec, isOpen } of order) {
      const parameters: Parameter[] = spec.parameters ?? [];
      const url = path.replaceAll(/{(.+?)}/g, (_, key) =>
        encodeURIComponent(parameters.find((each) => each.in === 'path' && each.name === key)?.schema.example ?? ''),
      );
      const query = parameters.flatMap((each): [string, string][] => {
        const example = printedExample(each);
        return each.in === 'query' && example !== undefined ? [[each.name, example]] : [];
      });
      printed += query.length;
      const search = new URLSearchParams(query);
      const example = spec.requestBody?.content['application/json'].example;
      const body = example === undefined ? undefined : JSON.stringify(example);
      const target = query.length > 0 ? `${url}?${search}` : url;
      sent += 1;

      let status = 403;
      for (const caller of isOpen ? [undefined] : callers) {
        const headers = { 'content-type': 'application/json', ...caller?.headers(), ...signed(name, body) };
        if (status === 403) status = (await answered(fresh.request(target, { method, headers, body }))).status;
      }
      // The printed link is nobody's; a pipeline is either blocked or can be repeated, not both.
      const expected = name === 'GET /recordings/{token}' ? [403] : [200, 201, 202, 204, 409];
      if (!expected.includes(status)) wrong.push(`${name}: ${status}`);
    }
    await fresh.stop();
    expect(wrong).toEqual([]);
    expect(sent).toBe(operations.length);
    expect(printed).toBeGreaterThan(60);
  });
});

interface Parameter {
  in: string;
  name: string;
  required?: boolean;
  description?: string;
  example?: string;
  schema: { example?: string; default?: number };
}

/** The example that a parameter's description names; a page size is sent as its default says. */
const printedExample = ({ description, schema }: Parameter): string | undefined =>
  schema.default?.toString() ?? /For example `([^`]+)`\.$/.exec(description ?? '')?.[1];

// biome-ignore-start lint/suspicious/noExplicitAny: a JSON document that is walked.
/** What a reader finds without a word: operations, parameters, fields, and values of enums. */
function findUndescribed(document: any): string[] {
  const found: string[] = [];
  const check = (place: string, description: string | undefined, values: unknown[] = []) => {
    if (!/\w+ \w+.*\S/.test(description ?? '')) found.push(place);
    const named = values.filter((value) => typeof value === 'string' && !['true', 'false'].includes(value));
    for (const value of named.length > 1 ? named : [])
      if (!description?.includes(`\`${value}\`:`)) found.push(`${place} = ${value}`);
  };
  const walk = (schema: any, place: string): void => {
    for (const [name, field] of Object.entries<any>(schema?.properties ?? {})) {
      check(`${place}.${name}`, field.description, field.enum ?? field.items?.enum);
      walk(field, `${place}.${name}`);
    }
    for (const part of [schema?.items, schema?.anyOf, schema?.oneOf, schema?.allOf].flat()) if (part) walk(part, place);
  };
  for (const [name, schema] of Object.entries(document.components.schemas)) walk(schema, name);
  for (const { name, spec } of operationsOf(document)) {
    check(name, spec.summary);
    for (const parameter of spec.parameters ?? []) {
      const list = /^\^\(([a-z_.|]+)\)\(/.exec(parameter.schema.pattern ?? '')?.[1]?.split('|');
      check(`${name} ?${parameter.name}`, parameter.description, list ?? parameter.schema.enum);
    }
    for (const part of [spec.requestBody, ...Object.values<any>(spec.responses)])
      for (const { schema } of Object.values<any>(part?.content ?? {})) walk(schema, name);
  }
  return found;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above.

/** Shunya's example is sent as Shunya would; its secret is not in the document. */
function signed(name: string, body = ''): Record<string, string> {
  if (name !== 'POST /shunya/webhook') return {};
  const timestamp = String(Date.now());
  const signature = createHmac('sha256', 'a webhook secret').update(`${timestamp}.${body}`).digest('hex');
  return { 'x-shunya-timestamp': timestamp, 'x-shunya-signature': signature };
}

/** A stream has no end to wait for. */
async function answered(response: Promise<Response>): Promise<Response> {
  const answer = await response;
  await answer.body?.cancel();
  return answer;
}

async function makeExampleRows({ db }: ApiApp): Promise<void> {
  const company = await makeCompany(db, { id: EXAMPLE.companyId });
  const { companyId, contactId, leadId, callId, appointmentId } = EXAMPLE;
  await company.user(EXAMPLE.userId, 'sales_rep');
  await company.lead({ id: contactId, phoneNumber: EXAMPLE.phoneNumber }, { id: leadId });
  await company.lead({ id: EXAMPLE.otherContactId });
  const { contactId: mergedContactId } = await company.lead({ mergedIntoId: contactId });
  const moved = { calls: [], leads: [], appointments: [], contacts: [], name: false };
  const merge = { id: EXAMPLE.mergeId, companyId, contactId, mergedContactId, moved, mergedBy: 'csr' };
  await db.insert(contactMerges).values(merge);
  const blocked = { stage: 'analyzing', blockedOn: 'shunya_analysis', needsAttention: true } as const;
  await company.call({ id: callId, providerCallId: EXAMPLE.providerCallId, contactId, leadId, ...blocked });
  await company.analysis(callId);
  await company.transcript(callId, 'what was said');
  await company.appointment({ id: appointmentId, contactId, leadId, callId, assignedRepId: EXAMPLE.userId });
  const dates = { calledAt: new Date(), dueAt: new Date() };
  await db
    .insert(followUps)
    .values({ id: EXAMPLE.followUpId, companyId, contactId, leadId, callId, kind: 'missed', ...dates });
  await company.visit(appointmentId, { id: EXAMPLE.sessionId, status: 'recording', stage: 'awaiting_end' });
  await db.insert(trackingNumbers).values({ companyId, phoneNumber: EXAMPLE.trackingNumber });
  const event = { source: 'callrail', route: 'call.completed', status: 'pending', body: Buffer.from('{}') } as const;
  await db.insert(webhookEvents).values({ ...event, id: EXAMPLE.eventId, companyId, bodySha256: 'x' });
  const { endpointId, deliveryId } = EXAMPLE;
  const endpoint = { url: 'https://example.com/', events: ['lead.updated' as const], secret: 'whsec_AAAA' };
  await db.insert(webhookEndpoints).values({ ...endpoint, id: endpointId, companyId });
  const delivery = { endpointId, eventType: 'lead.updated' as const, subjectId: leadId };
  await db.insert(webhookDeliveries).values({ ...delivery, id: deliveryId, companyId });
}
