/** The variables as they are given: the environment, then `.env`, then the ports of the service that runs on DATA_DIR. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
// Not util.parseEnv: without an error it cuts a value short at a quote inside, and knows neither a BOM nor `export  A=1`.
import { parse as parseDotenv } from 'dotenv';
import { ConfigError } from './values.ts';

/** @param env replaces all of that @returns those that mean something; an empty value counts as unset */
export function readEnvironment(env?: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = env ? withoutEmpty(env) : { ...withoutEmpty(readDotenv()), ...withoutEmpty(process.env) };
  return withoutUnusedPorts(env ? given : { ...portsOfRunning(given.DATA_DIR ?? '.data'), ...given });
}

/** The ports among variables: the service that runs on a DATA_DIR keeps them there. */
export const chosenPorts = (variables: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).filter(([name]) => ['PORT', 'OPS_PORT'].includes(name) || name in EMBEDDED_PORTS),
  );

/** Those of the service that runs there: commands in another terminal find it without them. */
function portsOfRunning(dataDir: string): Record<string, string> {
  try {
    const { pid, ports } = JSON.parse(readFileSync(path.join(dataDir, 'run', 'supervisor.json'), 'utf8'));
    process.kill(pid, 0);
    return chosenPorts(ports ?? {});
  } catch {
    // Nothing runs there.
    return {};
  }
}

/** Whether npm kept this option: `npm run token --role` without `--` in between makes it a setting of npm, told in a variable. */
export const isTakenByNpm = (option: string): boolean =>
  process.env[`npm_config_${option.replaceAll('-', '_')}`] !== undefined;

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
