/** Who may call the API: tokens, the identity provider behind them, its sign-in on the console, and links. */
import { z } from 'zod';
import { ROLES, type Role } from '../domain/user.ts';
import { httpUrl, list, originList, secret, text, type Values } from './values.ts';

/** `org:admin=manager,org:member=csr`, by what the identity provider says. */
const roleMap = list.transform((pairs, context) => {
  const roles = new Map<string, Role>();
  for (const pair of pairs) {
    const at = pair.lastIndexOf('=');
    const role = ROLES.find((each) => each === pair.slice(at + 1).trim());
    if (at < 1 || !role) {
      context.addIssue({ code: 'custom', message: `must be pairs NAME=ROLE, ROLE one of ${ROLES.join(', ')}` });
      return z.NEVER;
    }
    roles.set(pair.slice(0, at).trim(), role);
  }
  return Object.fromEntries(roles);
});

export const authVariables = {
  AUTH_JWT_SECRET: text.optional(),
  AUTH_JWKS_URL: httpUrl.optional(),
  AUTH_ISSUER: text.optional(),
  AUTH_AUDIENCE: text.optional(),
  AUTH_CLAIM_USER: text.optional(),
  AUTH_CLAIM_COMPANY: text.optional(),
  AUTH_CLAIM_ROLE: text.optional(),
  AUTH_ROLE_MAP: roleMap.optional(),
  LINK_SECRET: secret(32).optional(),
  CONSOLE_OIDC_CLIENT_ID: text.optional(),
  CONSOLE_OIDC_SCOPE: text.default('openid profile email'),
  CONSOLE_OIDC_ORIGINS: originList.optional(),
};

type Env = Values<typeof authVariables>;

/** @param localSecret signs tokens where nothing else is configured; undefined in production */
export const authConfig = (env: Env, localSecret: () => string | undefined) => ({
  auth: {
    jwtSecret: env.AUTH_JWT_SECRET ?? (env.AUTH_JWKS_URL ? undefined : localSecret()),
    jwksUrl: env.AUTH_JWKS_URL,
    issuer: env.AUTH_ISSUER,
    audience: env.AUTH_AUDIENCE,
    claims: { user: env.AUTH_CLAIM_USER, company: env.AUTH_CLAIM_COMPANY, role: env.AUTH_CLAIM_ROLE },
    roleMap: env.AUTH_ROLE_MAP,
  },
  /** Signs tickets and links; undefined: a key that is made once and kept in the database. */
  linkSecret: env.LINK_SECRET,
  /** The console signs people in itself where both the issuer and a public client of it are known. */
  console: { oidc: consoleOidc(env) },
});

function consoleOidc(env: Env) {
  const { AUTH_ISSUER: issuer, CONSOLE_OIDC_CLIENT_ID: clientId, CONSOLE_OIDC_SCOPE: scope } = env;
  if (!clientId || !issuer || !URL.canParse(issuer)) return undefined;
  /** What the page may ask: the issuer, and where its token endpoint is if that is another origin. */
  const origins = [...new Set([new URL(issuer).origin, ...(env.CONSOLE_OIDC_ORIGINS ?? [])])];
  return { issuer, clientId, scope, origins };
}
