import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLES, type Role } from '../src/domain/user.ts';
import { storeEvent } from '../src/inbox/store.ts';
import { type ApiApp, startApiApp } from './harness/apiApp.ts';
import { type CompanyRows, makeCompany } from './harness/rows.ts';

/** The contract's role table, operation by operation, written down a second time. */
const READERS: Role[] = ['csr', 'sales_rep', 'manager', 'executive'];
const ALLOWED: Record<string, Role[]> = {
  'GET /me': [...ROLES],
  'POST /companies': ['admin'],
  'GET /companies': ['manager', 'admin'],
  'GET /companies/{id}': ['manager', 'admin'],
  'PATCH /companies/{id}': ['admin'],
  'POST /companies/{id}/tracking-numbers': ['admin'],
  'GET /companies/{id}/tracking-numbers': ['manager', 'admin'],
  'DELETE /companies/{id}/tracking-numbers/{phone_number}': ['admin'],
  'POST /companies/{id}/users': ['admin'],
  'GET /companies/{id}/users': ['csr', 'manager', 'executive', 'admin'],
  'GET /companies/{id}/users/{user_id}': ['csr', 'manager', 'executive', 'admin'],
  'PATCH /companies/{id}/users/{user_id}': ['admin'],
  'GET /calls': READERS,
  'GET /calls/{id}': READERS,
  'GET /calls/{id}/transcript': READERS,
  'GET /calls/{id}/analysis': READERS,
  'GET /calls/{id}/recording': READERS,
  'PATCH /calls/{id}/analysis': ['manager', 'admin'],
  'POST /calls/{id}/reanalyze': ['manager', 'admin'],
  'DELETE /calls/{id}': ['manager', 'admin'],
  'GET /leads': READERS,
  'GET /leads/{id}': READERS,
  'PATCH /leads/{id}': ['csr', 'manager'],
  'GET /contacts': READERS,
  'GET /contacts/{id}': READERS,
  'DELETE /contacts/{id}': ['manager', 'admin'],
  'GET /appointments': READERS,
  'GET /appointments/today/self': READERS,
  'POST /appointments': ['csr', 'manager'],
  'GET /appointments/{id}': READERS,
  'PATCH /appointments/{id}': ['csr', 'sales_rep', 'manager'],
  'POST /recordings/sessions/start': ['sales_rep'],
  'POST /recordings/sessions/{id}/stop': ['sales_rep'],
  'GET /recordings/sessions': ['sales_rep', 'manager', 'executive'],
  'GET /recordings/sessions/{id}': ['sales_rep', 'manager', 'executive'],
  'GET /metrics/csr/overview/self': ['csr', 'manager', 'executive'],
  'GET /metrics/sales/rep/overview/self': ['sales_rep', 'manager', 'executive'],
  'GET /metrics/exec/csr/overview': ['manager', 'executive'],
  'GET /metrics/exec/sales/overview': ['manager', 'executive'],
  'GET /pipelines': ['manager', 'executive', 'admin'],
  'GET /pipelines/{workflow_id}': ['manager', 'executive', 'admin'],
  'POST /pipelines/{workflow_id}/retry': ['manager', 'admin'],
  'POST /pipelines/{workflow_id}/skip': ['manager', 'admin'],
  'POST /pipelines/retry': ['manager', 'admin'],
  'GET /webhook-events': ['manager', 'executive', 'admin'],
  'GET /webhook-events/{id}': ['manager', 'executive', 'admin'],
  'POST /webhook-events/{id}/redrive': ['manager', 'admin'],
  'GET /audit': ['manager', 'executive', 'admin'],
};

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
  const document = (await (await api.app.request('/openapi.json')).json()) as Document;
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

const request = (path: string, init: RequestInit = {}) => api.app.request(path, init);

describe('roles', () => {
  it('lets each role do what the table says, and nothing else', async () => {
    const guarded = operations.filter((operation) => !operation.isOpen);
    expect(guarded.map(({ name }) => name).sort()).toEqual(Object.keys(ALLOWED).sort());
    const wrong: string[] = [];
    for (const role of ROLES) {
      const caller = await api.as(role, company.companyId);
      for (const { name, method, path } of guarded) {
        const url = path.replace('/api/v1', '');
        const send = { GET: caller.get, POST: caller.post, PATCH: caller.patch, DELETE: caller.delete }[method];
        const { status } = (await send?.(url, {})) ?? { status: 0 };
        const isAllowed = ALLOWED[name]?.includes(role);
        if (isAllowed ? [401, 403, 405, 500].includes(status) : status !== 403)
          wrong.push(`${role} ${name}: ${status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no data behind a route without a token', async () => {
    const open = [/^\/api\/v1\/(callrail|shunya)\//, /^\/api\/v1\/recordings\/:token/];
    const paths = api.app.routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/'));
    expect(paths.length).toBeGreaterThan(40);
    for (const { method, path } of paths) {
      if (open.some((pattern) => pattern.test(path))) continue;
      const answer = await request(path.replaceAll(/:[^/]+/g, 'x'), { method });
      expect([`${method} ${path}`, answer.status]).toEqual([`${method} ${path}`, 401]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });
});

describe('companies', () => {
  it('are walls: every thing of another company is a 404 to every role of this one', async () => {
    const other = await makeCompany(api.db);
    await other.user('rep', 'sales_rep');
    const { leadId, contactId } = await other.lead();
    const call = await other.call({ leadId, contactId });
    await other.analysis(call.id);
    const appointmentId = await other.appointment({ leadId, contactId, assignedRepId: 'rep' });
    const sessionId = await other.visit(appointmentId);
    const event = { source: 'callrail', route: 'call.incoming', status: 'pending', body: Buffer.from('{}') } as const;
    const { id: eventId } = await storeEvent(api.db, { ...event, companyId: other.companyId });
    const idOf: Record<string, string> = {
      companies: other.companyId,
      calls: call.id,
      leads: leadId,
      contacts: contactId,
      appointments: appointmentId,
      recordings: sessionId,
      pipelines: encodeURIComponent(`call:${other.companyId}:${call.providerCallId}`),
      'webhook-events': eventId,
    };
    const body = {
      reason: 'why',
      summary: 'what',
      audio_url: 'https://callrail.com/a.mp3',
      outcome: 'won',
      notes: 'x',
    };
    const wrong: string[] = [];
    let tried = 0;
    // The rep's user id is the same in both companies: the company decides.
    for (const role of ROLES.filter((each) => each !== 'admin')) {
      const caller = await api.as(role, company.companyId, 'rep');
      for (const { name, method } of operations) {
        if (!name.includes('{') || !ALLOWED[name]?.includes(role)) continue;
        const url = name.replace(/^\S+ /, '').replace(/{[a-z_]+}/, idOf[name.split('/')[1] ?? ''] ?? 'none');
        const send = { GET: caller.get, POST: caller.post, PATCH: caller.patch, DELETE: caller.delete }[method];
        const { status } = (await send?.(url.replace('{user_id}', 'rep'), body)) ?? { status: 0 };
        tried += 1;
        if (status !== 404) wrong.push(`${role} ${name}: ${status}`);
      }
      for (const list of ['calls', 'leads', 'contacts', 'appointments'])
        expect((await caller.get(`/${list}`)).body.data.total).toBe(0);
    }
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(50);
  });
});

describe('tokens', () => {
  const secret = () => new TextEncoder().encode(api.config.auth.jwtSecret);
  const token = (claims: object, secretBytes = secret(), alg = 'HS256') =>
    new SignJWT({ sub: 'u', role: 'csr', company_id: company.companyId, ...claims })
      .setProtectedHeader({ alg })
      .sign(secretBytes);
  const me = async (bearer: string) =>
    (await request('/api/v1/me', { headers: { authorization: `Bearer ${bearer}` } })).status;

  it('takes a good one, also with org_id and within the clock skew', async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(await me(await token({ exp: now + 60 }))).toBe(200);
    expect(await me(await token({ exp: now - 20 }))).toBe(200);
    expect(await me(await token({ company_id: undefined, org_id: 'other' }))).toBe(200);
    expect(await me(await token({ company_id: undefined, role: 'admin' }))).toBe(200);
  });

  it('refuses every other', async () => {
    const now = Math.floor(Date.now() / 1000);
    const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { sub: 'u', role: 'admin', exp: now + 60 };
    const bad = [
      await token({ exp: now - 120 }),
      await token({ nbf: now + 120 }),
      await token({ role: 'owner' }),
      await token({ role: undefined }),
      await token({ sub: '' }),
      await token({ sub: 'a\0b' }),
      await token({ company_id: undefined }),
      await token({}, new TextEncoder().encode('another secret of the same length, or so')),
      await token({}, secret(), 'HS512'),
      `${b64({ alg: 'none' })}.${b64(claims)}.`,
      `${b64({ alg: 'HS256' })}.${b64(claims)}.AAAA`,
      'not.a.token',
      'x',
    ];
    expect(await Promise.all(bad.map(me))).toEqual(bad.map(() => 401));
    expect((await request('/api/v1/me', { headers: { authorization: 'Basic eDp5' } })).status).toBe(401);
  });
});

describe('keys of an identity provider', () => {
  let provider: Server;
  let keys: object[] = [];
  let jwks: ApiApp;

  beforeAll(async () => {
    provider = createServer((_, answer) => answer.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as AddressInfo;
    jwks = await startApiApp({
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      AUTH_ISSUER: 'https://issuer.example',
      AUTH_AUDIENCE: 'callwright',
    });
  });
  afterAll(async () => {
    await jwks.stop();
    provider.close();
  });

  const newKey = async (alg: string, kid: string) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    return { ...pair, alg, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
  };
  type Key = Awaited<ReturnType<typeof newKey>>;
  const sign = (key: Key, claims: object = {}) =>
    new SignJWT({ sub: 'u', role: 'admin', iss: 'https://issuer.example', aud: 'callwright', ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.kid })
      .setExpirationTime('1h')
      .sign(key.privateKey);
  const me = async (bearer: string) =>
    (await jwks.app.request('/api/v1/me', { headers: { authorization: `Bearer ${bearer}` } })).status;

  it('verifies RS256 and ES256, follows a rotation, and is fooled by nothing', async () => {
    const rsa = await newKey('RS256', 'rsa-1');
    const ec = await newKey('ES256', 'ec-1');
    keys = [rsa.jwk, ec.jwk];
    expect(await me(await sign(rsa))).toBe(200);
    expect(await me(await sign(ec))).toBe(200);
    expect(await me(await sign(rsa, { iss: 'https://other.example' }))).toBe(401);
    expect(await me(await sign(rsa, { aud: 'other' }))).toBe(401);
    expect(await me(await sign(await newKey('RS256', 'rsa-1')))).toBe(401);

    // The public key taken for a shared secret.
    const confused = await new SignJWT({ sub: 'u', role: 'admin', iss: 'https://issuer.example', aud: 'callwright' })
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(JSON.stringify(rsa.jwk)));
    expect(await me(confused)).toBe(401);

    const next = await newKey('RS256', 'rsa-2');
    expect(await me(await sign(next))).toBe(401);
    keys = [next.jwk];
    await expect.poll(async () => me(await sign(next)), { timeout: 10_000 }).toBe(200);
  });
});

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
      'status=hot,boiling',
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
    await away.db.$client.end();
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
