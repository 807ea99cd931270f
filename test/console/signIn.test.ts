/** Signing in to the console at an OpenID provider: code flow with PKCE, renewal, and the way out. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import Provider from 'oidc-provider';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureConsole } from '../../dev/console.ts';
import { CONTEXT, startBrowser } from '../harness/browser.ts';
import { createCaller } from '../harness/http.ts';
import { eventually } from '../harness/poll.ts';
import { type Service, startService } from '../harness/service.ts';

const AUDIENCE = 'https://api.callwright.example';
const CLIENT_ID = 'callwright-console';
const SHOWN_MS = 20_000;
/** The page renews a token a minute before its end: so after some seconds. */
const TOKEN_SECONDS = 65;

const found = await startBrowser();
const browser = typeof found === 'string' ? undefined : found;

describe.skipIf(!browser)('signing in at an identity provider', () => {
  const server = createServer();
  let service: Service;
  let company: { id: string };
  let page: Page;
  const addresses: string[] = [];
  const tokenRequests: string[] = [];

  beforeAll(async () => {
    expect(await ensureConsole((line) => process.stderr.write(`${line}\n`))).toBe(true);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    service = await startService({
      AUTH_ISSUER: issuer,
      AUTH_JWKS_URL: `${issuer}/jwks`,
      AUTH_AUDIENCE: AUDIENCE,
      CONSOLE_OIDC_CLIENT_ID: CLIENT_ID,
    });
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          token_endpoint_auth_method: 'none',
          application_type: 'native',
          redirect_uris: [`${service.baseUrl}/`],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      pkce: { required: () => true },
      clientBasedCORS: () => true,
      cookies: { keys: ['only for this test'] },
      issueRefreshToken: async () => true,
      ttl: { AccessToken: TOKEN_SECONDS, Interaction: 600, Session: 600, Grant: 600, RefreshToken: 600 },
      // Whoever signs in as `manager` is one, at the company of the test.
      extraTokenClaims: (_context, token) => ({
        role: (token as { accountId?: string }).accountId,
        company_id: company.id,
      }),
      features: {
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'calls',
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: TOKEN_SECONDS,
          }),
        },
      },
    });
    server.on('request', provider.callback());
    // As the set-up of a company would, with a token that this issuer might have given.
    const admin = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('admin')
      .setIssuer(issuer)
      .setAudience(AUDIENCE)
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode(service.env.AUTH_JWT_SECRET));
    company = await createCaller(service.baseUrl, Promise.resolve(admin)).post('/companies', {
      name: 'Identity Roofing',
    });
    const context = await (browser as Browser).newContext(CONTEXT);
    page = await context.newPage();
    page.setDefaultTimeout(SHOWN_MS);
    page.on('framenavigated', (frame) => addresses.push(frame.url()));
    page.on('request', (request) => {
      if (request.url() === `${issuer}/token`) tokenRequests.push(request.postData() ?? '');
    });
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    server.close();
    await service?.stop();
  });

  /** Through the provider's own pages: who it is, and that the console may know it. */
  const signInAs = async (name: string) => {
    await page.getByRole('button', { name: /^Sign in with/ }).click();
    await page.locator('input[name="login"]').fill(name);
    await page.locator('input[name="password"]').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
  };

  it('comes back to the page that was opened, signed in, with no token in any address', async () => {
    await page.goto(`${service.baseUrl}/follow-ups`);
    await signInAs('manager');
    await page.getByRole('heading', { name: 'Follow-ups' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/follow-ups');
    await page.locator('button.account', { hasText: 'Manager' }).waitFor();
    expect(addresses.join('\n')).not.toContain('eyJ');
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('eyJ');
    expect(tokenRequests[0]).toContain('code_verifier=');
  });

  it('renews the token before it ends, and works on with the new one', async () => {
    await eventually(() => expect(tokenRequests.some((body) => body.includes('grant_type=refresh_token'))).toBe(true));
    await page.getByRole('navigation').getByRole('link', { name: 'Calls', exact: true }).click();
    await page.getByRole('heading', { name: 'Calls today' }).waitFor();
    await page.locator('.feed.live').waitFor();
  });

  it('signs out, and another person signs in as another role', async () => {
    await page.locator('button.account').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to callwright' }).waitFor();
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toContain('eyJ');
    await page.context().clearCookies();
    await signInAs('csr');
    await page.locator('button.account', { hasText: 'CSR' }).waitFor();
  });

  it('says so where the provider answers with an error', async () => {
    await page.locator('button.account').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.goto(`${service.baseUrl}/?error=access_denied&error_description=No&state=unknown`);
    await page.getByRole('alert').waitFor();
  });
});
