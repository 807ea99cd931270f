/** A genuine sender at its rest, and while the API is attacked: what it waits for its answers, and whether it loses one. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mintToken } from '../../dev/token.ts';
import { type Cluster, startCluster } from '../cluster.ts';
import { type LoadCompany, percentile, type SentCall, sendCall, untilDrained } from '../load.ts';
import { residentMemory } from '../process.ts';
import { ATTACKS, type Known } from './attackers.ts';

const RUNNER = fileURLToPath(new URL('../../dev/run.mjs', import.meta.url));
const PER_SECOND = 2;
const READERS = 60;
/** What a genuine sender may wait longer beside others than at rest. */
const TARGET_RATIO = 3;
const DRAIN_SECONDS = 180;

export interface HostileOptions {
  /** Of each attack. */
  seconds: number;
  /** Calls of the company whose people read. */
  calls: number;
  /** Only attacks whose name holds this. */
  only?: string;
}

type Print = (line: string) => void;

/** Prints a line for each attack. @returns whether nothing genuine was refused or lost */
export async function runHostile({ seconds, calls, only = '' }: HostileOptions, print: Print): Promise<boolean> {
  const cluster = await startCluster({ tell: print });
  try {
    const genuine = await cluster.company();
    const readers = await cluster.company();
    await fillCompany(cluster, readers.id, calls);
    const known: Known = {
      port: Number(new URL(cluster.apiUrls[0] as string).port),
      trackingNumber: genuine.trackingNumber,
      tokens: await tokensOf(cluster, readers.id),
    };
    // The first ones meet caches that are cold.
    await sendFor(cluster, genuine, 5);
    const sent = [...(await sendFor(cluster, genuine, seconds))];
    const rest = describe(sent);
    print(`at rest: ${rest.text}`);

    let withinTarget = true;
    for (const attack of Object.keys(ATTACKS).filter((name) => name.includes(only))) {
      const attackers = fork(RUNNER, ['bench/chaos/attackers.ts'], { execArgv: [], stdio: 'inherit' });
      attackers.send({ attack, known });
      await delay(2000);
      const during = await sendFor(cluster, genuine, seconds);
      const memory = residentMemory(cluster.apis[0]?.pid) ?? 0;
      await end(attackers);
      sent.push(...during);
      const took = describe(during);
      const ratio = took.p99 / rest.p99;
      withinTarget &&= ratio <= TARGET_RATIO;
      print(`${attack}: ${took.text} · ${ratio.toFixed(1)} × rest · API ${memory.toFixed(0)} MiB`);
      // What was under way is closed before the next.
      await delay(3000);
    }

    const refused = sent.filter(({ status }) => status !== 200).length;
    const lost = await countLost(cluster, genuine, sent);
    print(
      `${sent.length} genuine webhooks: ${refused} refused, ${lost} lost; p99 within ${TARGET_RATIO} × rest: ${withinTarget ? 'held' : 'NOT held'}`,
    );
    return refused === 0 && lost === 0;
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

/** Sends at a fixed rate, whatever becomes of it; a connection that fails has status 0. */
async function sendFor(cluster: Cluster, company: LoadCompany, seconds: number): Promise<SentCall[]> {
  const startedAt = performance.now();
  const sent: Promise<SentCall>[] = [];
  for (let index = 0; index < seconds * PER_SECOND; index += 1) {
    await delay(Math.max(0, startedAt + (index * 1000) / PER_SECOND - performance.now()));
    sent.push(
      sendCall(cluster, company, 'missed').catch(() => ({ id: '', status: 0, tookMs: Number.POSITIVE_INFINITY })),
    );
  }
  return Promise.all(sent);
}

function describe(sent: SentCall[]) {
  const took = sent.map(({ tookMs }) => tookMs);
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
  const refused = sent.filter(({ status }) => status !== 200).length;
  return { p99, text: `p50 ${p50.toFixed(1)} ms · p99 ${p99.toFixed(1)} ms · ${refused} of ${sent.length} refused` };
}

/** Genuine calls that were answered with 200 and are not there, done, in the end. */
async function countLost(cluster: Cluster, company: LoadCompany, sent: SentCall[]): Promise<number> {
  await untilDrained(cluster, DRAIN_SECONDS).catch(() => {});
  const ids = sent.filter(({ status }) => status === 200).map(({ id }) => id);
  const deadline = Date.now() + DRAIN_SECONDS * 1000;
  for (;;) {
    const [row] = await cluster.sql`select count(*)::int as done from calls
      where company_id = ${company.id} and stage = 'done' and provider_call_id = any(${ids})`;
    const lost = ids.length - Number(row?.done);
    if (lost === 0 || Date.now() > deadline) return lost;
    await delay(1000);
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

const tokensOf = (cluster: Cluster, companyId: string) =>
  Promise.all(
    Array.from({ length: READERS }, (_, index) =>
      mintToken(cluster.config, { userId: `reader-${index}`, role: 'manager', companyId }),
    ),
  );

/** Calls over the last year, each with a contact and a lead of its own. */
async function fillCompany({ sql }: Cluster, companyId: string, count: number): Promise<void> {
  await sql`insert into contact_cards (id, company_id, phone_number, name)
    select 'hostile-contact-' || n, ${companyId}, '+1415' || lpad(n::text, 7, '0'), 'Person ' || n
    from generate_series(1, ${count}::int) n`;
  await sql`insert into leads (id, company_id, contact_id)
    select 'hostile-lead-' || n, ${companyId}, 'hostile-contact-' || n from generate_series(1, ${count}::int) n`;
  await sql`insert into calls (id, company_id, provider_call_id, status, direction, answered, started_at, ended_at,
      duration_seconds, contact_id, lead_id, stage)
    select 'hostile-call-' || n, ${companyId}, 'HOSTILE' || n, 'completed', 'inbound', true,
      now() - n * interval '10 minutes', now() - n * interval '10 minutes', 60, 'hostile-contact-' || n,
      'hostile-lead-' || n, 'done'
    from generate_series(1, ${count}::int) n`;
  await sql`analyze`;
}
