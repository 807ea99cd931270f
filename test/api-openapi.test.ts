import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiApp, startApiApp } from './harness/apiApp.ts';
import { createValidator, type Operation, operationsOf } from './harness/openapi.ts';

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
