import { countsLine } from '../test/harness/counts.ts';
import { runTests } from '../test/run.ts';
import { runChecks } from './check.ts';

// `npm run verify`: what CI runs: all checks, then all tests even if a check fails. The last line counts both.
const failedChecks = await runChecks();
const counts = await runTests([]);
const failed = counts.failed + failedChecks;
if (failedChecks > 0) process.stdout.write(`${failedChecks} of the failures are checks, see the top\n`);
process.stdout.write(`${countsLine({ ...counts, failed })}\n`);
process.exit(failed > 0 ? 1 : 0);
