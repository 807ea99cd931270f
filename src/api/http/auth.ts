/** Bearer tokens: who is asking. */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import { ROLES, type Role } from '../../domain/user.ts';
import { ApiError } from './errors.ts';
import type { Actor } from './permissions.ts';

const CLOCK_TOLERANCE_SECONDS = 30;
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
export function createAuthenticator(auth: Config['auth']): Authenticate {
  const secret = auth.jwtSecret === undefined ? undefined : new TextEncoder().encode(auth.jwtSecret);
  // A key id we do not know makes us look again, at most once a second: a rotated key works at once.
  const jwks = auth.jwksUrl ? createRemoteJWKSet(new URL(auth.jwksUrl), { cooldownDuration: 1000 }) : undefined;
  const options = { issuer: auth.issuer, audience: auth.audience, clockTolerance: CLOCK_TOLERANCE_SECONDS };

  const verify = async (token: string): Promise<JWTPayload> => {
    if (jwks && !(secret && isSharedSecretToken(token))) {
      const getKey: JWTVerifyGetKey = (header, input) => jwks(header, input).catch(rethrowOutage);
      const verified = await jwtVerify(token, getKey, {
        ...options,
        algorithms: JWKS_ALGORITHMS,
        requiredClaims: ['exp'],
      });
      return verified.payload;
    }
    if (!secret) throw unauthenticated('The token cannot be verified.');
    return (await jwtVerify(token, secret, { ...options, algorithms: SECRET_ALGORITHMS })).payload;
  };

  return async (authorization) => {
    const token = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthenticated('Send the header Authorization: Bearer <token>.', false);
    try {
      return actorOf(await verify(token), auth);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      const expired = error instanceof errors.JWTExpired;
      throw unauthenticated(expired ? 'The token has expired.' : 'The token is not valid.');
    }
  };
}

function actorOf(payload: JWTPayload, { claims: names, roleMap }: Config['auth']): Actor {
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
  if (company === null && role !== 'admin') throw unauthenticated(`The token lacks a usable claim: ${nameOf.company}.`);
  const expiresAt = payload.exp === undefined ? undefined : new Date(payload.exp * 1000);
  return { userId: user, companyId: company, role, expiresAt };
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

/** Keys that cannot be fetched are an outage; a key that is not among them is a bad token. */
function rethrowOutage(error: unknown): never {
  const isBadToken =
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported;
  if (isBadToken) throw error;
  const detail = 'The keys of the identity provider cannot be fetched.';
  throw new ApiError('unavailable', { detail, headers: { 'Retry-After': '5' }, cause: error });
}

function unauthenticated(detail: string, hasToken = true): ApiError {
  const challenge = hasToken ? 'Bearer error="invalid_token"' : 'Bearer';
  return new ApiError('unauthenticated', { detail, headers: { 'WWW-Authenticate': challenge } });
}
