/** One chaos run: starts everything, plays the plan, waits until all is quiet, checks the invariants, stops everything. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '../../dev/local/processes.ts';
import { newResourceId, signCallRail, startCallRailApi } from '../../simulators/callrail.ts';
import { type Cluster, startCluster, uniquePhone } from '../cluster.ts';
import { type Broken, checkInvariants, type Evidence } from './invariants.ts';
import { createLedger, type Ledger, type Sent, startCallbackProxy } from './ledger.ts';
import { countFaults, drawPlan, type Plan, type PlanOptions } from './plan.ts';
import { endHangingJobs, type Played, type PlayedCompany, play } from './play.ts';

const MAX_PER_COMPANY = 10;
/** The slowest is reconciliation: two of its workers killed while they read a list are two heartbeat time-outs. */
const QUIET_WITHIN_SECONDS = 480;
/** Nothing may wake up again in this time. */
const STAYS_QUIET_SECONDS = 3;
const ACCOUNT = { accountId: 'ACCchaos', apiKey: 'the key of the chaos' };

export interface ChaosResult {
  plan: Plan;
  faults: Record<string, number>;
  /** Kills that hit a living process. */
  kills: number;
  sent: { acknowledged: number; refused: number; unanswered: number };
  /** Calls that reconciliation brought back. */
  reconciled: number;
  /** Repeats of a submit that Shunya answered with the first acceptance. */
  repeats: number;
  secondsToQuiet: number;
  checked: number;
  broken: Broken[];
  /** Kept where something is broken. */
  dataDir: string;
}

/** Short waits, so that everything that is ever waited for happens within a run. */
const environment = (callrailUrl: string, { waits }: Plan): Record<string, string> => ({
  CALLRAIL_BASE_URL: callrailUrl,
  CALLRAIL_RECONCILE_SECONDS: '10',
  RECORDING_WAIT_SECONDS: String(waits.recording),
  CALL_MAX_SECONDS: String(waits.callEnd),
  VISIT_MAX_SECONDS: String(waits.visit),
  SHUNYA_POLL_SECONDS: '3',
  SHUNYA_JOB_TIMEOUT_SECONDS: String(waits.jobTimeout),
  SHUNYA_MAX_PER_SECOND: '50',
  SHUNYA_MAX_PER_COMPANY: String(MAX_PER_COMPANY),
  PROVIDER_RETRY_INITIAL_SECONDS: '0.5',
  PROVIDER_RETRY_MAX_SECONDS: '3',
  PROVIDER_RETRY_ATTEMPTS: '4',
});

/**
 * Runs one plan.
 * @param distDir see ClusterOptions
 * @returns what was injected and which invariants are broken; none should be
 */
export async function runChaos(
  options: PlanOptions,
  tell: (line: string) => void = () => {},
  distDir?: string,
): Promise<ChaosResult> {
  const plan = drawPlan(options);
  const ledger = createLedger();
  const callrail = await startCallRailApi(ACCOUNT);
  let cluster: Cluster | undefined;
  const proxy = await startCallbackProxy({
    ledger,
    targets: () => cluster?.apiUrls ?? [],
    secret: () => cluster?.secrets.webhookSecret ?? '',
    skewMs: plan.shunyaSkewMs,
  });
  try {
    const { apis, workers } = options;
    const env = environment(callrail.baseUrl, plan);
    cluster = await startCluster({ apis, workers, env, callbackUrl: proxy.url, distDir, tell });
    return await runOn(cluster, { plan, ledger, callrail, tell });
  } finally {
    await cluster?.stop();
    await Promise.all([proxy.stop(), callrail.stop()]);
  }
}

interface Run {
  plan: Plan;
  ledger: Ledger;
  callrail: Awaited<ReturnType<typeof startCallRailApi>>;
  tell(line: string): void;
}

async function runOn(cluster: Cluster, { plan, ledger, callrail, tell }: Run): Promise<ChaosResult> {
  const companies = await makeCompanies(cluster, plan);
  const appointments = await makeAppointments(cluster, ledger, companies, plan.visits);
  const sessions = plan.plannedVisits.flatMap((visit) => visit.sessions);
  const faults = [...plan.plannedCalls, ...sessions].flatMap((subject) => subject.faults);
  await cluster.control('POST', 'faults', { faults });

  tell(`playing ${plan.calls} calls and ${plan.visits} visits over ${plan.seconds} s`);
  const stage = { plan, cluster, ledger, companies, appointments, lateNumber: uniquePhone(), callrail, tell };
  const played = await play(stage);
  const playedAt = Date.now();
  tell('the plan is over; waiting until all is quiet');
  const becameQuiet = await waitUntil(() => comesToRest(cluster, plan, playedAt), QUIET_WITHIN_SECONDS);
  const secondsToQuiet = (Date.now() - playedAt) / 1000;
  await delay(STAYS_QUIET_SECONDS * 1000);
  const stayedQuiet = becameQuiet && (await isQuiet(cluster, plan, playedAt));

  const { checked, broken } = await checkInvariants(await gather(cluster, { plan, played, ledger, companies }));
  if (!becameQuiet) broken.push(notQuiet(`not quiet within ${QUIET_WITHIN_SECONDS} s`));
  else if (!stayedQuiet) broken.push(notQuiet('something woke up again'));
  const [row] = await cluster.sql`select coalesce(sum(fed), 0)::int as fed from callrail_reconciliations`;
  const stats = await cluster.control('GET', 'stats');

  const deaths = cluster.parts.flatMap((part) => (diedOfFreeze(cluster.dataDir, part.name) ? [] : part.deaths));
  if (deaths.length > 0) broken.push({ invariant: 'no process ends by itself', violations: deaths });
  await cluster.stop();
  const left = await cluster.leftProcesses();
  if (left.length > 0) broken.push({ invariant: 'no process is left behind', violations: left.map(String) });
  if (broken.length === 0) cluster.removeData();
  return {
    plan,
    faults: countFaults(plan),
    kills: played.struck.filter((strike) => strike.how === 'kill').length,
    sent: countOutcomes(ledger.sent),
    reconciled: row?.fed,
    repeats: stats.repeats,
    secondsToQuiet,
    checked: checked + 3,
    broken,
    dataDir: cluster.dataDir,
  };
}

/**
 * The SDK's watchdog ends an activation after five seconds on the wall, those of a freeze included, and Node 20 may abort
 * over that. The process is started again as after a kill, and everything else must hold all the same.
 */
function diedOfFreeze(dataDir: string, part: string): boolean {
  const logFile = path.join(dataDir, 'logs', `${part}.log`);
  return part.startsWith('worker') && readFileSync(logFile, 'utf8').includes('async hook stack has become corrupted');
}

const notQuiet = (violation: string): Broken => ({ invariant: 'it comes to rest by itself', violations: [violation] });

// ---- Before

async function makeCompanies(cluster: Cluster, { companies: count, reconciles }: Plan): Promise<PlayedCompany[]> {
  const companies: PlayedCompany[] = [];
  for (let index = 0; index < count; index += 1) {
    const callrailCompanyId = newResourceId('COM');
    const company = await cluster.company({
      callrail_company_id: callrailCompanyId,
      ...(reconciles ? { callrail_account_id: ACCOUNT.accountId, callrail_api_key: ACCOUNT.apiKey } : {}),
    });
    const rep = { id: 'rep', role: 'sales_rep', name: 'Rep of the chaos' };
    await cluster.request('admin', undefined, 'POST', `/companies/${company.id}/users`, rep);
    companies.push({ ...company, callrailCompanyId });
  }
  return companies;
}

/** One for each visit, on a lead of its own, which a missed call brings. */
async function makeAppointments(cluster: Cluster, ledger: Ledger, companies: readonly PlayedCompany[], count: number) {
  const makeOne = async (index: number) => {
    const company = companies[index % companies.length] as PlayedCompany;
    const id = `SEED${index}`;
    const [caller_number, tracking_number] = [uniquePhone(), company.trackingNumber];
    const body = JSON.stringify({ call_id: id, caller_number, tracking_number, timestamp: new Date().toISOString() });
    const event = { source: 'callrail', route: 'call.missed', body } as const;
    const headers = { signature: signCallRail(body, company.signingKey) };
    await ledger.post(event, `${cluster.apiUrls[0]}/api/v1/callrail/call.missed`, headers);
    let leadId: string | undefined;
    await waitUntil(async () => {
      const [row] =
        await cluster.sql`select lead_id from calls where company_id = ${company.id} and provider_call_id = ${id}`;
      leadId = row?.lead_id;
      return leadId !== undefined;
    }, 60);
    const start = new Date(Date.now() + (index + 1) * 7_200_000).toISOString();
    const appointment = { lead_id: leadId, scheduled_start: start, assigned_rep_id: 'rep', force: true };
    const made = await cluster.request('manager', company.id, 'POST', '/appointments', appointment);
    return { companyId: company.id, appointmentId: made.id as string };
  };
  return Promise.all(Array.from({ length: count }, (_, index) => makeOne(index)));
}

// ---- After

/** One look. Jobs that hang are ended once a person was called for each of them. */
async function comesToRest(cluster: Cluster, plan: Plan, playedAt: number): Promise<boolean> {
  await delay(500);
  if (await isQuiet(cluster, plan, playedAt)) return true;
  const [row] = await cluster.sql`select
    (select count(*)::int from calls where reason = 'job_timeout') +
    (select count(*)::int from recording_sessions where reason = 'job_timeout') as overdue`.catch(() => []);
  if (row?.overdue > 0) await endHangingJobs(cluster);
  return false;
}

/** Nothing is under way, in the rows or at Temporal, and nothing that the plan brings is still to come. */
async function isQuiet({ sql, temporal }: Cluster, plan: Plan, playedAt: number): Promise<boolean> {
  try {
    const [row] = await sql`select
      (select count(*) from webhook_events where status in ('pending', 'dispatched')) +
      (select count(*) from calls where stage not in ('done', 'not_analyzable', 'failed') or blocked_on is not null) +
      (select count(*) from recording_sessions where stage not in ('done', 'not_analyzable', 'failed') or blocked_on is not null) +
      (select count(*) from analysis_runs where state = 'running') as open`;
    if (Number(row?.open) > 0) return false;
    // CallRail's list is whole once the plan is over: only what was compared after that has brought all of it.
    const [compared] = await sql`select count(*)::int as companies from callrail_reconciliations
      where reconciled_until >= ${new Date(playedAt)}`;
    if (plan.reconciles && compared?.companies < plan.companies) return false;
    const running = "ExecutionStatus = 'Running' and WorkflowType != 'CallRailReconciliation'";
    return (await temporal.workflow.count(running)).count === 0;
  } catch {
    return false;
  }
}

async function gather(
  cluster: Cluster,
  run: { plan: Plan; played: Played; ledger: Ledger; companies: PlayedCompany[] },
): Promise<Evidence> {
  const { plan, played, ledger, companies } = run;
  return {
    plan,
    played,
    companies,
    sent: ledger.sent,
    maxPerCompany: MAX_PER_COMPANY,
    sql: cluster.sql,
    temporal: cluster.temporal,
    stats: await cluster.control('GET', 'stats'),
    jobs: (await cluster.control('GET', 'jobs')).jobs,
  };
}

function countOutcomes(sent: readonly Sent[]): ChaosResult['sent'] {
  const counts = { acknowledged: 0, refused: 0, unanswered: 0 };
  for (const { outcome } of sent) counts[outcome.kind] += 1;
  return counts;
}

/** The result as lines for a person. */
export function describeResult(result: ChaosResult): string {
  const { plan, faults, kills, sent, broken, secondsToQuiet } = result;
  const total = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const lines = [
    `seed ${plan.seed}: ${plan.calls} calls, ${plan.visits} visits, ${kills} kills, ${total} faults planned`,
    `  faults: ${Object.entries(faults)
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(' · ')}`,
    `  webhooks: ${sent.acknowledged} acknowledged, ${sent.refused} refused, ${sent.unanswered} unanswered; ` +
      `${result.reconciled} calls brought back by reconciliation; ${result.repeats} repeated submits`,
    `  quiet ${secondsToQuiet.toFixed(0)} s after the plan; ${result.checked - broken.length} of ${result.checked} invariants hold`,
  ];
  for (const { invariant, violations } of broken) {
    lines.push(`  BROKEN: ${invariant} (${violations.length})`);
    lines.push(...violations.slice(0, 8).map((violation) => `    ${violation}`));
  }
  if (broken.length > 0) {
    const { seed, calls, kills: planned, visits } = plan;
    lines.push(`  data and logs are kept in ${result.dataDir}`);
    lines.push(`  again: npm run chaos -- --seed ${seed} --calls ${calls} --kills ${planned} --visits ${visits}`);
  }
  return lines.join('\n');
}
