/** How long a webhook waits for its answer while Temporal is frozen, against while it is healthy, in paired rounds. */
import { setTimeout as delay } from 'node:timers/promises';
import { startCluster } from './cluster.ts';
import { median, percentile, type SentCall, sendAtRate, sendCall, untilDrained } from './load.ts';
import { residentMemory } from './process.ts';

const TARGET_RATIO = 1.5;
const CATCH_UP_SECONDS = 60;

export interface AckOptions {
  rounds: number;
  perSecond: number;
  /** In each half of a round. */
  events: number;
}

/** Prints each round and the median ratio. @returns whether the targets are met */
export async function benchAck({ rounds, perSecond, events }: AckOptions, print: (line: string) => void) {
  const cluster = await startCluster({ tell: print });
  try {
    const company = await cluster.company();
    const send = () => sendCall(cluster, company, 'missed');
    const api = cluster.apis[0];
    const measure = async () => latencies(await sendAtRate(perSecond, events, send));
    await sendAtRate(perSecond, events, send);
    await untilDrained(cluster, CATCH_UP_SECONDS * 2);

    const frozenHalf = async () => {
      cluster.temporalServer.freeze();
      const memory: number[] = [];
      const sampler = setInterval(() => memory.push(residentMemory(api?.pid) ?? 0), 500);
      // What was under way when it froze has met its first time-outs.
      await delay(2000);
      const took = await measure();
      clearInterval(sampler);
      cluster.temporalServer.thaw();
      const caughtUp = await untilDrained(cluster, CATCH_UP_SECONDS * 2);
      return { ...took, caughtUp, memoryBefore: memory[0] ?? 0, memoryMax: Math.max(...memory) };
    };
    const healthyHalf = async () => {
      const took = await measure();
      await untilDrained(cluster, CATCH_UP_SECONDS * 2);
      return took;
    };

    print(`${rounds} paired rounds, ${events} events at ${perSecond}/s in each half`);
    const ratios: number[] = [];
    const catchUps: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      // The order changes, so that a machine that grows slower or faster favours neither.
      const first = round % 2 === 1 ? undefined : await frozenHalf();
      const healthy = await healthyHalf();
      const frozen = first ?? (await frozenHalf());
      const ratio = frozen.p99 / healthy.p99;
      ratios.push(ratio);
      catchUps.push(frozen.caughtUp);
      print(
        `round ${round}: healthy p50 ${ms(healthy.p50)} p99 ${ms(healthy.p99)} · frozen p50 ${ms(frozen.p50)} ` +
          `p99 ${ms(frozen.p99)} · ratio of p99 ${ratio.toFixed(2)} · API ${frozen.memoryBefore.toFixed(0)} → at most ` +
          `${frozen.memoryMax.toFixed(0)} MiB · all through ${frozen.caughtUp.toFixed(1)} s after SIGCONT`,
      );
    }
    const holds = median(ratios) <= TARGET_RATIO && Math.max(...catchUps) <= CATCH_UP_SECONDS;
    print(
      `median ratio of p99 ${median(ratios).toFixed(2)} (target ${TARGET_RATIO}), slowest catch-up ` +
        `${Math.max(...catchUps).toFixed(1)} s (target ${CATCH_UP_SECONDS}): ${holds ? 'held' : 'NOT held'}`,
    );
    return holds;
  } finally {
    await cluster.stop();
    cluster.removeData();
  }
}

const latencies = (sent: SentCall[]) => {
  const took = sent.map(({ tookMs }) => tookMs);
  return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
};

const ms = (value: number): string => `${value.toFixed(1)} ms`;
