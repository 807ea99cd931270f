/** CPU time of processes as the operating system counts it: a busy machine changes it far less than the clock. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in ticks of 10 ms. */
const MS_PER_TICK = 10;

interface ProcessTimes {
  parent: number;
  /** Of the process and of its children that have ended. */
  ms: number;
}

/** CPU milliseconds, user and system, of a process with all below it; Linux only, elsewhere 0. */
export function cpuMsOfTree(root: number | undefined): number {
  if (root === undefined || process.platform !== 'linux') return 0;
  const all = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const times = timesOf(Number(name));
    if (times) all.set(Number(name), times);
  }
  const isBelow = (pid: number): boolean => {
    if (pid === root) return true;
    const parent = all.get(pid)?.parent;
    return parent !== undefined && parent > 0 && isBelow(parent);
  };
  return [...all].filter(([pid]) => isBelow(pid)).reduce((sum, [, { ms }]) => sum + ms, 0);
}

function timesOf(pid: number): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program stands in brackets and may hold spaces; after it: state, parent, …
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { parent: Number(fields[1]), ms: ticks * MS_PER_TICK };
  } catch {
    return undefined;
  }
}
