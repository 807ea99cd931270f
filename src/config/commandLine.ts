/** The options of a command of package.json: `--help`, options that npm took for itself, one line for what is wrong. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { isTakenByNpm } from './environment.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** npm has options of these names, too: somebody may have set them for good. */
const NPMS_OWN = ['yes', 'dry-run', 'verbose'];

/** Reads what the command was given. Prints the usage and exits 0 for `--help`; else with one line and exit code 1 if it is wrong. */
export function readCommandLine<const T extends Options>(
  usage: string,
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>> {
  const given = process.argv.slice(2);
  if (given.includes('--help') || given.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  const taken = Object.keys(options).filter((name) => !NPMS_OWN.includes(name) && isTakenByNpm(name));
  if (taken.length > 0) {
    const names = taken.map((name) => `--${name}`).join(', ');
    refuseCommandLine(usage, `npm took ${names} for itself: put -- before the options`);
  }
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return refuseCommandLine(usage, (error as Error).message);
  }
}

/** Ends the process: what is wrong with its options, then how they are. */
export function refuseCommandLine(usage: string, problem: string): never {
  process.stderr.write(`${problem}\n${usage}\n`);
  process.exit(1);
}
