/** Whether a call costs more where several APIs and workers share the work. */
import { loadavg } from 'node:os';
import { runBookedCalls, throughOurs } from './bookedCalls.ts';
import { type Cluster, startCluster, WITHOUT_SHUNYA_LIMITS } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { median } from './load.ts';

const ROUNDS = 3;
/** More than this times the cost with one of each is too much. */
const RATIO_MAX = 1.1;

export interface SeveralOptions {
  calls: number;
  concurrency: number;
}

interface Cost {
  apis: number;
  workers: number;
  temporal: number;
  postgres: number;
}

/** One API and one worker, then two and three, each on data of its own. @returns whether the aim holds */
export async function benchSeveral(options: SeveralOptions, print: (line: string) => void): Promise<boolean> {
  const one = await costOf(1, 1, options, print);
  const more = await costOf(2, 3, options, print);
  const ratio = sumOf(more) / sumOf(one);
  print(`${sumOf(one).toFixed(0)} and ${sumOf(more).toFixed(0)} CPU ms a call: ${ratio.toFixed(2)} times`);
  return ratio <= RATIO_MAX;
}

async function costOf(
  apis: number,
  workers: number,
  { calls, concurrency }: SeveralOptions,
  print: (line: string) => void,
): Promise<Cost> {
  const cluster = await startCluster({ jobMs: 1, tell: print, env: WITHOUT_SHUNYA_LIMITS, apis, workers });
  try {
    const company = await cluster.company();
    const ours = throughOurs(cluster);
    // Each process compiles its own code: all of them are to be warm.
    await runBookedCalls(ours, company, 40 * Math.max(apis, workers), concurrency);
    const rounds: Cost[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [before, startedAt] = [cpuOf(cluster), performance.now()];
      await runBookedCalls(ours, company, calls, concurrency);
      const [after, seconds] = [cpuOf(cluster), (performance.now() - startedAt) / 1000];
      const cost = perCall(before, after, calls);
      rounds.push(cost);
      print(
        `${apis} API, ${workers} workers, round ${round} (load ${(loadavg()[0] ?? 0).toFixed(0)}): ` +
          `${(calls / seconds).toFixed(1)} calls/s, CPU ms a call ${sumOf(cost).toFixed(0)}: APIs ${cost.apis.toFixed(0)}, ` +
          `workers ${cost.workers.toFixed(0)}, Temporal ${cost.temporal.toFixed(0)}, Postgres ${cost.postgres.toFixed(0)}`,
      );
    }
    const middle = (of: (cost: Cost) => number) => median(rounds.map(of));
    return {
      apis: middle((cost) => cost.apis),
      workers: middle((cost) => cost.workers),
      temporal: middle((cost) => cost.temporal),
      postgres: middle((cost) => cost.postgres),
    };
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

function cpuOf({ apis, workers, temporalServer, postgres }: Cluster): Cost {
  const all = (parts: readonly { pid: number | undefined }[]) =>
    parts.reduce((sum, { pid }) => sum + cpuMsOfTree(pid), 0);
  return { apis: all(apis), workers: all(workers), temporal: all([temporalServer]), postgres: all([postgres]) };
}

const perCall = (before: Cost, after: Cost, calls: number): Cost => ({
  apis: (after.apis - before.apis) / calls,
  workers: (after.workers - before.workers) / calls,
  temporal: (after.temporal - before.temporal) / calls,
  postgres: (after.postgres - before.postgres) / calls,
});

const sumOf = ({ apis, workers, temporal, postgres }: Cost): number => apis + workers + temporal + postgres;
