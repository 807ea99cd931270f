/** `npm run bench -- ack|ack-rate|pipelines|memory|bloat|backlog|several|outage|fairness|reads|scaling`, each with its own options; numbers are of the machine it runs on. */
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { benchAck } from './ack.ts';
import { benchAckRate } from './ackRate.ts';
import { benchBacklog } from './backlog.ts';
import { benchBloat } from './bloat.ts';
import { stopOnSignals } from './cluster.ts';
import { benchFairness } from './fairness.ts';
import { benchMemory } from './memory.ts';
import { benchOutage } from './outage.ts';
import { benchPipelines } from './pipelines.ts';
import { benchReads } from './reads.ts';
import { printScaling } from './scaling.ts';
import { benchSeveral } from './several.ts';

const USAGE = `usage: npm run bench -- ack|ack-rate|pipelines|memory|bloat|backlog|several|outage|fairness|reads|scaling [options]
  ack: --rounds --rate --events · ack-rate: --rounds --seconds --profile-dir --beside-pipelines · outage: --calls --job-ms
  pipelines: --rounds --calls --concurrency --beside naive,floor,dbos --json FILE --profile-dir --temporal-bin DIR
  memory: --calls --sample-every --concurrency --json FILE
  bloat: --calls --storage PARAMETERS · backlog: --events --probes · several: --calls --concurrency
  reads: --calls --of-big --words-of all|big --probes --database --profile-dir · scaling: no options
  fairness: --calls --probes --job-ms --max-per-second --max-per-company`;

stopOnSignals();
const print = (line: string) => process.stdout.write(`${line}\n`);
const text = { type: 'string' } as const;
const { positionals, values } = readCommandLine(USAGE, {
  rounds: text,
  seconds: text,
  rate: text,
  events: text,
  calls: text,
  probes: text,
  'of-big': text,
  'words-of': text,
  database: text,
  'profile-dir': text,
  'temporal-bin': text,
  'beside-pipelines': { type: 'boolean' },
  concurrency: text,
  'sample-every': text,
  storage: text,
  json: text,
  beside: text,
  'job-ms': text,
  'max-per-second': text,
  'max-per-company': text,
});

const number = (name: keyof typeof values, fallback: number): number => {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (Number.isFinite(value) && value > 0) return value;
  print(`--${name} must be a number above 0`);
  process.exit(1);
};

const BENCHES: Record<string, () => Promise<boolean>> = {
  ack: () =>
    benchAck({ rounds: number('rounds', 5), perSecond: number('rate', 8), events: number('events', 200) }, print),
  'ack-rate': () =>
    benchAckRate(
      {
        rounds: number('rounds', 3),
        seconds: number('seconds', 5),
        profileDir: values['profile-dir'],
        besidePipelines: values['beside-pipelines'] ?? false,
      },
      print,
    ),
  memory: () =>
    benchMemory(
      {
        calls: number('calls', 10_000),
        sampleEvery: number('sample-every', 500),
        concurrency: number('concurrency', 8),
        jsonFile: values.json,
      },
      print,
    ),
  bloat: () => benchBloat({ calls: number('calls', 100_000), storage: values.storage }, print),
  backlog: () => benchBacklog({ events: number('events', 20_000), probes: number('probes', 20) }, print),
  several: () => benchSeveral({ calls: number('calls', 60), concurrency: number('concurrency', 8) }, print),
  outage: () => benchOutage({ calls: number('calls', 1000), jobMs: number('job-ms', 300) }, print),
  pipelines: () =>
    benchPipelines(
      {
        rounds: number('rounds', 3),
        calls: number('calls', 60),
        concurrency: number('concurrency', 8),
        jsonFile: values.json,
        profileDir: values['profile-dir'],
        temporalBinDir: values['temporal-bin'],
        others: values.beside?.split(','),
      },
      print,
    ),
  scaling: async () => printScaling(print),
  reads: () =>
    benchReads(
      {
        calls: number('calls', 1_000_000),
        ofBig: number('of-big', 250_000),
        wordsOf: values['words-of'] === 'big' ? 'big' : 'all',
        probes: number('probes', 100),
        databaseUrl: values.database,
        profileDir: values['profile-dir'],
      },
      print,
    ),
  fairness: () =>
    benchFairness(
      {
        backlogCalls: number('calls', 1000),
        probes: number('probes', 5),
        jobMs: number('job-ms', 500),
        maxPerSecond: number('max-per-second', 20),
        maxPerCompany: number('max-per-company', 50),
      },
      print,
    ),
};

const bench = BENCHES[positionals[0] ?? ''];
if (!bench) {
  refuseCommandLine(USAGE, 'which measurement?');
}
process.exit((await bench()) ? 0 : 1);
