/** `npm run doctor`: a line for each thing the service needs: whether it is well, else what to do. Changes nothing. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { isNotNull, sql } from 'drizzle-orm';
import { IANAZone } from 'luxon';
import { createReadiness } from '../src/background/readiness.ts';
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { type Config, loadConfigOrExit } from '../src/config/config.ts';
import { type Database, openDatabase } from '../src/db/client.ts';
import { findCallRailAccess } from '../src/db/queries/reconciliation.ts';
import { companies } from '../src/db/schema/index.ts';
import { CallRailError, createCallRailClient } from '../src/providers/callrail/client.ts';
import { shunyaProblem } from '../src/providers/probe.ts';
import { createClient } from '../src/temporal/connect.ts';
import { isListening, isSupervised } from './local/processes.ts';
import { apiUrl } from './local/services.ts';

const USAGE = 'usage: npm run doctor';
/** Tokens, schedules and "today" go wrong beyond this. */
const CLOCK_APART_MAX_SECONDS = 5;
const CALLRAIL_LOOK_BACK_MS = 60_000;

let broken = 0;

function well(name: string, text: string): void {
  process.stdout.write(`ok    ${name.padEnd(18)} ${text}\n`);
}

/** Neither well nor broken: cannot be asked now, or nobody uses it. */
function open(name: string, text: string): void {
  process.stdout.write(`-     ${name.padEnd(18)} ${text}\n`);
}

function wrong(name: string, text: string): void {
  broken += 1;
  process.stdout.write(`WRONG ${name.padEnd(18)} ${text}\n`);
}

const { positionals } = readCommandLine(USAGE, {});
if (positionals.length > 0) refuseCommandLine(USAGE, `${positionals[0]} belongs to no option`);

well('Node', process.versions.node);
const config = loadConfigOrExit({ secrets: 'omit' });
well('configuration', `NODE_ENV ${config.nodeEnv}`);
checkFolder(config);
const runs = isSupervised(config.dataDir);
await checkPorts(config, runs);
await checkServers(config, runs);
await checkShunya(config, runs);
process.stdout.write(
  broken === 0 ? 'Nothing is wrong.\n' : `${broken} ${broken === 1 ? 'thing is' : 'things are'} wrong.\n`,
);
process.exit(broken === 0 ? 0 : 1);

/** The folder, or the nearest one above it that exists: the start makes the rest. */
function checkFolder({ dataDir }: Config) {
  let folder = dataDir;
  while (!existsSync(folder)) folder = path.dirname(folder);
  try {
    if (!statSync(folder).isDirectory())
      return wrong('DATA_DIR', `${folder} is no folder: set DATA_DIR to another one`);
    accessSync(folder, constants.W_OK | constants.X_OK);
    well('DATA_DIR', dataDir);
  } catch {
    wrong('DATA_DIR', `${folder} cannot be written by this user: change its owner, or set DATA_DIR`);
  }
}

/** While a service runs its ports are taken, by it; else they must be free. */
async function checkPorts({ port, host, postgresPort, temporal, shunya, embedded }: Config, isRunning: boolean) {
  const ports: [string, number, boolean][] = [
    ['PORT', port, true],
    ['POSTGRES_PORT', postgresPort, embedded.postgres],
    ['TEMPORAL_DEV_PORT', temporal.devPort, embedded.temporal],
    ['TEMPORAL_UI_PORT', temporal.uiPort, embedded.temporal],
    ['SHUNYA_SIM_PORT', shunya.simPort, embedded.shunya],
  ];
  for (const [name, number, isOurs] of ports) {
    if (!isOurs) continue;
    const where = name === 'PORT' && !['0.0.0.0', '::'].includes(host) ? host : '127.0.0.1';
    const isTaken = await isListening(number, where);
    if (!isTaken && isRunning && name !== 'PORT')
      wrong(name, `nothing answers at ${number}: see logs in DATA_DIR, or start again`);
    else if (!isTaken) well(name, `${number} is free`);
    else if (isRunning || (name === 'PORT' && (await isCallwright(config)))) well(name, `${number} answers`);
    else wrong(name, `${number} is in use by something else: end that, or set ${name} to another one`);
  }
}

async function isCallwright(running: Config): Promise<boolean> {
  try {
    const answer = await fetch(`${apiUrl(running)}/healthz`, { signal: AbortSignal.timeout(3000) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** Postgres, migrations, Temporal, its search attributes, the worker; then what only the database knows. */
async function checkServers(asked: Config, isRunning: boolean): Promise<void> {
  const { embedded } = asked;
  const isAway = (isEmbedded: boolean) => isEmbedded && !isRunning;
  const { db, close } = openDatabase(asked.databaseUrl, { max: 3 });
  const { connection } = createClient(asked);
  try {
    const { parts } = await createReadiness({ db, connection, config: asked })();
    const names: Record<string, [name: string, isEmbedded: boolean]> = {
      database: ['Postgres', embedded.postgres],
      writes: ['Postgres, writing', embedded.postgres],
      migrations: ['migrations', embedded.postgres],
      temporal: ['Temporal', embedded.temporal],
    };
    for (const [part, [name, isEmbedded]] of Object.entries(names)) {
      const found = parts[part];
      const hint = part === 'temporal' ? `TEMPORAL_ADDRESS ${asked.temporal.address}` : 'DATABASE_URL';
      if (found?.ok)
        well(name, part === 'temporal' ? `${asked.temporal.address}, search attributes are there` : 'well');
      else if (isAway(isEmbedded)) open(name, 'is not running: npm start runs it');
      else if (part === 'migrations' && parts.database?.ok) wrong(name, found?.reason ?? 'unknown');
      else wrong(name, `${found?.reason ?? 'unknown'} (see ${hint})`);
    }
    if (parts.worker?.ok) well('worker', `polls ${asked.temporal.taskQueue}`);
    else open('worker', 'none runs: npm start, or npm run start:worker');
    if (parts.database?.ok && parts.migrations?.ok) await checkData(asked, db);
    else open('CallRail, clock, time zones', 'asked once the database is well');
  } finally {
    await connection.close();
    await close();
  }
}

async function checkData(asked: Config, db: Database): Promise<void> {
  const before = Date.now();
  const [row] = await db.execute<{ at: number }>(sql`select extract(epoch from clock_timestamp())::float8 as at`);
  const here = (before + Date.now()) / 2000;
  const apart = Math.abs(Number(row?.at) - here);
  const text = `database and this machine are ${apart.toFixed(1)} s apart`;
  if (apart <= CLOCK_APART_MAX_SECONDS) well('clock', text);
  else wrong('clock', `${text}: set both by NTP`);

  const zones = await db.execute<{ company: string; zone: string; known: boolean }>(
    sql`select ${companies.id} as company, ${companies.timeZone} as zone,
      ${companies.timeZone} in (select name from pg_timezone_names) as known from ${companies}`,
  );
  const unknown = zones.filter(({ zone, known }) => !known || !IANAZone.isValidZone(zone));
  for (const { company, zone, known } of unknown)
    wrong(
      'time zone',
      `${company}: ${known ? 'Node' : 'the database'} does not know ${zone}: PATCH /companies/${company}`,
    );
  if (unknown.length === 0) well('time zones', `those of ${zones.length} companies are known here and to the database`);

  const withKeys = await db
    .select({ id: companies.id })
    .from(companies)
    .where(isNotNull(companies.callrailApiKey))
    .orderBy(companies.id);
  if (withKeys.length === 0) open('CallRail', 'no company has an API key: calls that no webhook told are not found');
  for (const { id } of withKeys) await checkCallRail(asked, db, id);
}

/** One request of the account's budget: the calls of the last minute. */
async function checkCallRail(asked: Config, db: Database, companyId: string): Promise<void> {
  const name = 'CallRail';
  const access = await findCallRailAccess(db, companyId);
  if (!access) return wrong(name, `${companyId} has an API key but no account id: PATCH /companies/${companyId}`);
  const client = createCallRailClient({ baseUrl: asked.callrailBaseUrl, timeoutMs: 10_000 });
  const endDate = new Date();
  const range = { startDate: new Date(endDate.getTime() - CALLRAIL_LOOK_BACK_MS), endDate };
  try {
    const { accountId, apiKey, callrailCompanyId } = access;
    await client.listCalls({ accountId, apiKey, companyId: callrailCompanyId ?? undefined, ...range }).next();
    well(name, `answers for ${companyId}`);
  } catch (error) {
    if (!(error instanceof CallRailError)) throw error;
    if (error.code === 'rate_limited') return open(name, `has had enough requests for ${companyId} for now`);
    const isKey = ['unauthorized', 'not_found', 'bad_request'].includes(error.code);
    const remedy = isKey ? 'set its account id and API key anew' : 'see CALLRAIL_BASE_URL and the network';
    wrong(name, `${companyId}: ${error.message}: ${remedy}`);
  }
}

async function checkShunya(asked: Config, isRunning: boolean): Promise<void> {
  const where = `${asked.shunya.baseUrl}${asked.embedded.shunya ? ' (simulator)' : ''}`;
  const problem = await shunyaProblem(asked.shunya);
  if (problem === undefined) well('Shunya', `${where} answers`);
  else if (asked.embedded.shunya && !isRunning) open('Shunya', 'the simulator is not running: npm start runs it');
  else wrong('Shunya', `${where} ${problem}`);
}
