import { accessSync, constants, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { parse as parseDotenv } from 'dotenv';
import { z } from 'zod';
import { ROLES, type Role } from '../domain/user.ts';
import { databaseUrlOf, readDatabaseUrl } from './databaseUrl.ts';
import { hasLocalSecrets, type LocalSecrets, loadLocalSecrets } from './localSecrets.ts';

/** A missing or malformed setting. Its message is one line that names the variable; composition roots print it and exit 1. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What a process talks to. `migrate` needs less than the API does, so production requires only the groups named. */
export type ConfigNeed = 'database' | 'temporal' | 'shunya' | 'auth';

export interface LoadConfigOptions {
  /** Groups that must be configured in production; all of them by default. */
  needs?: readonly ConfigNeed[];
  /** What to do where DATA_DIR has no secrets: make them, as a service does; refuse; go without. */
  secrets?: 'make' | 'require' | 'omit';
  /** Replaces the process environment and `.env`; for tests. */
  env?: Readonly<Record<string, string | undefined>>;
}

export type Config = ReturnType<typeof buildConfig>;

const ALL_NEEDS: readonly ConfigNeed[] = ['database', 'temporal', 'shunya', 'auth'];

const REQUIRED_IN_PRODUCTION: Record<Exclude<ConfigNeed, 'auth' | 'database'>, readonly (keyof Environment)[]> = {
  temporal: ['TEMPORAL_ADDRESS'],
  shunya: ['SHUNYA_BASE_URL', 'SHUNYA_API_KEY', 'SHUNYA_WEBHOOK_SECRETS'],
};

const portNumber = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number')
  .transform(Number)
  .refine((value) => value <= 65_535, 'must be a port number');
const port = (fallback: number) => portNumber.default(fallback);

/** A secret that an attacker could guess offline, with one signed message, must be long. */
const secret = (bytes: number) =>
  z.string().refine((value) => Buffer.byteLength(value) >= bytes, `must have at least ${bytes} bytes`);

const positive = (fallback: number) =>
  z
    .string()
    .transform(Number)
    .refine((value) => Number.isFinite(value) && value > 0, 'must be a number above 0')
    .default(fallback);

const positiveInteger = (fallback: number) =>
  positive(fallback).refine((value) => Number.isSafeInteger(value), 'must be a whole number above 0');

const httpUrl = () =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol),
      'must be an http or https URL',
    )
    .transform((value) => value.replace(/\/+$/, ''));

const databaseUrl = z.string().transform((text, context) => {
  const read = readDatabaseUrl(text);
  if ('url' in read) return read.url;
  context.addIssue({ code: 'custom', message: read.problem });
  return z.NEVER;
});

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const nonEmptyList = list.refine((items) => items.length > 0, 'must name at least one value');

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

const secondsList = (fallback: readonly number[]) =>
  nonEmptyList
    .transform((items) => items.map(Number))
    .refine((values) => values.every((value) => value > 0), 'must be numbers above 0, with commas')
    .default([...fallback]);

/** As Standard Webhooks proposes: about three days in all. */
const WEBHOOK_RETRY_SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/** A browser's Origin header: scheme, host and port, nothing behind. */
const originList = list
  .refine((items) => items.every((item) => isOrigin(item)), 'must be origins like https://app.example.com, with commas')
  .transform((items) => items.map((item) => new URL(item).origin));

const isOrigin = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, origin, href } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && href === `${origin}/`;
};

/** Names, `*.names`, addresses; each may have a port. */
const HOST_ENTRY = /^((\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;
/** CallRail's hosts, and S3 in all of its forms; not all of amazonaws.com. */
const DEFAULT_RECORDING_HOSTS = [
  'callrail.com',
  '*.callrail.com',
  's3.amazonaws.com',
  '*.s3.amazonaws.com',
  's3.*.amazonaws.com',
  '*.s3.*.amazonaws.com',
  's3.dualstack.*.amazonaws.com',
  '*.s3.dualstack.*.amazonaws.com',
];

/** Addresses and ranges. */
const addressList = list.refine(
  (items) => items.every((item) => isAddressOrRange(item)),
  'must be addresses or ranges like 10.0.0.0/8, with commas',
);

const isAddressOrRange = (text: string): boolean => {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  return (
    isIP(address) !== 0 && rest.length === 0 && (prefix === undefined || (/^\d+$/.test(prefix) && +prefix <= bits))
  );
};

const hostList = nonEmptyList.refine(
  (items) => items.every((item) => HOST_ENTRY.test(item) || isIP(item) !== 0),
  'must be host names, with commas; no scheme and no path',
);

const readableFile = z.string().refine((file) => {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}, 'names a file that cannot be read');

const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0'], 'must be true or false'))
  .transform((value) => value === 'true' || value === '1');

const environmentSchema = z.object({
  NODE_ENV: z.string().default('development'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    )
    .default('info'),
  PORT: port(3000),
  HOST: z
    .string()
    .refine(
      (host) => isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host),
      'must be an address or a host name',
    )
    .default('127.0.0.1'),
  HTTP_KEEP_ALIVE_SECONDS: positive(620),
  OPS_PORT: portNumber.optional(),
  OPS_TOKEN: z
    .string()
    .regex(/^\S{16,}$/, 'must have 16 characters or more, without spaces')
    .optional(),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_HOST: z.string().optional(),
  DATABASE_PORT: port(5432),
  DATABASE_USER: z.string().optional(),
  DATABASE_PASSWORD: z.string().optional(),
  DATABASE_NAME: z.string().optional(),
  POSTGRES_PORT: port(54_320),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^\S+:\d{1,5}$/, 'must be host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().optional(),
  TEMPORAL_CONFIG_FILE: z.string().optional(),
  TEMPORAL_PROFILE: z.string().optional(),
  // Read by Temporal's own library, which takes what it cannot read for unset: then a connection would be in clear.
  TEMPORAL_TLS: boolean.optional(),
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: boolean.optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: readableFile.optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: readableFile.optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: readableFile.optional(),
  TEMPORAL_TASK_QUEUE: z.string().default('call-pipeline'),
  TEMPORAL_UI_URL: httpUrl().optional(),
  TEMPORAL_DEV_PORT: port(7233),
  TEMPORAL_UI_PORT: port(8233),
  SHUNYA_BASE_URL: httpUrl().optional(),
  SHUNYA_API_KEY: z.string().optional(),
  SHUNYA_SIM_PORT: port(3900),
  SHUNYA_MAX_PER_SECOND: positive(20),
  SHUNYA_MAX_PER_COMPANY: positiveInteger(50),
  SHUNYA_WEBHOOK_SECRETS: nonEmptyList.optional(),
  SHUNYA_POLL_SECONDS: positive(60),
  SHUNYA_JOB_TIMEOUT_SECONDS: positive(86_400),
  AUTH_JWT_SECRET: z.string().optional(),
  AUTH_JWKS_URL: httpUrl().optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_CLAIM_USER: z.string().optional(),
  AUTH_CLAIM_COMPANY: z.string().optional(),
  AUTH_CLAIM_ROLE: z.string().optional(),
  AUTH_ROLE_MAP: roleMap.optional(),
  LINK_SECRET: secret(32).optional(),
  PUBLIC_URL: httpUrl().optional(),
  TRUSTED_PROXIES: addressList.default([]),
  CONSOLE_OIDC_CLIENT_ID: z.string().optional(),
  CONSOLE_OIDC_SCOPE: z.string().default('openid profile email'),
  CONSOLE_OIDC_ORIGINS: originList.optional(),
  CORS_ORIGINS: originList.default([]),
  RECORDING_WAIT_SECONDS: positive(86_400),
  CALL_MAX_SECONDS: positive(14_400),
  VISIT_MAX_SECONDS: positive(43_200),
  PROVIDER_RETRY_INITIAL_SECONDS: positive(1),
  PROVIDER_RETRY_MAX_SECONDS: positive(300),
  PROVIDER_RETRY_ATTEMPTS: positiveInteger(8),
  CALLRAIL_BASE_URL: httpUrl().default('https://api.callrail.com'),
  CALLRAIL_RECONCILE_SECONDS: positive(900),
  RECORDING_HOSTS: hostList.default(DEFAULT_RECORDING_HOSTS),
  ALLOW_UNSIGNED_CALLRAIL: boolean.optional(),
  WEBHOOK_RETRY_SECONDS: secondsList(WEBHOOK_RETRY_SECONDS),
  UNROUTED_EVENT_DAYS: positive(30).refine((days) => days <= 30, 'must be at most 30'),
});

type Environment = z.output<typeof environmentSchema>;

/** Every variable that is read, but for those that Temporal's own library reads beside these. */
export const VARIABLE_NAMES = Object.keys(environmentSchema.shape);

/**
 * The whole configuration, parsed once: the environment, then `.env`; an empty value counts as unset.
 * @throws {ConfigError} one line naming each variable that is missing or malformed
 */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const given = options.env ? withoutEmpty(options.env) : readEnvironment();
  const variables = withoutUnusedPorts(given);
  const parsed = environmentSchema.safeParse(variables);
  if (!parsed.success) {
    // Never the value: it may be a secret.
    throw new ConfigError(parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`).join('; '));
  }
  const isProduction = parsed.data.NODE_ENV === 'production';
  requireWholeDatabase(parsed.data);
  if (isProduction) requireForProduction(parsed.data, options.needs ?? ALL_NEEDS);
  requireOwnLinkSecret(parsed.data);
  return buildConfig(parsed.data, variables, isProduction, options.secrets ?? 'make');
}

/** For composition roots: `loadConfig`, or that one line on stderr and exit code 1. */
export function loadConfigOrExit(options: LoadConfigOptions = {}): Config {
  try {
    return loadConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function buildConfig(
  env: Environment,
  variables: Record<string, string>,
  isProduction: boolean,
  whenNoSecrets: 'make' | 'require' | 'omit',
) {
  const dataDir = path.resolve(env.DATA_DIR);
  const secrets = isProduction ? noSecrets : lazySecrets(dataDir, whenNoSecrets);
  const usesTemporalFile = env.TEMPORAL_CONFIG_FILE !== undefined || env.TEMPORAL_PROFILE !== undefined;
  const configured = configuredDatabase(env);
  const embedded = {
    postgres: !isProduction && configured === undefined,
    temporal: !isProduction && env.TEMPORAL_ADDRESS === undefined && !usesTemporalFile,
    shunya: !isProduction && env.SHUNYA_BASE_URL === undefined,
  };
  const connect = embedded.temporal
    ? { connectionOptions: { address: `127.0.0.1:${env.TEMPORAL_DEV_PORT}` } }
    : temporalConnectConfig(variables, !usesTemporalFile);

  return deepFreeze({
    nodeEnv: env.NODE_ENV,
    isProduction,
    logLevel: env.LOG_LEVEL,
    port: env.PORT,
    host: env.HOST,
    /** Longer than any balancer in front keeps an idle connection, so that it never sends into one that closes. */
    httpKeepAliveSeconds: env.HTTP_KEEP_ALIVE_SECONDS,
    /** Where /readyz and /metrics are answered instead of on the API's port, and the bearer they want. */
    opsPort: env.OPS_PORT,
    opsToken: env.OPS_TOKEN,
    dataDir,
    /** Which parts nobody configured, so that `start:infra` runs them. */
    embedded,
    databaseUrl:
      configured ??
      (embedded.postgres
        ? `postgres://callwright:${secrets().postgresPassword}@127.0.0.1:${env.POSTGRES_PORT}/callwright`
        : ''),
    postgresPort: env.POSTGRES_PORT,
    temporal: {
      address: connect.connectionOptions.address ?? '',
      namespace: env.TEMPORAL_NAMESPACE ?? connect.namespace ?? 'default',
      connectionOptions: connect.connectionOptions,
      taskQueue: env.TEMPORAL_TASK_QUEUE,
      uiUrl: env.TEMPORAL_UI_URL ?? (isProduction ? undefined : `http://127.0.0.1:${env.TEMPORAL_UI_PORT}`),
      devPort: env.TEMPORAL_DEV_PORT,
      uiPort: env.TEMPORAL_UI_PORT,
    },
    shunya: {
      baseUrl: env.SHUNYA_BASE_URL ?? `http://127.0.0.1:${env.SHUNYA_SIM_PORT}`,
      apiKey: env.SHUNYA_API_KEY ?? secrets().shunyaApiKey,
      webhookSecrets: env.SHUNYA_WEBHOOK_SECRETS ?? [secrets().shunyaWebhookSecret],
      maxPerSecond: env.SHUNYA_MAX_PER_SECOND,
      maxPerCompany: env.SHUNYA_MAX_PER_COMPANY,
      pollSeconds: env.SHUNYA_POLL_SECONDS,
      jobTimeoutSeconds: env.SHUNYA_JOB_TIMEOUT_SECONDS,
      simPort: env.SHUNYA_SIM_PORT,
    },
    auth: {
      jwtSecret: env.AUTH_JWT_SECRET ?? (env.AUTH_JWKS_URL || isProduction ? undefined : secrets().authJwtSecret),
      jwksUrl: env.AUTH_JWKS_URL,
      issuer: env.AUTH_ISSUER,
      audience: env.AUTH_AUDIENCE,
      claims: { user: env.AUTH_CLAIM_USER, company: env.AUTH_CLAIM_COMPANY, role: env.AUTH_CLAIM_ROLE },
      roleMap: env.AUTH_ROLE_MAP,
    },
    /** Signs tickets and links; undefined: a key that is made once and kept in the database. */
    linkSecret: env.LINK_SECRET,
    /** Where callers reach the API, for absolute links. */
    publicUrl: env.PUBLIC_URL,
    /** Addresses and ranges whose X-Forwarded-Proto and X-Forwarded-Host count. */
    trustedProxies: env.TRUSTED_PROXIES,
    console: {
      /** The console signs people in itself where both the issuer and a public client of it are known. */
      oidc:
        env.CONSOLE_OIDC_CLIENT_ID && env.AUTH_ISSUER && URL.canParse(env.AUTH_ISSUER)
          ? {
              issuer: env.AUTH_ISSUER,
              clientId: env.CONSOLE_OIDC_CLIENT_ID,
              scope: env.CONSOLE_OIDC_SCOPE,
              /** What the page may ask: the issuer, and where its token endpoint is if that is another origin. */
              origins: [...new Set([new URL(env.AUTH_ISSUER).origin, ...(env.CONSOLE_OIDC_ORIGINS ?? [])])],
            }
          : undefined,
    },
    corsOrigins: env.CORS_ORIGINS,
    recordingWaitSeconds: env.RECORDING_WAIT_SECONDS,
    callMaxSeconds: env.CALL_MAX_SECONDS,
    visitMaxSeconds: env.VISIT_MAX_SECONDS,
    providerRetry: {
      initialSeconds: env.PROVIDER_RETRY_INITIAL_SECONDS,
      maxSeconds: env.PROVIDER_RETRY_MAX_SECONDS,
      attempts: env.PROVIDER_RETRY_ATTEMPTS,
    },
    callrailBaseUrl: env.CALLRAIL_BASE_URL,
    callrailReconcileSeconds: env.CALLRAIL_RECONCILE_SECONDS,
    recordingHosts: [...env.RECORDING_HOSTS, ...(embedded.shunya ? [`127.0.0.1:${env.SHUNYA_SIM_PORT}`] : [])],
    allowUnsignedCallrail: env.ALLOW_UNSIGNED_CALLRAIL ?? !isProduction,
    /** Waits between attempts at an outgoing webhook; after the last one it is given up. */
    webhookRetrySeconds: env.WEBHOOK_RETRY_SECONDS,
    /** How long webhooks are kept that take no effect. */
    unroutedEventDays: env.UNROUTED_EVENT_DAYS,
  });
}

/** The ports that are ours to choose, and when that part is somebody else's. */
const EMBEDDED_PORTS: Record<string, readonly string[]> = {
  POSTGRES_PORT: ['DATABASE_URL', 'DATABASE_HOST'],
  TEMPORAL_DEV_PORT: ['TEMPORAL_ADDRESS', 'TEMPORAL_CONFIG_FILE', 'TEMPORAL_PROFILE'],
  TEMPORAL_UI_PORT: ['TEMPORAL_UI_URL'],
  SHUNYA_SIM_PORT: ['SHUNYA_BASE_URL'],
};

/**
 * Without the ports that mean nothing here. For a service named `postgres` an orchestrator sets POSTGRES_PORT to
 * tcp://10.96.0.12:5432; and a port of a part that is not embedded is nobody's.
 */
function withoutUnusedPorts(variables: Record<string, string>): Record<string, string> {
  const isUnused = ([name, value]: [string, string]) => {
    const elsewhere = EMBEDDED_PORTS[name];
    if (!elsewhere && name !== 'DATABASE_PORT') return false;
    if (/^(tcp|udp|sctp):\/\//.test(value)) return true;
    return elsewhere?.some((other) => other in variables) || (elsewhere && variables.NODE_ENV === 'production');
  };
  return Object.fromEntries(Object.entries(variables).filter((entry) => !isUnused(entry)));
}

const DATABASE_PIECES = ['DATABASE_HOST', 'DATABASE_USER', 'DATABASE_NAME'] as const;

function requireWholeDatabase(env: Environment): void {
  const given = [...DATABASE_PIECES, 'DATABASE_PASSWORD' as const].filter((name) => env[name] !== undefined);
  if (given.length === 0) return;
  if (env.DATABASE_URL !== undefined)
    throw new ConfigError(`DATABASE_URL and ${given[0]} are both set: give one or the other`);
  const missing = DATABASE_PIECES.filter((name) => env[name] === undefined);
  if (missing.length > 0) throw new ConfigError(`${missing.join(', ')} must be set beside ${given[0]}`);
}

function configuredDatabase(env: Environment): string | undefined {
  const { DATABASE_HOST: host, DATABASE_PORT: port, DATABASE_USER: user, DATABASE_NAME: name } = env;
  if (host === undefined || user === undefined || name === undefined) return env.DATABASE_URL;
  return databaseUrlOf({ host, port, user, password: env.DATABASE_PASSWORD, name });
}

function requireForProduction(env: Environment, needs: readonly ConfigNeed[]): void {
  const missing: string[] = [];
  for (const need of needs) {
    if (need === 'auth') {
      if (!env.AUTH_JWT_SECRET && !env.AUTH_JWKS_URL) missing.push('AUTH_JWT_SECRET or AUTH_JWKS_URL');
    } else if (need === 'database') {
      if (configuredDatabase(env) === undefined) missing.push('DATABASE_URL or DATABASE_HOST');
    } else {
      missing.push(...REQUIRED_IN_PRODUCTION[need].filter((name) => env[name] === undefined));
    }
  }
  if (missing.length > 0) throw new ConfigError(`required in production and not set: ${missing.join(', ')}`);
  requireStrongSecrets(env);
}

/** HS256 wants as many bytes as its hash has (RFC 7518, 3.2); who signs webhooks is guessed at with one of them. */
const SECRET_BYTES_MIN = { AUTH_JWT_SECRET: 32, SHUNYA_WEBHOOK_SECRETS: 16 } as const;

function requireStrongSecrets(env: Environment): void {
  const isWeak = (name: keyof typeof SECRET_BYTES_MIN) =>
    [env[name] ?? []].flat().some((value) => Buffer.byteLength(value) < SECRET_BYTES_MIN[name]);
  const weak = (['AUTH_JWT_SECRET', 'SHUNYA_WEBHOOK_SECRETS'] as const).filter(isWeak);
  const lines = weak.map((name) => `${name} must have at least ${SECRET_BYTES_MIN[name]} bytes in production`);
  if (lines.length > 0) throw new ConfigError(lines.join('; '));
}

/** Whoever knows another secret must not be able to sign links with it. */
function requireOwnLinkSecret(env: Environment): void {
  const others = [env.AUTH_JWT_SECRET, env.SHUNYA_API_KEY, ...(env.SHUNYA_WEBHOOK_SECRETS ?? [])];
  if (env.LINK_SECRET !== undefined && others.includes(env.LINK_SECRET))
    throw new ConfigError('LINK_SECRET must be a secret of its own, not one that is used for something else');
}

/** Temporal's own variables. The file in the user's home is read only on request: it may name somebody's production. */
function temporalConnectConfig(variables: Record<string, string>, disableFile: boolean): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: variables, disableFile });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError(`TEMPORAL_ settings cannot be used: ${reason}`);
  }
}

function lazySecrets(dataDir: string, whenNone: 'make' | 'require' | 'omit'): () => LocalSecrets {
  let secrets: LocalSecrets | undefined;
  return () => {
    if (whenNone === 'omit' && !hasLocalSecrets(dataDir)) return noSecrets();
    if (whenNone === 'require' && !hasLocalSecrets(dataDir))
      throw new ConfigError(`no service has run on ${dataDir} (DATA_DIR): npm start runs one there`);
    try {
      secrets ??= loadLocalSecrets(dataDir);
      return secrets;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ConfigError(`DATA_DIR ${dataDir} cannot be used: ${code ?? message}`);
    }
  };
}

/** A secret that this process does not need stays empty rather than invented. */
const noSecrets = (): LocalSecrets => ({
  postgresPassword: '',
  shunyaApiKey: '',
  shunyaWebhookSecret: '',
  authJwtSecret: '',
});

/** Whether npm kept this option: `npm run token --role` without `--` in between makes it a setting of npm, told in a variable. */
export const isTakenByNpm = (option: string): boolean =>
  process.env[`npm_config_${option.replaceAll('-', '_')}`] !== undefined;

function readEnvironment(): Record<string, string> {
  return { ...withoutEmpty(readDotenv()), ...withoutEmpty(process.env) };
}

function readDotenv(): Record<string, string> {
  try {
    return parseDotenv(readFileSync('.env'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigError(`.env cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function withoutEmpty(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '').trim() !== ''),
  );
}

function deepFreeze<T>(value: T): Readonly<T> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const nested of Object.values(value)) deepFreeze(nested);
  return Object.freeze(value);
}
