import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

const METHODS = ['get', 'post', 'patch', 'delete'];

let api: ApiApp;
let company: CompanyRows;
interface Document {
  openapi: string;
  components: { securitySchemes: { bearer: { scheme: string } } };
  paths: Record<string, Record<string, { operationId: string; security?: object[] }>>;
}

let operations: { name: string; method: string; path: string; operationId: string; isOpen: boolean }[];

beforeAll(async () => {
  api = await startApiApp({ CORS_ORIGINS: 'https://app.example' });
  company = await makeCompany(api.db);
  const document = (await (await api.request('/openapi.json')).json()) as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      name: `${method.toUpperCase()} ${path.replace('/api/v1', '')}`,
      method: method.toUpperCase(),
      path: path.replaceAll(/{.+?}/g, 'nothing-like-this'),
      operationId: item[method]?.operationId ?? '',
      isOpen: (item[method]?.security ?? []).length === 0,
    })),
  );
});
afterAll(() => api.stop());

const request = (path: string, init: RequestInit = {}) => api.request(path, init);

describe('errors', () => {
  it('answers problems with the request’s id', async () => {
    const answer = await request('/api/v1/nowhere', { headers: { 'x-request-id': 'mine-1.2_3' } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('x-request-id')).toBe('mine-1.2_3');
    expect(await answer.json()).toEqual({
      type: 'urn:callwright:error:not_found',
      title: expect.any(String),
      status: 404,
      detail: expect.any(String),
      instance: '/api/v1/nowhere',
      code: 'not_found',
      request_id: 'mine-1.2_3',
    });
    const odd = await request('/api/v1/no%20where/%00');
    expect(await odd.json()).toMatchObject({ status: 404, instance: '/api/v1/no%20where/%00' });
    const ids = ['has space', 'x'.repeat(129), ''].map((id) =>
      request('/healthz', { headers: { 'x-request-id': id } }),
    );
    for (const given of await Promise.all(ids))
      expect(given.headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  it('answers 405 with Allow on a known path', async () => {
    const allow = async (path: string, method: string) => {
      const answer = await request(path, { method });
      return [answer.status, answer.headers.get('allow')?.split(', ').sort(), answer.headers.get('content-type')];
    };
    const problem = 'application/problem+json';
    expect(await allow('/api/v1/leads', 'PUT')).toEqual([405, ['GET', 'HEAD'], problem]);
    expect(await allow('/api/v1/leads/x', 'DELETE')).toEqual([405, ['GET', 'HEAD', 'PATCH'], problem]);
    expect(await allow('/api/v1/callrail/call.incoming', 'GET')).toEqual([405, ['POST'], problem]);
    expect(await allow('/healthz', 'POST')).toEqual([405, ['GET', 'HEAD'], problem]);
    expect((await request('/api/v1/callrail/call.unknown', { method: 'POST' })).status).toBe(404);
  });

  it('tells JSON that cannot be parsed from a body that is wrong, and names the fields', async () => {
    const admin = await api.as('admin', undefined);
    const bearer = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('a')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(api.config.auth.jwtSecret));
    const raw = (body?: string) =>
      request('/api/v1/companies', { method: 'POST', body, headers: { authorization: `Bearer ${bearer}` } });
    for (const body of ['{"name":', '', undefined]) expect((await raw(body)).status).toBe(400);
    for (const body of ['[]', 'null', '"x"', `${'['.repeat(200_000)}${']'.repeat(200_000)}`])
      expect((await raw(body)).status).toBe(422);
    expect((await raw(JSON.stringify({ name: 'x'.repeat(1024 * 1024) }))).status).toBe(413);

    const fields = async (body: unknown) => {
      const answer = await admin.post('/companies', body);
      expect(answer.status).toBe(422);
      return answer.body.errors.map((error: { path: string }) => error.path);
    };
    expect(await fields({ time_zone: 'Mars/Base' })).toEqual(['name', 'time_zone']);
    expect(await fields({ name: 'A\0B' })).toEqual(['name']);
    expect(await fields({ name: 'A\ud800' })).toEqual(['name']);
    expect(await fields({ name: 'A', callrail_signing_keys: ['ok', 5] })).toEqual(['callrail_signing_keys.1']);
  });

  it('answers 404 for ids that cannot be, and 422 for queries that cannot be', async () => {
    const manager = await api.as('manager', company.companyId);
    for (const id of ['%00', 'a%00b', '%ff', '%zz', 'x'.repeat(5000), '%F0%9F%92%A9', "'; drop table leads--"])
      expect([id, (await manager.get(`/leads/${id}`)).status]).toEqual([id, 404]);
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=abc',
      'cursor=abc',
      `cursor=${Buffer.from('{"at":null,"id":"x"}').toString('base64url')}`,
      `cursor=${Buffer.from('{"at":"2026-01-01T00:00:00.000Z","id":"\\u0000"}').toString('base64url')}`,
      `cursor=${Buffer.from('{"at":"0000-01-01T00:00:00.000Z","id":"x"}').toString('base64url')}`,
      'status=hot,boiling',
      'status=,',
      'date_from=2026-02-30',
      'date_to=0001-01-01',
      'assigned_rep_id=%00',
    ])
      expect([query, (await manager.get(`/leads?${query}`)).status]).toEqual([query, 422]);
    expect((await manager.get('/leads?status=&cursor=')).status).toBe(200);
  });

  it('says 503 while the database is away', async () => {
    const away = await startApiApp();
    const admin = await away.as('admin', undefined);
    await away.pools.reads.$client.end();
    const answer = await admin.get('/companies');
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(answer.headers.get('retry-after')).toBe('5');
    await away.stop();
  });
});

describe('around the API', () => {
  it('serves health, readiness, metrics, documentation', async () => {
    expect((await request('/healthz')).status).toBe(200);
    expect((await request('/readyz')).status).toBe(200);
    expect(await (await request('/metrics')).text()).toContain('http_request_duration_seconds_bucket');
    const page = await (await request('/docs')).text();
    for (const [, asset] of page.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g))
      expect([asset, (await request(asset ?? '')).status]).toEqual([asset, 200]);
    expect((await request('/docs/package.json')).status).toBe(404);
  });

  it('describes every route, with whole paths', async () => {
    const document = (await (await request('/openapi.json')).json()) as Document;
    expect(document.openapi).toBe('3.1.0');
    expect(document.components.securitySchemes.bearer.scheme).toBe('bearer');
    const routes = api.app.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/'));
    const missing = routes.filter(({ method, path }) => {
      const described = path.replaceAll(/:([a-z_]+)({.*})?/g, '{$1}');
      return document.paths[described]?.[method.toLowerCase()] === undefined;
    });
    expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
    const ids = operations.filter(({ isOpen }) => !isOpen).map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('lets listed origins in, and no other', async () => {
    const preflight = (origin: string) =>
      request('/api/v1/leads', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
      });
    const listed = await preflight('https://app.example');
    expect(listed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(listed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('says who one is', async () => {
    await company.user('u-me', 'csr', 'Dana');
    const me = await (await api.as('csr', company.companyId, 'u-me')).get('/me');
    expect(me.body.data).toMatchObject({ user_id: 'u-me', role: 'csr', company_id: company.companyId, name: 'Dana' });
    const stranger = await (await api.as('executive', 'unknown-company', 'x')).get('/me');
    expect(stranger.body.data).toMatchObject({
      user_id: 'x',
      company_id: 'unknown-company',
      name: null,
      company: null,
    });
  });
});
