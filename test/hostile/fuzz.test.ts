/** Odd values in every query parameter, body field and path of the REST API: never a failure, never another's data. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '../../src/domain/user.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { operationsOf } from '../harness/openapi.ts';
import { inParallel } from '../harness/poll.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

const VALUES: unknown[] = [
  '',
  ' ',
  'x',
  '\0',
  'a\ud800',
  '💩',
  "'; drop table calls; --",
  '%',
  '_%',
  '\\',
  '../../etc/passwd',
  '{{7*7}}',
  '-1',
  '99999999999999999999',
  '1e309',
  'NaN',
  'null',
  '2026-02-30',
  '0000-00-00',
  '+12125550147',
  'x'.repeat(5000),
  '__proto__',
  ',,,',
];
const BODY_VALUES: unknown[] = [...VALUES, null, true, 0, -1, 1e308, [], [null], {}, { __proto__: null, a: [[]] }];

/** As many as one person may read at once: the others would wait, and be told to come again, with 503, where that takes long. */
const AT_ONCE = 2;

let api: ApiApp;
let own: CompanyRows;
let foreign: CompanyRows;
const MARK = `secret-${randomUUID()}`;
const foreignIds: string[] = [];

beforeAll(async () => {
  api = await startApiApp();
  own = await makeCompany(api.db);
  foreign = await makeCompany(api.db, { name: MARK });
  for (const role of ROLES) {
    const caller = await api.as(role, role === 'admin' ? undefined : own.companyId, `fuzz-${role}`);
    tokens.set(role, caller.headers());
  }
  for (const rows of [own, foreign]) {
    await rows.user('u-csr', 'csr', rows === foreign ? MARK : 'Csr');
    await rows.user('u-rep', 'sales_rep', rows === foreign ? MARK : 'Rep');
    const { contactId, leadId } = await rows.lead(
      { name: rows === foreign ? MARK : 'Own', phoneNumber: '+12125550181' },
      { notes: rows === foreign ? MARK : 'own' },
    );
    const call = await rows.call({ contactId, leadId, csrId: 'u-csr' });
    await rows.analysis(call.id, { summary: rows === foreign ? MARK : 'own' });
    await rows.transcript(call.id, rows === foreign ? MARK : 'own');
    const appointmentId = await rows.appointment({
      contactId,
      leadId,
      assignedRepId: 'u-rep',
      location: rows === foreign ? MARK : 'own',
    });
    const sessionId = await rows.visit(appointmentId);
    if (rows === foreign)
      foreignIds.push(contactId, leadId, call.id, appointmentId, sessionId, rows.companyId, 'u-csr');
  }
});
afterAll(() => api?.stop());

/** All operations with a permission; those that would end the test's own rows or streams are asked by others. */
const operations = () => operationsOf(api.document).filter(({ isOpen, name }) => !isOpen && name !== 'GET /events');
const fill = (path: string, value: string) =>
  path.replaceAll(/{.+?}/g, encodeURIComponent(value.replaceAll(/\p{Surrogate}/gu, '')));

const ROLES = ['csr', 'sales_rep', 'manager', 'executive', 'admin'] as const satisfies Role[];
/** Of one person each: signing a token takes as long as many an answer. */
const tokens = new Map<Role, { authorization: string }>();

async function ask(role: Role, method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const answer = await api.app.request(path, {
    method,
    body,
    headers: { ...tokens.get(role), 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, text: await answer.text() };
}

/** The role may not do this at all, which is said before anything else is read: whoever is told so need not ask again. */
const isRefusal = (status: number, text: string) =>
  status === 403 && (text === '' || JSON.parse(text).code === 'forbidden');

describe('odd values', () => {
  it('in query parameters', { timeout: 300_000 }, async () => {
    const requests = operations().flatMap(({ method, path, spec }) =>
      method !== 'GET'
        ? []
        : (spec.parameters ?? [])
            .filter(({ in: place }: { in: string }) => place === 'query')
            .flatMap(({ name }: { name: string }) =>
              VALUES.map((value) => `${fill(path, 'x')}?${new URLSearchParams({ [name]: String(value) })}`),
            ),
    );
    expect(requests.length).toBeGreaterThan(1000);
    const failures: string[] = [];
    await inParallel(requests, AT_ONCE, async (path) => {
      const role = path.includes('/self') ? 'csr' : 'manager';
      const { status } = await ask(role, 'GET', path);
      if (status >= 500) failures.push(`${status} ${path}`);
    });
    expect(failures).toEqual([]);
  });

  it('in bodies', { timeout: 300_000 }, async () => {
    const requests = operations().flatMap(({ method, path, spec }) => {
      const schema = resolve(spec.requestBody?.content?.['application/json']?.schema);
      const fields = [...Object.keys(schema?.properties ?? {}), '__proto__', 'constructor'];
      if (!schema) return [];
      return fields.flatMap((field) =>
        BODY_VALUES.map((value) => ({
          method,
          path: fill(path, 'x'),
          body: JSON.stringify(Object.fromEntries([[field, value]])),
        })),
      );
    });
    expect(requests.length).toBeGreaterThan(500);
    const failures: string[] = [];
    const refused = new Set<string>();
    await inParallel(requests, AT_ONCE, async ({ method, path, body }) => {
      for (const role of ['manager', 'admin'] as const) {
        if (refused.has(`${role} ${method} ${path}`)) continue;
        const { status, text } = await ask(role, method, path, body);
        if (status >= 500) failures.push(`${status} ${method} ${path} ${body.slice(0, 200)}`);
        if (isRefusal(status, text)) refused.add(`${role} ${method} ${path}`);
      }
    });
    expect(failures).toEqual([]);
  });

  it('in paths and headers', async () => {
    const failures: string[] = [];
    const ids = VALUES.map(String).filter((value) => value !== '' && value !== '../../etc/passwd');
    const requests = operations()
      .filter(({ path }) => path.includes('{'))
      .flatMap(({ method, path }) => ids.map((id) => [method, fill(path, id)] as const));
    await inParallel(requests, AT_ONCE, async ([method, path]) => {
      const headers = { 'if-match': '"x"', 'idempotency-key': 'a key', 'last-event-id': '9-9-9', range: 'bytes=9-1' };
      const { status } = await ask('manager', method, path, method === 'GET' ? undefined : '{}', headers);
      if (status >= 500) failures.push(`${status} ${method} ${path}`);
    });
    expect(failures).toEqual([]);
  });
});

describe('another company', () => {
  it('cannot be reached by its ids, whatever the place they are named in', { timeout: 300_000 }, async () => {
    const roles = ['csr', 'sales_rep', 'manager', 'executive'] as const;
    const requests = operations().flatMap(({ method, path, spec }) => {
      const filters: string[] = (spec.parameters ?? [])
        .filter(({ in: place }: { in: string }) => place === 'query')
        .map(({ name }: { name: string }) => name);
      const paths = path.includes('{')
        ? foreignIds.map((id) => fill(path, id))
        : ['', ...filters.flatMap((name) => foreignIds.map((id) => `?${name}=${encodeURIComponent(id)}`))].map(
            (query) => path + query,
          );
      // HEAD tells of one thing by its status; a list's says nothing.
      const methods = method === 'GET' && path.includes('{') ? [method, 'HEAD'] : [method];
      return paths.flatMap((target) => methods.map((each) => ({ method: each, target, name: `${each} ${path}` })));
    });
    const leaks: string[] = [];
    const refused = new Set<string>();
    await inParallel(requests, AT_ONCE, async ({ method, target, name }) => {
      for (const role of roles) {
        if (refused.has(`${role} ${name}`)) continue;
        const isRead = method === 'GET' || method === 'HEAD';
        const { status, text } = await ask(
          role,
          method,
          target,
          isRead ? undefined : '{}',
          isRead ? {} : { 'if-match': '"1"' },
        );
        if (status >= 500 || text.includes(MARK)) leaks.push(`${role} ${method} ${target}: ${status}`);
        if (isRefusal(status, text)) refused.add(`${role} ${name}`);
        if (method === 'DELETE' && status < 400) leaks.push(`${role} ${method} ${target}: ${status}`);
      }
    });
    expect(leaks).toEqual([]);
    expect(requests.length * roles.length).toBeGreaterThan(1500);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a JSON document that is walked.
function resolve(schema: any): any {
  const name = schema?.$ref?.split('/').at(-1);
  return name ? api.document.components.schemas[name] : schema;
}
