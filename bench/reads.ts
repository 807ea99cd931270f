/** `npm run bench -- reads`: what a company with many calls waits for its lists, searches and metrics, over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { SignJWT } from 'jose';
import postgres from 'postgres';
import { startPostgres } from '../dev/local/postgres.ts';
import { freePort, waitUntil } from '../dev/local/processes.ts';
import { openDatabase } from '../src/db/client.ts';
import { migrateDatabase } from '../src/migrate.ts';
import { sumCompanyDays } from '../src/services/upkeep/sumDays.ts';
import { percentile, send } from './load.ts';
import { startFloor } from './process.ts';
import { BIG, seed, seedWords } from './seed.ts';

type Print = (line: string) => void;

/** A connection prepares a statement when it comes again, and plans it for all values after the fifth time. */
const WARM_UP = 40;

const year = () => `date_from=${day(-364)}&date_to=${day(0)}`;
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

/** A name, a path, and the bars in milliseconds: the median and the 99th percentile. */
type Question = [string, string, number, number];

/** Asked of a bare handler, so that what the machine adds to an answer of this length can be told from what we do. */
const FLOOR: Question[] = [['a bare handler', 'floor', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]];

function questions(one: { id: string; contact_id: string; lead_id: string }): Question[] {
  const list = (name: string, query: string): Question => [name, `/calls?${query}`, 5, 10];
  return [
    list('list', ''),
    list('booked', 'booking_status=booked'),
    list('booked, hot', 'booking_status=booked&qualification=hot'),
    list('of an agent, not booked, cold', 'csr_id=csr-3&booking_status=not_booked&qualification=cold'),
    list('a combination that nobody has', 'csr_id=csr-3&status=missed'),
    list('outbound', 'direction=outbound'),
    list('of two agents or nobody', 'handled_by=csr-1,csr-2,none'),
    list('analyzed', 'analyzed=true'),
    list('not qualified', 'qualified=false'),
    list('an objection', 'objection=price'),
    list('an objection, hot, not booked', 'objection=price&qualification=hot&booking_status=not_booked'),
    list('an objection that nobody raised', 'objection=weather'),
    list('a month', `date_from=${day(-90)}&date_to=${day(-60)}`),
    list('a month, booked', `date_from=${day(-90)}&date_to=${day(-60)}&booking_status=booked`),
    list('search: one reference', 'q=ref120000'),
    list('search: a rare word', 'q=w5987'),
    list('search: a word of every seventh call', 'q=w300'),
    list('search: a word of every sixth summary', 'q=skylight'),
    list('search: a word of nearly every call', 'q=thank'),
    list('search: a name', 'q=john'),
    list('search: a full name', 'q=anna%20keller'),
    list('search: digits', 'q=200%20791'),
    list('search: a name, booked', 'q=john&booking_status=booked'),
    list('search: a name, and an objection', 'q=john&objection=price'),
    list('search: a name, what nobody has', 'q=john&csr_id=csr-3&status=missed'),
    ['call', `/calls/${one.id}`, 5, 10],
    ['transcript', `/calls/${one.id}/transcript`, 5, 10],
    ['leads', '/leads', 5, 10],
    ['leads: new, warm, hot', '/leads?status=new,warm,hot', 5, 10],
    ['contacts', '/contacts', 5, 10],
    ['contact', `/contacts/${one.contact_id}`, 5, 10],
    ['appointments', '/appointments', 5, 10],
    ['appointments without review', '/appointments?review=false', 5, 10],
    ['appointments of a day', `/appointments?date=${day(-3)}`, 5, 10],
    ['metrics of 30 days', '/metrics/exec/csr/overview', 15, 30],
    ['metrics of a year', `/metrics/exec/csr/overview?${year()}`, 25, 50],
    ['sales metrics of a year', `/metrics/exec/sales/overview?${year()}`, 25, 50],
  ];
}

/**
 * Measures, on a database of its own unless one is given that is already filled.
 * @returns whether every bar was held
 */
export async function benchReads(
  options: {
    calls: number;
    ofBig: number;
    /** Whose calls have their words in the index; those of the others cost time, and no search looks at them. */
    wordsOf: 'all' | 'big';
    probes: number;
    databaseUrl?: string | undefined;
    /** Gets a CPU profile of the API. */
    profileDir?: string | undefined;
  },
  print: Print,
): Promise<boolean> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-reads-'));
  const own = options.databaseUrl === undefined ? await ownPostgres(dataDir) : undefined;
  const databaseUrl = options.databaseUrl ?? (own?.databaseUrl as string);
  let api: ChildProcess | undefined;
  let floor: Awaited<ReturnType<typeof startFloor>> | undefined;
  // One connection throughout, whose temporary tables fill the database: five million calls can take longer than it would live.
  const sql = postgres(databaseUrl, { max: 1, max_lifetime: null, onnotice: () => {} });
  try {
    if (own) await fill(sql, databaseUrl, options, print);
    const [one] = await sql<{ id: string; contact_id: string; lead_id: string }[]>`
      select id, contact_id, lead_id from calls where company_id = ${BIG.companyId} and booking_status = 'booked'
      order by started_at limit 1 offset 100`;
    if (!one) throw new Error('the database has no calls of the big company');
    const secret = randomBytes(32).toString('hex');
    const port = await freePort();
    const { profileDir } = options;
    const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(profileDir)}`];
    api = spawn(process.execPath, [...profile, '--import', 'tsx', 'src/server.ts'], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        DATA_DIR: dataDir,
        DATABASE_URL: databaseUrl,
        TEMPORAL_ADDRESS: '127.0.0.1:9',
        SHUNYA_BASE_URL: 'http://127.0.0.1:9',
        AUTH_JWT_SECRET: secret,
        PORT: String(port),
        LOG_LEVEL: 'silent',
      },
      stdio: 'ignore',
    });
    const base = `http://127.0.0.1:${port}`;
    const isUp = () =>
      fetch(`${base}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    if (!(await waitUntil(isUp, 60))) throw new Error('the API did not start');
    const token = await new SignJWT({ role: 'manager', company_id: BIG.companyId })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('bench')
      .setExpirationTime('2h')
      .sign(new TextEncoder().encode(secret));
    const cpu = async () => ({
      api: cpuMs([api?.pid as number]),
      postgres: cpuMs(
        (await sql`select pid from pg_stat_activity where application_name like 'callwright%'`).map(({ pid }) => pid),
      ),
    });
    floor = await startFloor(new URL('readsFloor.ts', import.meta.url), { DATABASE_URL: databaseUrl });
    const asked = [...FLOOR, ...questions(one), ...FLOOR];
    return await measure({ base: `${base}/api/v1`, floor: floor.url, token, cpu }, asked, options.probes, print);
  } finally {
    floor?.stop();
    await stopped(api);
    await sql.end();
    await own?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A profile is written at the end. */
const stopped = (child: ChildProcess | undefined) =>
  new Promise<void>((resolve) => {
    if (!child || child.exitCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });

async function ownPostgres(dataDir: string) {
  const port = await freePort();
  const databaseUrl = `postgres://callwright:bench@127.0.0.1:${port}/callwright`;
  const settings = { fsync: 'off', synchronous_commit: 'off', shared_buffers: '512MB', max_wal_size: '8GB' };
  const part = await startPostgres({ dataDir, port, databaseUrl, settings });
  return { databaseUrl, stop: () => part.stop() };
}

async function fill(
  sql: postgres.Sql,
  databaseUrl: string,
  size: { calls: number; ofBig: number; wordsOf: 'all' | 'big' },
  print: Print,
) {
  await migrateDatabase(databaseUrl);
  await seed(sql, size, print);
  let startedAt = performance.now();
  await seedWords(sql, size.wordsOf);
  print(`index of words: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  const { db, close } = openDatabase(databaseUrl, { max: 1, statementTimeoutMs: 600_000 });
  startedAt = performance.now();
  while (await sumCompanyDays(db, BIG.companyId));
  print(`sums of days: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  await close();
  await sql`vacuum (analyze, parallel 0)`;
}

/** Processor time of processes so far, all of their threads, where the system tells it (Linux). */
function cpuMs(pids: number[]): number {
  const ofThread = (file: string) => Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6;
  try {
    return pids
      .flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`))
      .reduce((sum, file) => sum + ofThread(file), 0);
  } catch {
    return Number.NaN;
  }
}

const agent = new Agent({ keepAlive: true });

async function measure(
  {
    base,
    floor,
    token,
    cpu,
  }: { base: string; floor: string; token: string; cpu: () => Promise<{ api: number; postgres: number }> },
  asked: Question[],
  probes: number,
  print: Print,
): Promise<boolean> {
  let held = true;
  const line = (name: string, ...cells: string[]) =>
    print(name.padEnd(38) + cells.map((cell) => cell.padStart(9)).join(''));
  print(`load average ${loadavg()[0]?.toFixed(1)}`);
  line('question', 'p50 ms', 'p99 ms', 'API ms', 'PG ms', 'bar');
  for (const [name, path, median, worst] of asked) {
    const url = path === 'floor' ? floor : base + path;
    const ask = async () => {
      const startedAt = performance.now();
      const status = await send(url, { agent, headers: { authorization: `Bearer ${token}` } });
      if (status !== 200) throw new Error(`${url} answered ${status}`);
      return performance.now() - startedAt;
    };
    for (let warmUp = 0; warmUp < WARM_UP; warmUp += 1) await ask();
    const before = await cpu();
    const times: number[] = [];
    for (let probe = 0; probe < probes; probe += 1) times.push(await ask());
    const after = await cpu();
    const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
    const isHeld = p50 <= median && p99 <= worst;
    held &&= isHeld;
    const used = [after.api - before.api, after.postgres - before.postgres].map((ms) => ms / probes);
    const shown = url === floor ? [p50, p99] : [p50, p99, ...used];
    line(name, ...shown.map((ms) => ms.toFixed(1)), url === floor ? '' : isHeld ? 'held' : `>${median}/${worst}`);
  }
  print(`load average ${loadavg()[0]?.toFixed(1)}`);
  return held;
}
