/** Whether one company's backlog delays another's single call, and whether the limits on what is sent to Shunya hold. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, startCluster } from './cluster.ts';
import { backlog, type LoadCompany, median, sendAtRate, sendCall, untilDrained } from './load.ts';

export interface FairnessOptions {
  backlogCalls: number;
  probes: number;
  jobMs: number;
  maxPerSecond: number;
  maxPerCompany: number;
}

/** Prints how long the single call takes with and without the backlog. @returns whether the limits held */
export async function benchFairness(options: FairnessOptions, print: (line: string) => void): Promise<boolean> {
  const { backlogCalls, probes, jobMs, maxPerSecond, maxPerCompany } = options;
  const env = { SHUNYA_MAX_PER_SECOND: String(maxPerSecond), SHUNYA_MAX_PER_COMPANY: String(maxPerCompany) };
  const cluster = await startCluster({ jobMs, env, tell: print });
  try {
    const [large, small] = [await cluster.company(), await cluster.company()];
    await timeOneCall(cluster, small);
    const alone: number[] = [];
    for (let index = 0; index < probes; index += 1) alone.push(await timeOneCall(cluster, small));
    await cluster.control('POST', 'reset');

    print(`one company sends ${backlogCalls} calls; jobs take ${jobMs} ms at Shunya`);
    const startedAt = Date.now();
    await sendAtRate(100, backlogCalls, () => sendCall(cluster, large, 'recorded'));
    const beside: { seconds: number; pipelines: number }[] = [];
    for (let index = 0; index < probes; index += 1) {
      await delay(3000);
      const { pipelines } = await backlog(cluster);
      beside.push({ seconds: await timeOneCall(cluster, small), pipelines });
    }
    await untilDrained(cluster, 1800);
    const drained = (Date.now() - startedAt) / 1000;
    const stats = await cluster.control('GET', 'stats');

    const mostInFlight = Math.max(...(Object.values(stats.max_in_flight) as number[]));
    print(`alone:          ${alone.map(seconds).join(', ')}; median ${seconds(median(alone))}`);
    print(
      `beside backlog: ${beside.map((each) => `${seconds(each.seconds)} (${each.pipelines} calls waiting)`).join(', ')}; ` +
        `median ${seconds(median(beside.map((each) => each.seconds)))}`,
    );
    print(`backlog gone after ${seconds(drained)}: ${(backlogCalls / drained).toFixed(1)} calls/s`);
    print(
      `submits in any one second: at most ${stats.peak_submits_per_second} (SHUNYA_MAX_PER_SECOND ${maxPerSecond})`,
    );
    print(`jobs of one company in flight: at most ${mostInFlight} (SHUNYA_MAX_PER_COMPANY ${maxPerCompany})`);
    // A token bucket may let a full bucket and a second's refill through within one second.
    const holds = mostInFlight <= maxPerCompany && stats.peak_submits_per_second <= 2 * maxPerSecond;
    print(holds ? 'limits held' : 'limits NOT held');
    return holds;
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

async function timeOneCall(cluster: Cluster, company: LoadCompany): Promise<number> {
  const startedAt = Date.now();
  const { id } = await sendCall(cluster, company, 'recorded');
  for (;;) {
    const [row] =
      await cluster.sql`select stage from calls where company_id = ${company.id} and provider_call_id = ${id}`;
    if (row?.stage === 'done') return (Date.now() - startedAt) / 1000;
    if (Date.now() - startedAt > 600_000) throw new Error('a single call was not done within ten minutes');
    await delay(50);
  }
}

const seconds = (value: number): string => `${value.toFixed(1)} s`;
