import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mintToken } from '../../dev/token.ts';
import { createAuthenticator } from '../../src/api/http/auth.ts';
import { loadConfig } from '../../src/config/config.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { eventually } from '../harness/poll.ts';

const now = () => Math.floor(Date.now() / 1000);
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What GET /me answers to a token. */
async function me(api: ApiApp, bearer: string) {
  const headers = { authorization: `Bearer ${bearer}` };
  const answer = await api.request('/api/v1/me', { headers });
  const body = (await answer.json()) as {
    data: { user_id: string; company_id: string | null; role: string };
    detail: string;
  };
  return { status: answer.status, challenge: answer.headers.get('www-authenticate'), ...body };
}
const statusOf = async (api: ApiApp, bearer: string) => (await me(api, bearer)).status;

describe('a shared secret', () => {
  let api: ApiApp;
  beforeAll(async () => {
    api = await startApiApp();
  });
  afterAll(() => api.stop());

  const secret = () => new TextEncoder().encode(api.config.auth.jwtSecret);
  const token = (claims: object, key = secret(), alg = 'HS256') =>
    new SignJWT({ sub: 'u', role: 'csr', company_id: 'co', exp: now() + 60, ...claims })
      .setProtectedHeader({ alg })
      .sign(key);

  it('takes a good token, also with org_id and within the clock skew', async () => {
    const good = [
      await token({ exp: now() + 60 }),
      await token({ exp: now() - 20, nbf: now() + 20 }),
      await token({ company_id: undefined, org_id: 'other' }),
      await token({ company_id: undefined, role: 'admin' }),
    ];
    for (const each of good) expect(await statusOf(api, each)).toBe(200);
  });

  it('refuses one that has expired since it was taken', async () => {
    const expiring = await token({ exp: now() - 26 });
    expect(await statusOf(api, expiring)).toBe(200);
    await eventually(async () => expect(await statusOf(api, expiring)).toBe(401));
  });

  it('refuses every other', async () => {
    const claims = { sub: 'u', role: 'admin', exp: now() + 60 };
    const signed = await token({ role: 'admin' });
    const [header, , signature] = signed.split('.');
    const bad = [
      await token({ exp: now() - 120 }),
      await token({ nbf: now() + 120 }),
      await token({ exp: undefined }),
      await token({ exp: now() + 400 * 86_400 }),
      await token({ exp: 1e308 }),
      await token({ iat: now() + 120 }),
      await token({ iat: 'yesterday' }),
      await token({ role: 'owner' }),
      await token({ role: undefined }),
      await token({ role: ['csr', 'manager'] }),
      await token({ sub: '' }),
      await token({ sub: 7 }),
      await token({ sub: 'a\0b' }),
      await token({ sub: 'x'.repeat(256) }),
      await token({ company_id: undefined }),
      await token({ company_id: '' }),
      await token({ company_id: { id: 'co' } }),
      await token({}, new TextEncoder().encode('another secret of the same length, or so')),
      await token({}, secret(), 'HS384'),
      await token({}, secret(), 'HS512'),
      `${b64({ alg: 'none' })}.${b64(claims)}.`,
      `${b64({ alg: 'None' })}.${b64(claims)}.`,
      `${b64({ alg: 'none' })}.${b64(claims)}.${signature}`,
      `${b64({ alg: 'HS256' })}.${b64(claims)}.`,
      `${b64({ alg: 'HS256' })}.${b64(claims)}.AAAA`,
      `${header}.${b64(claims)}.${signature}`,
      `${b64({ alg: 'HS256', crit: ['exp'] })}.${b64(claims)}.AAAA`,
      'not.a.token',
      'x',
    ];
    for (const each of bad) {
      const answer = await me(api, each);
      expect([each, answer.status, answer.challenge]).toEqual([each, 401, 'Bearer error="invalid_token"']);
    }
    const raw = (authorization: string) => api.request('/api/v1/me', { headers: { authorization } });
    for (const header of ['Basic eDp5', 'Bearer', 'Bearer ', `Bearer ${signed} ${signed}`, signed])
      expect([header, (await raw(header)).status]).toEqual([header, 401]);
    expect((await raw(`bearer ${signed}`)).status).toBe(200);
  });

  it('says which claim is missing, and never what the token held', async () => {
    expect((await me(api, await token({ company_id: undefined }))).detail).toContain('company_id');
    const { exp: _, ...forever } = { sub: 'u', role: 'admin', exp: 0 };
    const details = [
      [await new SignJWT(forever).setProtectedHeader({ alg: 'HS256' }).sign(secret()), 'exp'],
      [await token({ exp: now() - 120 }), 'expired'],
      [await token({ exp: 1e308 }), 'more than a year'],
      [await token({ iat: now() + 120 }), 'iat'],
      [await token({ nbf: now() + 120 }), 'nbf'],
      [await token({}, new TextEncoder().encode('another secret of the same length, or so')), 'signature'],
      [await token({}, secret(), 'HS384'), 'alg'],
    ] as const;
    for (const [bad, word] of details) expect((await me(api, bad)).detail).toContain(word);
    const { detail } = await me(api, await token({ role: 'tenant-secret' }));
    expect(detail).toContain('role');
    expect(detail).not.toContain('tenant-secret');
  });
});

describe('keys of an identity provider', () => {
  let provider: Server;
  let keys: object[] = [];
  let isDown = false;
  let fetches = 0;
  let jwksUrl: string;
  let api: ApiApp;

  beforeAll(async () => {
    provider = createServer((_, answer) => {
      fetches += 1;
      if (isDown) answer.writeHead(500);
      answer.end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    jwksUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
    api = await startApi({});
  });
  afterAll(async () => {
    await api.stop();
    provider.close();
  });

  const ISSUER = 'https://issuer.example';
  const startApi = (env: Record<string, string>) =>
    startApiApp({
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: jwksUrl,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: 'callwright',
      ...env,
    });
  const newKey = async (alg: string, kid: string) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    return { ...pair, alg, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
  };
  type Key = Awaited<ReturnType<typeof newKey>>;
  const defaults = { sub: 'u', role: 'csr', org_id: 'org', iss: ISSUER, aud: 'callwright' };
  const sign = (key: Key, claims: object = {}, header: object = {}) =>
    new SignJWT({ exp: now() + 600, ...defaults, ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
      .sign(key.privateKey);

  it('verifies RS256 and ES256 with keys fetched once, and is fooled by nothing', async () => {
    const [rsa, ec] = [await newKey('RS256', 'rsa-1'), await newKey('ES256', 'ec-1')];
    keys = [rsa.jwk, ec.jwk];
    expect(await statusOf(api, await sign(rsa))).toBe(200);
    expect(await statusOf(api, await sign(ec))).toBe(200);
    expect(await statusOf(api, await sign(rsa, { aud: ['other', 'callwright'] }))).toBe(200);
    expect(await statusOf(api, await sign(rsa, { exp: now() - 20 }))).toBe(200);
    const stranger = await newKey('RS256', 'rsa-1');
    const wrong = [
      await sign(rsa, { iss: 'https://other.example' }),
      await sign(rsa, { iss: undefined }),
      await sign(rsa, { aud: 'other' }),
      await sign(rsa, { aud: undefined }),
      await sign(rsa, { exp: now() - 120 }),
      await sign(rsa, { exp: undefined }),
      await sign(stranger),
      // A key in the token itself, or another place to fetch it from.
      await sign(stranger, {}, { jwk: stranger.jwk }),
      await sign(stranger, {}, { jku: jwksUrl }),
      `${b64({ alg: 'none', kid: 'rsa-1' })}.${b64({ ...defaults, exp: now() + 60 })}.`,
    ];
    // The public key taken for a shared secret, in both forms it is known by.
    for (const secret of [JSON.stringify(rsa.jwk), await exportSPKI(rsa.publicKey)])
      wrong.push(
        await new SignJWT({ ...defaults, exp: now() + 60 })
          .setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' })
          .sign(new TextEncoder().encode(secret)),
      );
    for (const each of wrong) expect([each, await statusOf(api, each)]).toEqual([each, 401]);
    expect(fetches).toBe(1);
  });

  it('follows a rotation, without asking for every unknown key id', async () => {
    const [old, next] = [await newKey('ES256', 'old'), await newKey('ES256', 'next')];
    keys = [old.jwk];
    await expect.poll(async () => statusOf(api, await sign(old)), { timeout: 10_000 }).toBe(200);
    keys = [next.jwk];
    await expect.poll(async () => statusOf(api, await sign(next)), { timeout: 10_000 }).toBe(200);
    expect(await statusOf(api, await sign(old))).toBe(401);
    const before = fetches;
    const unknown = await newKey('ES256', 'unknown');
    for (let i = 0; i < 50; i += 1) expect(await statusOf(api, await sign(unknown))).toBe(401);
    expect(fetches - before).toBeLessThan(10);
  });

  it('says 503 while keys cannot be had, which is not the token’s fault', async () => {
    const key = await newKey('ES256', 'later');
    keys = [key.jwk];
    isDown = true;
    const other = await startApi({});
    expect(await statusOf(other, await sign(key))).toBe(503);
    isDown = false;
    await expect.poll(async () => statusOf(other, await sign(key)), { timeout: 10_000 }).toBe(200);
    await other.stop();
  });

  it('goes on for hours with the keys it knows while the provider is away', async () => {
    const key = await newKey('ES256', 'known');
    keys = [key.jwk];
    const other = await startApi({});
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      expect(await statusOf(other, await sign(key))).toBe(200);
      isDown = true;
      for (const hours of [0.2, 1, 6]) {
        vi.setSystemTime(Date.now() + hours * 3_600_000);
        expect([hours, await statusOf(other, await sign(key))]).toEqual([hours, 200]);
      }
      vi.setSystemTime(Date.now() + 13 * 3_600_000);
      expect(await statusOf(other, await sign(key))).toBe(503);

      // A key that the provider has withdrawn counts until the keys are fetched anew, and no longer.
      isDown = false;
      expect(await statusOf(other, await sign(key))).toBe(200);
      keys = [(await newKey('ES256', 'next')).jwk];
      vi.setSystemTime(Date.now() + 11 * 60_000);
      await expect.poll(async () => statusOf(other, await sign(key)), { timeout: 10_000 }).toBe(401);
    } finally {
      vi.useRealTimers();
      isDown = false;
      await other.stop();
    }
  });

  it('takes a token that names no key where one key of the set fits', async () => {
    const [rsa, ec] = [await newKey('RS256', 'one'), await newKey('ES256', 'two')];
    const { alg: _, ...withoutAlg } = rsa.jwk;
    keys = [withoutAlg, ec.jwk, { ...(await newKey('RS256', 'three')).jwk, use: 'enc' }];
    const other = await startApi({});
    expect(await statusOf(other, await sign(rsa, {}, { kid: undefined }))).toBe(200);
    expect(await statusOf(other, await sign(ec, {}, { kid: undefined }))).toBe(200);
    keys = [rsa.jwk, (await newKey('RS256', 'four')).jwk];
    const several = await startApi({});
    expect((await me(several, await sign(rsa, {}, { kid: undefined }))).detail).toContain('kid');
    for (const each of [other, several]) await each.stop();
  });

  it('makes nobody an admin of all companies that the role map does not name', async () => {
    const key = await newKey('RS256', 'admins');
    keys = [key.jwk];
    const token = await sign(key, { role: 'admin', org_id: 'acme' });
    const unmapped = await startApi({});
    const answer = await me(unmapped, token);
    expect([answer.status, answer.detail]).toEqual([401, expect.stringContaining('AUTH_ROLE_MAP')]);
    const mapped = await startApi({ AUTH_ROLE_MAP: 'admin=admin' });
    expect((await me(mapped, token)).data.role).toBe('admin');
    for (const each of [unmapped, mapped]) await each.stop();
  });

  it('reads the claims where the provider puts them', async () => {
    const key = await newKey('RS256', 'claims');
    keys = [key.jwk];
    const who = async (env: Record<string, string>, claims: object) => {
      const { auth } = loadConfig({ env: { AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: ISSUER, ...env } });
      const token = await sign(key, { role: undefined, org_id: undefined, aud: undefined, ...claims });
      return createAuthenticator(
        auth,
        pino({ level: 'silent' }),
      )(`Bearer ${token}`).then(
        ({ userId, companyId, role }) => [userId, companyId, role],
        (error) => error.status,
      );
    };
    const clerk = {
      AUTH_CLAIM_COMPANY: 'o.id',
      AUTH_CLAIM_ROLE: 'o.rol',
      AUTH_ROLE_MAP: 'admin=manager,member=csr',
    };
    expect(await who(clerk, { o: { id: 'org_1', rol: 'admin', slg: 'acme' } })).toEqual(['u', 'org_1', 'manager']);
    expect(await who(clerk, { o: { id: 'org_1', rol: 'executive' } })).toBe(401);
    expect(await who(clerk, { role: 'admin', org_id: 'org_1' })).toBe(401);
    expect(await who(clerk, { o: 'org_1' })).toBe(401);
    expect(await who({ ...clerk, AUTH_ROLE_MAP: 'constructor=csr' }, { o: { id: 'a', rol: 'toString' } })).toBe(401);

    const auth0 = {
      AUTH_CLAIM_ROLE: 'https://example.com/role',
      AUTH_ROLE_MAP: 'Office manager=manager,Agent=csr',
      AUTH_CLAIM_USER: 'https://example.com/id',
    };
    const claims = { org_id: 'org_2', 'https://example.com/id': '42' };
    const roles = (...names: string[]) => who(auth0, { ...claims, 'https://example.com/role': names });
    expect(await roles('Billing', 'Office manager')).toEqual(['42', 'org_2', 'manager']);
    expect(await roles('Agent', 'Office manager')).toBe(401);
    expect(await roles()).toBe(401);

    const workos = { AUTH_ROLE_MAP: 'admin=manager,member=csr' };
    expect(await who(workos, { org_id: 'org_3', role: 'admin' })).toEqual(['u', 'org_3', 'manager']);
    expect(await who({ AUTH_CLAIM_ROLE: 'metadata.role' }, { org_id: 'o', metadata: { role: 'sales_rep' } })).toEqual([
      'u',
      'o',
      'sales_rep',
    ]);
  });

  it('serves both a secret and keys, each with its own algorithms', async () => {
    const key = await newKey('RS256', 'both');
    keys = [key.jwk];
    const both = await startApi({
      AUTH_JWT_SECRET: 'a secret beside the keys, of a good length',
      AUTH_CLAIM_COMPANY: 'o.id',
      AUTH_CLAIM_ROLE: 'o.rol',
      AUTH_ROLE_MAP: 'boss=manager,root=admin',
    });
    expect(await statusOf(both, await sign(key, { o: { rol: 'root' } }))).toBe(200);
    // What `npm run token` prints is said as the provider would say it.
    const minted = await mintToken(both.config, { role: 'manager', companyId: 'org_4', userId: 'u4' });
    expect((await me(both, minted)).data).toMatchObject({ user_id: 'u4', company_id: 'org_4', role: 'manager' });
    await expect(mintToken(both.config, { role: 'csr', companyId: 'org_4', userId: 'u4' })).rejects.toThrow(
      'AUTH_ROLE_MAP',
    );
    const confused = await new SignJWT({ ...defaults, o: { rol: 'root' }, exp: now() + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: 'both' })
      .sign(new TextEncoder().encode(await exportSPKI(key.publicKey)));
    expect(await statusOf(both, confused)).toBe(401);
    await both.stop();
  });
});
