import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest, parseCLI } from 'vitest/node';
import { CountingReporter, countsLine, type TestCounts } from './harness/counts.ts';

/**
 * `npm test [-- FILTER… OPTIONS]` and `npm run test:unit` and so on: runs tests in this process.
 * @param args words that paths of test files hold, and options of vitest
 */
export async function runTests(args: string[]): Promise<TestCounts> {
  const startedAt = Date.now();
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const counting = new CountingReporter();
  const vitest = await createVitest('test', { ...options, run: true, watch: false, reporters: ['default', counting] });
  // Its servers have process groups of their own: only its teardown stops them.
  const stop = () => void vitest.close().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await vitest.start(filter);
  } finally {
    await vitest.close();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  process.stdout.write(`\nTests took ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
  return counting.counts;
}

if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const counts = await runTests(process.argv.slice(2));
  process.stdout.write(`${countsLine(counts)}\n`);
  process.exit(counts.failed > 0 ? 1 : 0);
}
