/** What must be configured in production, and which secrets are too weak. */
import type { authVariables } from './auth.ts';
import { configuredDatabase, type databaseVariables } from './database.ts';
import type { shunyaVariables } from './shunya.ts';
import type { temporalVariables } from './temporal.ts';
import { ConfigError, type Values } from './values.ts';

/** What a process talks to. `migrate` needs less than the API does, so production requires only the groups named. */
export type ConfigNeed = 'database' | 'temporal' | 'shunya' | 'auth';

type Env = Values<typeof databaseVariables> &
  Values<typeof temporalVariables> &
  Values<typeof shunyaVariables> &
  Values<typeof authVariables>;

const MISSING: Record<ConfigNeed, (env: Env) => string[]> = {
  database: (env) => (configuredDatabase(env) === undefined ? ['DATABASE_URL or DATABASE_HOST'] : []),
  temporal: (env) => unset(env, ['TEMPORAL_ADDRESS']),
  shunya: (env) => unset(env, ['SHUNYA_BASE_URL', 'SHUNYA_API_KEY', 'SHUNYA_WEBHOOK_SECRETS']),
  auth: (env) => (env.AUTH_JWT_SECRET || env.AUTH_JWKS_URL ? [] : ['AUTH_JWT_SECRET or AUTH_JWKS_URL']),
};
const ALL_NEEDS = Object.keys(MISSING) as ConfigNeed[];

const unset = (env: Env, names: (keyof Env)[]): string[] => names.filter((name) => env[name] === undefined);

/** @throws {ConfigError} naming each variable that is missing or weak */
export function requireForProduction(env: Env, needs: readonly ConfigNeed[] = ALL_NEEDS): void {
  const missing = needs.flatMap((need) => MISSING[need](env));
  if (missing.length > 0) throw new ConfigError(`required in production and not set: ${missing.join(', ')}`);
  requireStrongSecrets(env);
}

/** HS256 wants as many bytes as its hash has (RFC 7518, 3.2); who signs webhooks is guessed at with one of them. */
const SECRET_BYTES_MIN = { AUTH_JWT_SECRET: 32, SHUNYA_WEBHOOK_SECRETS: 16 } as const;

function requireStrongSecrets(env: Env): void {
  const isWeak = (name: keyof typeof SECRET_BYTES_MIN) =>
    [env[name] ?? []].flat().some((value) => Buffer.byteLength(value) < SECRET_BYTES_MIN[name]);
  const weak = (['AUTH_JWT_SECRET', 'SHUNYA_WEBHOOK_SECRETS'] as const).filter(isWeak);
  const lines = weak.map((name) => `${name} must have at least ${SECRET_BYTES_MIN[name]} bytes in production`);
  if (lines.length > 0) throw new ConfigError(lines.join('; '));
}

/** Whoever knows another secret must not be able to sign links with it. Everywhere, not in production alone. */
export function requireOwnLinkSecret(env: Env): void {
  const others = [env.AUTH_JWT_SECRET, env.SHUNYA_API_KEY, ...(env.SHUNYA_WEBHOOK_SECRETS ?? [])];
  if (env.LINK_SECRET !== undefined && others.includes(env.LINK_SECRET))
    throw new ConfigError('LINK_SECRET must be a secret of its own, not one that is used for something else');
}
