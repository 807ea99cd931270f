/** Resident memory of API and worker along many whole booked calls, and what their tables look like afterwards. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { runBookedCalls, throughOurs } from './bookedCalls.ts';
import { type Cluster, startCluster, WITHOUT_SHUNYA_LIMITS } from './cluster.ts';
import { cpuMsOfTree } from './cpu.ts';
import { median } from './load.ts';
import { memoryOf } from './process.ts';
import { describeTables, tablesOf } from './tables.ts';

const IDLE_SECONDS = 20;
/** Until here memory may grow: caches fill, code is compiled. */
const WARM_CALLS = 2000;
/** More than this above the warm state is growth. */
const GROWTH_MAX = 1.1;

export interface MemoryOptions {
  calls: number;
  sampleEvery: number;
  concurrency: number;
  jsonFile?: string | undefined;
}

interface Sample {
  calls: number;
  /** MiB. */
  api: number;
  worker: number;
  /** CPU milliseconds a call since the last sample, of API, worker, Temporal and Postgres. */
  cpuMs: number;
  callsPerSecond: number;
  load: number;
}

/** Prints a line for each sample. @returns whether memory stayed where the first 2,000 calls had brought it */
export async function benchMemory(options: MemoryOptions, print: (line: string) => void): Promise<boolean> {
  const { calls, sampleEvery, concurrency, jsonFile } = options;
  const cluster = await startCluster({ jobMs: 1, tell: print, env: WITHOUT_SHUNYA_LIMITS });
  const samples: Sample[] = [];
  try {
    const company = await cluster.company();
    await delay(IDLE_SECONDS * 1000);
    const ours = throughOurs(cluster);
    let cpu = cpuOf(cluster);
    samples.push({ calls: 0, ...memoryOf(cluster), cpuMs: 0, callsPerSecond: 0, load: loadavg()[0] ?? 0 });
    print(lineOf(samples[0] as Sample));
    for (let done = 0; done < calls; ) {
      const some = Math.min(sampleEvery, calls - done);
      const startedAt = performance.now();
      await runBookedCalls(ours, company, some, concurrency);
      const seconds = (performance.now() - startedAt) / 1000;
      const now = cpuOf(cluster);
      done += some;
      const sample = {
        calls: done,
        ...memoryOf(cluster),
        cpuMs: (now - cpu) / some,
        callsPerSecond: some / seconds,
        load: loadavg()[0] ?? 0,
      };
      cpu = now;
      samples.push(sample);
      print(lineOf(sample));
      if (done === WARM_CALLS && done < calls) print(`${describeTables(await tablesOf(cluster.sql))}`);
      if (jsonFile) writeFileSync(jsonFile, JSON.stringify({ options, samples }, undefined, 2));
    }
    print(describeTables(await tablesOf(cluster.sql, 20)));
    await delay(IDLE_SECONDS * 1000);
    const { api, worker } = memoryOf(cluster);
    print(`at rest again: API ${api.toFixed(0)} MiB, worker ${worker.toFixed(0)} MiB`);
    return judge(samples, print);
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

/** Compares the median of the last quarter with the median of as many samples right after the warm-up. */
function judge(samples: readonly Sample[], print: (line: string) => void): boolean {
  const warm = samples.filter((sample) => sample.calls >= WARM_CALLS);
  const count = Math.ceil(warm.length / 4);
  if (count === 0) return true;
  const growthOf = (part: 'api' | 'worker') => {
    const [first, last] = [warm.slice(0, count), warm.slice(-count)].map((some) => median(some.map((at) => at[part])));
    const growth = (last as number) / (first as number);
    print(
      `${part}: ${first?.toFixed(0)} MiB after ${WARM_CALLS} calls, ${last?.toFixed(0)} MiB at the end: ${growth.toFixed(2)}`,
    );
    return growth;
  };
  const holds = Math.max(growthOf('api'), growthOf('worker')) <= GROWTH_MAX;
  print(holds ? 'held' : 'NOT held');
  return holds;
}

const cpuOf = ({ parts }: Cluster): number => parts.reduce((total, { pid }) => total + cpuMsOfTree(pid), 0);

const lineOf = ({ calls, api, worker, cpuMs, callsPerSecond, load }: Sample): string =>
  `${calls} calls: API ${api.toFixed(0)} MiB, worker ${worker.toFixed(0)} MiB, ${cpuMs.toFixed(0)} CPU ms a call, ` +
  `${callsPerSecond.toFixed(1)} calls/s, load ${load.toFixed(0)}`;
