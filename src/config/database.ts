/** Postgres: an address, its pieces, or the embedded one. */
import { z } from 'zod';
import { databaseUrlOf, readDatabaseUrl } from './databaseUrl.ts';
import { ConfigError, port, text, type Values } from './values.ts';

const databaseUrl = z.string().transform((value, context) => {
  const read = readDatabaseUrl(value);
  if ('url' in read) return read.url;
  context.addIssue({ code: 'custom', message: read.problem });
  return z.NEVER;
});

export const databaseVariables = {
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_HOST: text.optional(),
  DATABASE_PORT: port(5432),
  DATABASE_USER: text.optional(),
  DATABASE_PASSWORD: text.optional(),
  DATABASE_NAME: text.optional(),
  POSTGRES_PORT: port(54_320),
};

type Env = Values<typeof databaseVariables>;

/** @param embeddedPassword of the embedded one; undefined where nothing is embedded */
export const databaseConfig = (env: Env, embeddedPassword: string | undefined) => ({
  databaseUrl: configuredDatabase(env) ?? (embeddedPassword === undefined ? '' : embeddedUrl(env, embeddedPassword)),
  postgresPort: env.POSTGRES_PORT,
});

const embeddedUrl = (env: Env, password: string) =>
  `postgres://callwright:${password}@127.0.0.1:${env.POSTGRES_PORT}/callwright`;

/** The connection string that somebody gave, whole or in pieces. */
export function configuredDatabase(env: Env): string | undefined {
  const { DATABASE_HOST: host, DATABASE_PORT: port, DATABASE_USER: user, DATABASE_NAME: name } = env;
  if (host === undefined || user === undefined || name === undefined) return env.DATABASE_URL;
  return databaseUrlOf({ host, port, user, password: env.DATABASE_PASSWORD, name });
}

const PIECES = ['DATABASE_HOST', 'DATABASE_USER', 'DATABASE_NAME'] as const;

/** @throws {ConfigError} where it is given twice, or some of its pieces only */
export function requireWholeDatabase(env: Env): void {
  const given = [...PIECES, 'DATABASE_PASSWORD' as const].filter((name) => env[name] !== undefined);
  if (given.length === 0) return;
  if (env.DATABASE_URL !== undefined)
    throw new ConfigError(`DATABASE_URL and ${given[0]} are both set: give one or the other`);
  const missing = PIECES.filter((name) => env[name] === undefined);
  if (missing.length > 0) throw new ConfigError(`${missing.join(', ')} must be set beside ${given[0]}`);
}
