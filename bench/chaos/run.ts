/**
 * `npm run chaos -- [--seed N] [--seeds 10] [--calls 300] [--kills 20] [--visits 30] [--apis 2] [--workers 2] [--plan]`, or
 * `npm run chaos -- --hostile [--seconds 20] [--calls 30000] [--only NAME]`: attacks beside a genuine sender
 */
import { readCommandLine } from '../../src/config/commandLine.ts';
import { stopOnSignals } from '../cluster.ts';
import { describeResult, runChaos } from './chaos.ts';
import { runHostile } from './hostile.ts';
import { countFaults, drawPlan, type PlanOptions } from './plan.ts';

const USAGE = `usage: npm run chaos -- [--seed N] [--seeds 10] [--calls 300] [--kills 20] [--visits 30] [--apis 2] [--workers 2] [--plan]
       npm run chaos -- --hostile [--seconds 20] [--calls 30000] [--only NAME]`;
const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const { values } = readCommandLine(USAGE, {
  seed: text,
  seeds: text,
  calls: text,
  kills: text,
  visits: text,
  apis: text,
  workers: text,
  plan: flag,
  quiet: flag,
  hostile: flag,
  seconds: text,
  only: text,
});

const number = (name: keyof typeof values, fallback: number): number => {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number\n`);
  process.exit(1);
};

const first = number('seed', 1);
// A seed that is named is to be looked at alone.
const count = number('seeds', values.seed === undefined ? 10 : 1);
const shape: Omit<PlanOptions, 'seed'> = {
  calls: number('calls', 300),
  kills: number('kills', 20),
  visits: number('visits', 30),
  apis: number('apis', 2),
  workers: number('workers', 2),
  pace: 1,
  reconciles: true,
};
stopOnSignals();
const print = (line: string) => process.stdout.write(`${line}\n`);
if (values.hostile) {
  const options = { seconds: number('seconds', 20), calls: number('calls', 30_000), only: values.only };
  process.exit((await runHostile(options, print)) ? 0 : 1);
}
const failing: number[] = [];

for (let seed = first; seed < first + count; seed += 1) {
  const options = { seed, ...shape };
  const plan = drawPlan(options);
  if (values.plan) {
    print(JSON.stringify(plan, null, 2));
    continue;
  }
  print(`\nseed ${seed}: plan of ${plan.seconds} s, faults ${JSON.stringify(countFaults(plan))}`);
  try {
    const result = await runChaos(options, values.quiet ? undefined : print);
    print(describeResult(result));
    if (result.broken.length > 0) failing.push(seed);
  } catch (error) {
    failing.push(seed);
    print(`seed ${seed}: the run itself failed: ${(error as Error).stack}`);
  }
}
if (!values.plan)
  print(failing.length === 0 ? `\n${count} seed(s), no invariant broken` : `\nBROKEN with seed ${failing}`);
process.exit(failing.length === 0 ? 0 : 1);
