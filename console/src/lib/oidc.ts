/** OpenID Connect, code flow with PKCE, as a public client. Loaded only where an issuer is configured. */
import * as oauth from 'oauth4webapi';
import { getSession, setSession } from './session.ts';

export interface OidcSettings {
  issuer: string;
  client_id: string;
  scope: string;
  audience: string | null;
}

/** What the way back needs; never sent anywhere but to the token endpoint. */
const KEY = 'callwright.sign-in';
const redirectUri = () => `${location.origin}/`;
/** The provider of a development set-up may speak plain HTTP on this machine. */
const insecure = (settings: OidcSettings) => ({ [oauth.allowInsecureRequests]: settings.issuer.startsWith('http://') });

async function discover(settings: OidcSettings): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(settings.issuer);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure(settings)));
}

/** Leaves the page for the provider's. */
export async function startSignIn(settings: OidcSettings): Promise<void> {
  const server = await discover(settings);
  if (!server.authorization_endpoint) throw new Error('The identity provider names no sign-in page.');
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  sessionStorage.setItem(KEY, JSON.stringify({ verifier, state, back: location.pathname + location.search }));
  const url = new URL(server.authorization_endpoint);
  const parameters = {
    client_id: settings.client_id,
    redirect_uri: redirectUri(),
    response_type: 'code',
    scope: settings.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...(settings.audience && { audience: settings.audience }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Takes the code from the address and changes it for a token. @returns where the sign-in was begun */
export async function finishSignIn(settings: OidcSettings): Promise<string> {
  const stored = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as {
    verifier: string;
    state: string;
    back: string;
  } | null;
  sessionStorage.removeItem(KEY);
  const here = new URL(location.href);
  history.replaceState(null, '', '/');
  if (!stored) throw new Error('This sign-in was begun in another tab. Begin again.');
  const server = await discover(settings);
  const client: oauth.Client = { client_id: settings.client_id };
  const parameters = oauth.validateAuthResponse(server, client, here, stored.state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirectUri(),
    stored.verifier,
    insecure(settings),
  );
  keep(settings, server, await oauth.processAuthorizationCodeResponse(server, client, response));
  return stored.back;
}

/** Before the token ends the next one is got, where the provider gave the means; else the page asks to sign in again. */
const RENEW_BEFORE_SECONDS = 60;
const RENEW_AGAIN_MS = 10_000;

function keep(settings: OidcSettings, server: oauth.AuthorizationServer, granted: oauth.TokenEndpointResponse): void {
  setSession({ token: granted.access_token, kind: 'oidc' });
  const { refresh_token: refreshToken, expires_in: seconds } = granted;
  // In memory alone: it outlives the token, and a reload is a sign-in away.
  if (!refreshToken || !seconds) return;
  const renew = async () => {
    if (getSession()?.token !== granted.access_token) return;
    const client: oauth.Client = { client_id: settings.client_id };
    const options = insecure(settings);
    const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, options);
    const next = await oauth.processRefreshTokenResponse(server, client, response);
    keep(settings, server, { refresh_token: refreshToken, ...next });
  };
  const endsAt = Date.now() + seconds * 1000;
  // A provider that is away for moments is asked again until the token has ended; then the page asks to sign in.
  const renewIn = (ms: number): void => {
    setTimeout(() => void renew().catch(() => Date.now() < endsAt && renewIn(RENEW_AGAIN_MS)), ms);
  };
  renewIn(Math.max(5, seconds - RENEW_BEFORE_SECONDS) * 1000);
}
