/** What so many calls a day need, calculated from what one call costs; see docs/scaling.md. */

/**
 * What one booked call costs. CPU and bytes in Postgres: docs/performance.md (API and worker are measured together and divided as
 * an earlier run did); counts: test/service/cost.test.ts.
 */
const CALL = {
  cpuMs: { api: 26, worker: 108, temporal: 105, postgres: 31 },
  postgresBytes: 46_700,
  historyBytes: 10_331,
  statements: 95,
  transactions: 11,
  workflowTasks: 7,
  rings: 7,
  activities: 0,
  timers: 4,
  upserts: 4,
};

const ASSUMED = {
  /** Calls come in ten hours of the day, and the busiest hour has twice their mean. */
  peakFactor: (24 / 10) * 2,
  /** Busier than this, a core makes others wait. */
  busyShare: 0.6,
  /** A history shard is a lock with its own row: beyond this many updates a second they queue. */
  updatesPerShardSecond: 20,
  historyDays: 7,
};

/** https://docs.temporal.io/cloud/pricing, pay as you go, Business: dollars a million actions, by volume in a month. */
const ACTION_TIERS = [
  { upTo: 5e6, price: 50 },
  { upTo: 10e6, price: 45 },
  { upTo: 20e6, price: 40 },
  { upTo: 50e6, price: 35 },
  { upTo: 100e6, price: 30 },
  { upTo: Number.POSITIVE_INFINITY, price: 25 },
];
const RETAINED_DOLLARS_PER_GB_HOUR = 0.00105;
const DAYS_A_MONTH = 30;
const SECONDS_A_DAY = 86_400;

/** A signal with its start is one action, and so are all local activities of one workflow task; so this is an upper bound. */
const ACTIONS = CALL.rings + CALL.workflowTasks + CALL.activities + CALL.timers + CALL.upserts;

/** Prints a table with a column for each volume. */
export function printScaling(print: (line: string) => void): boolean {
  const volumes = [100_000, 1_000_000, 100_000_000];
  const columns = volumes.map(needsOf);
  print(`| calls a day | ${volumes.map((calls) => calls.toLocaleString('en-US')).join(' | ')} |`);
  print(`| --- |${' --- |'.repeat(volumes.length)}`);
  for (const name of Object.keys(columns[0] ?? {}) as (keyof ReturnType<typeof needsOf>)[])
    print(`| ${name} | ${columns.map((column) => column[name]).join(' | ')} |`);
  return true;
}

function needsOf(callsADay: number) {
  const peak = (callsADay / SECONDS_A_DAY) * ASSUMED.peakFactor;
  const cores = (cpuMs: number) => Math.ceil((peak * cpuMs) / 1000 / ASSUMED.busyShare).toLocaleString('en-US');
  const updates = peak * (CALL.workflowTasks * 2 + CALL.rings + CALL.activities * 2 + CALL.timers);
  const shards = 2 ** Math.ceil(Math.log2(updates / ASSUMED.updatesPerShardSecond));
  const actionsAMonth = callsADay * DAYS_A_MONTH * ACTIONS;
  const historyGb = (callsADay * ASSUMED.historyDays * CALL.historyBytes) / 1e9;
  const storage = historyGb * 24 * DAYS_A_MONTH * RETAINED_DOLLARS_PER_GB_HOUR;
  const dollars = priceOf(actionsAMonth) + storage;
  return {
    'calls a second at the peak': peak < 10 ? peak.toFixed(1) : Math.round(peak).toLocaleString('en-US'),
    'cores of APIs': cores(CALL.cpuMs.api),
    'cores of workers': cores(CALL.cpuMs.worker),
    'cores of Temporal (self-hosted, without its database)': cores(CALL.cpuMs.temporal),
    'cores of Postgres': cores(CALL.cpuMs.postgres),
    'SQL statements a second': Math.round(peak * CALL.statements).toLocaleString('en-US'),
    'transactions a second': Math.round(peak * CALL.transactions).toLocaleString('en-US'),
    'Postgres, growth a day': gigabytes(callsADay * CALL.postgresBytes),
    'Postgres, a year': gigabytes(callsADay * CALL.postgresBytes * 365),
    'history shards, at least': Math.max(4, shards).toLocaleString('en-US'),
    [`histories kept ${ASSUMED.historyDays} days`]: gigabytes(historyGb * 1e9),
    'Temporal Cloud: actions a second at the peak': Math.round(peak * ACTIONS).toLocaleString('en-US'),
    'Temporal Cloud: dollars a month, list price, at most': Math.round(dollars).toLocaleString('en-US'),
    'Temporal Cloud: dollars a call': (dollars / (callsADay * DAYS_A_MONTH)).toFixed(5),
  };
}

function priceOf(actions: number): number {
  let below = 0;
  let dollars = 0;
  for (const { upTo, price } of ACTION_TIERS) {
    dollars += (Math.max(0, Math.min(actions, upTo) - below) / 1e6) * price;
    below = upTo;
  }
  return dollars;
}

function gigabytes(bytes: number): string {
  if (bytes < 1e12) return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;
  return bytes < 1e15 ? `${(bytes / 1e12).toFixed(1)} TB` : `${(bytes / 1e15).toFixed(1)} PB`;
}
