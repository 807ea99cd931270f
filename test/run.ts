import { createVitest } from 'vitest/node';

// `npm test [-- FILTER…]`: all tests, ending with a plain line that any reader of the log understands.
const startedAt = Date.now();
const vitest = await createVitest('test', { run: true, watch: false });
// Its servers have process groups of their own: only its teardown stops them.
const stop = () => void vitest.close().finally(() => process.exit(130));
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
await vitest.start(process.argv.slice(2));
const files = vitest.state.getTestModules();
const tests = files.flatMap((file) => [...file.children.allTests()]);
const count = (state: string) => tests.filter((test) => test.result().state === state).length;

// A file that cannot be loaded, an error outside of tests, or a suite without tests counts as one failure each.
const brokenFiles = files.filter((file) => file.errors().length > 0).length;
const otherErrors = vitest.state.getUnhandledErrors().length;
const passed = count('passed');
const failed = count('failed') + brokenFiles + otherErrors + (tests.length === 0 ? 1 : 0);
const skipped = count('skipped') + count('pending');
await vitest.close();

process.stdout.write(`\nTests took ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed > 0 ? 1 : 0);
