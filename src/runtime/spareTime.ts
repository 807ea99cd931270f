/**
 * Work that can wait, like reads and exports, while the event loop is busy: webhooks are answered on the same loop, and
 * serializing many large answers in a row would make them late, however many connections they have of their own.
 */
import { performance } from 'node:perf_hooks';

const SAMPLE_MS = 50;
/** Samples that count together. */
const SAMPLES = 6;
/** Above this share of the time the loop has none to spare. */
const BUSY_SHARE = 0.6;
/** Nobody waits longer for each piece of work. */
const WAIT_MAX_MS = 2000;

export interface SpareTime {
  /** Resolves at once while the loop has time to spare, else one after the other. */
  wait(): Promise<void>;
}

/** @param utilization the share of the time that the loop was busy of late; measured unless given */
export function createSpareTime(utilization: () => number = measureLoop()): SpareTime {
  const waiting: { since: number; start: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;

  const pump = () => {
    const [oldest] = waiting;
    if (oldest && (utilization() <= BUSY_SHARE || performance.now() - oldest.since > WAIT_MAX_MS)) {
      waiting.shift();
      oldest.start();
    }
    if (waiting.length === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };

  return {
    wait() {
      if (waiting.length === 0 && utilization() <= BUSY_SHARE) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push({ since: performance.now(), start: resolve });
        timer ??= setInterval(pump, SAMPLE_MS / 2);
      });
    },
  };
}

/** Measures the event loop of this process from now on. */
function measureLoop(): () => number {
  const marks = [performance.eventLoopUtilization()];
  setInterval(() => {
    marks.push(performance.eventLoopUtilization());
    if (marks.length > SAMPLES) marks.shift();
  }, SAMPLE_MS).unref();
  return () => performance.eventLoopUtilization(marks[0]).utilization;
}
