/** Bearer tokens: who is asking. */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import { ROLES, type Role } from '../../domain/user.ts';
import type { Logger } from '../../runtime/telemetry.ts';
import { ApiError } from './errors.ts';
import type { Actor } from './permissions.ts';
import { createProviderKeys } from './providerKeys.ts';

const CLOCK_TOLERANCE_SECONDS = 30;
/** A year and a day: what lives longer is a token that never expires. */
const LIFE_MAX_SECONDS = 366 * 86_400;
/** A token that was verified counts as such for so long, at most until it expires: who loads a page sends it ten times. */
const VERIFIED_FOR_MS = 30_000;
const VERIFIED_MAX = 1000;
/** Each kind of key only with its own algorithms: a public key must never be taken for a shared secret. */
const SECRET_ALGORITHMS = ['HS256'];
const JWKS_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

const identifier = z
  .string()
  .min(1)
  .max(255)
  // Postgres takes neither NUL nor half a character.
  .refine((text) => !/[\0\p{Surrogate}]/u.test(text));

const claimsSchema = z.object({ user: identifier, company: identifier.nullish(), role: z.enum(ROLES) });

export type Authenticate = (authorization: string | undefined) => Promise<Actor>;

/**
 * Makes the check of the Authorization header.
 * @returns a function that answers the actor, or throws 401 (503 while the identity provider's keys cannot be had)
 */
export function createAuthenticator(auth: Config['auth'], logger: Logger): Authenticate {
  const secret = auth.jwtSecret === undefined ? undefined : new TextEncoder().encode(auth.jwtSecret);
  const providerKey = auth.jwksUrl ? createProviderKeys(auth.jwksUrl, logger) : undefined;
  const options = {
    issuer: auth.issuer,
    audience: auth.audience,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp'],
  };

  const actorBehind = async (token: string): Promise<Actor> => {
    if (providerKey && !(secret && isSharedSecretToken(token))) {
      const { payload } = await jwtVerify(token, providerKey, { ...options, algorithms: JWKS_ALGORITHMS });
      return actorOf(payload, auth, 'provider');
    }
    if (!secret) throw unauthenticated('The token cannot be verified.');
    const { payload } = await jwtVerify(token, secret, { ...options, algorithms: SECRET_ALGORITHMS });
    return actorOf(payload, auth, 'secret');
  };

  const verified = new LRUCache<string, Actor>({ max: VERIFIED_MAX });
  return async (authorization) => {
    const token = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthenticated('Send the header Authorization: Bearer <token>.', false);
    const known = verified.get(token);
    if (known) return known;
    try {
      const actor = await actorBehind(token);
      const livesMs = actor.expiresAt.getTime() + CLOCK_TOLERANCE_SECONDS * 1000 - Date.now();
      verified.set(token, actor, { ttl: Math.max(1, Math.min(VERIFIED_FOR_MS, livesMs)) });
      return actor;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw unauthenticated(whatFailed(error));
    }
  };
}

/** Which check a token did not pass; never what was in it, nor what was expected. */
function whatFailed(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token does not verify.';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The algorithm (alg) of the token is not accepted.';
  if (error instanceof errors.JWKSNoMatchingKey) return 'The key that signed the token (kid, alg) is not known.';
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'The token names no key (kid), and several would fit.';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'The token is not valid.';
  if (error.claim === 'exp') return 'The token lacks exp: a token must expire.';
  if (error.claim === 'nbf') return 'The token is not valid yet (nbf).';
  if (error.claim === 'iss') return 'The issuer (iss) of the token is not the configured one.';
  if (error.claim === 'aud') return 'The token is for another audience (aud).';
  return 'The token is not valid.';
}

function actorOf(payload: JWTPayload, auth: Config['auth'], signedBy: 'provider' | 'secret'): Actor {
  const { claims: names, roleMap } = auth;
  const expiresAt = readExpiry(payload);
  const claims = claimsSchema.safeParse({
    user: readClaim(payload, names.user ?? 'sub'),
    company: names.company === undefined ? (payload.company_id ?? payload.org_id) : readClaim(payload, names.company),
    role: roleOf(readClaim(payload, names.role ?? 'role'), roleMap),
  });
  const nameOf = { user: names.user ?? 'sub', company: names.company ?? 'company_id', role: names.role ?? 'role' };
  if (!claims.success) {
    const wrong = claims.error.issues.map((issue) => nameOf[issue.path[0] as keyof typeof nameOf]);
    throw unauthenticated(`The token lacks a usable claim: ${[...new Set(wrong)].join(', ')}.`);
  }
  const { user, company = null, role } = claims.data;
  // A provider's `admin` is one of an organisation; ours reaches over all companies.
  if (role === 'admin' && signedBy === 'provider' && roleMap === undefined)
    throw unauthenticated('The role admin of an identity provider counts only where AUTH_ROLE_MAP names it.');
  if (company === null && role !== 'admin') throw unauthenticated(`The token lacks a usable claim: ${nameOf.company}.`);
  return { userId: user, companyId: company, role, expiresAt };
}

/** When a token ends, where its times make sense. */
function readExpiry({ iat, exp = 0 }: JWTPayload): Date {
  const nowSeconds = Date.now() / 1000;
  if (iat !== undefined && iat > nowSeconds + CLOCK_TOLERANCE_SECONDS)
    throw unauthenticated('The token was issued in the future (iat).');
  if (exp > nowSeconds + LIFE_MAX_SECONDS) throw unauthenticated('The token expires more than a year from now (exp).');
  return new Date(exp * 1000);
}

/** A claim by its whole name (`https://example.com/role`), else by the way to it (`metadata.role`). */
function readClaim(payload: JWTPayload, name: string): unknown {
  const own = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined;
  return own(payload, name) ?? name.split('.').reduce(own, payload);
}

/**
 * Our role for what the provider says. With a map nothing else counts: a provider's `admin` is one of an organisation,
 * ours reaches over all companies. Of a list, the one that is a role; two different ones say nothing.
 */
function roleOf(claim: unknown, roleMap: Config['auth']['roleMap']): Role | undefined {
  const named = (Array.isArray(claim) ? claim : [claim]).filter((name): name is string => typeof name === 'string');
  const roles = named.map((name) => {
    if (roleMap === undefined) return ROLES.find((role) => role === name);
    return Object.hasOwn(roleMap, name) ? roleMap[name] : undefined;
  });
  const distinct = [...new Set(roles.filter((role) => role !== undefined))];
  return distinct.length === 1 ? distinct[0] : undefined;
}

function isSharedSecretToken(token: string): boolean {
  try {
    const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    return SECRET_ALGORITHMS.includes(header?.alg);
  } catch {
    return false;
  }
}

function unauthenticated(detail: string, hasToken = true): ApiError {
  const challenge = hasToken ? 'Bearer error="invalid_token"' : 'Bearer';
  return new ApiError('unauthenticated', { detail, headers: { 'WWW-Authenticate': challenge } });
}
