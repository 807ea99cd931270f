/** The whole configuration, parsed once. Each variable, its default and what it becomes stand in the file of its group. */
import { z } from 'zod';
import { authConfig, authVariables } from './auth.ts';
import { callrailConfig, callrailVariables } from './callrail.ts';
import { configuredDatabase, databaseConfig, databaseVariables, requireWholeDatabase } from './database.ts';
import { readEnvironment } from './environment.ts';
import { httpConfig, httpVariables } from './http.ts';
import { hasLocalSecrets, type LocalSecrets, loadLocalSecrets } from './localSecrets.ts';
import { processConfig, processVariables } from './process.ts';
import { type ConfigNeed, requireForProduction, requireOwnLinkSecret } from './production.ts';
import { shunyaConfig, shunyaVariables } from './shunya.ts';
import { isTemporalConfigured, temporalConfig, temporalVariables } from './temporal.ts';
import { ConfigError } from './values.ts';
import { waitConfig, waitVariables } from './waits.ts';

export { ConfigError };

export interface LoadConfigOptions {
  /** Groups that must be configured in production; all of them by default. */
  needs?: readonly ConfigNeed[];
  /** What to do where DATA_DIR has no secrets: make them, as a service does; refuse; go without. */
  secrets?: WhenNoSecrets;
  /** Replaces the process environment and `.env`; for tests. */
  env?: Readonly<Record<string, string | undefined>>;
}

type WhenNoSecrets = 'make' | 'require' | 'omit';

export type Config = ReturnType<typeof buildConfig>;

const environmentSchema = z.object({
  ...processVariables,
  ...httpVariables,
  ...databaseVariables,
  ...temporalVariables,
  ...shunyaVariables,
  ...callrailVariables,
  ...authVariables,
  ...waitVariables,
});

type Environment = z.output<typeof environmentSchema>;

/** Every variable that is read, but for those that Temporal's own library reads beside these. */
export const VARIABLE_NAMES = Object.keys(environmentSchema.shape);

/**
 * Reads the configuration: the environment, then `.env`; an empty value counts as unset.
 * @throws {ConfigError} one line naming each variable that is missing or malformed
 */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const variables = readEnvironment(options.env);
  const parsed = environmentSchema.safeParse(variables);
  if (!parsed.success) {
    // Never the value: it may be a secret.
    const problems = parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`);
    throw new ConfigError([...new Set(problems)].join('; '));
  }
  requireWholeDatabase(parsed.data);
  if (parsed.data.NODE_ENV === 'production') requireForProduction(parsed.data, options.needs);
  requireOwnLinkSecret(parsed.data);
  return buildConfig(parsed.data, variables, options.secrets ?? 'make');
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

function buildConfig(env: Environment, variables: Record<string, string>, whenNoSecrets: WhenNoSecrets) {
  const own = processConfig(env);
  const { isProduction, dataDir } = own;
  const secrets = isProduction ? noSecrets : lazySecrets(dataDir, whenNoSecrets);
  const embedded = {
    postgres: !isProduction && configuredDatabase(env) === undefined,
    temporal: !isProduction && !isTemporalConfigured(env),
    shunya: !isProduction && env.SHUNYA_BASE_URL === undefined,
  };
  return deepFreeze({
    ...own,
    /** Which parts nobody configured, so that `start:infra` runs them. */
    embedded,
    ...httpConfig(env),
    ...databaseConfig(env, embedded.postgres ? secrets().postgresPassword : undefined),
    temporal: temporalConfig(env, variables, { isEmbedded: embedded.temporal, isProduction }),
    shunya: shunyaConfig(env, secrets),
    ...callrailConfig(env, {
      isProduction,
      simulator: embedded.shunya ? `127.0.0.1:${env.SHUNYA_SIM_PORT}` : undefined,
    }),
    ...authConfig(env, () => (isProduction ? undefined : secrets().authJwtSecret)),
    ...waitConfig(env),
  });
}

function lazySecrets(dataDir: string, whenNone: WhenNoSecrets): () => LocalSecrets {
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

function deepFreeze<T>(value: T): Readonly<T> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const nested of Object.values(value)) deepFreeze(nested);
  return Object.freeze(value);
}
