import { startVitest } from 'vitest/node';
import { readCommandLine } from '../../src/config/commandLine.ts';

// `npm run histories`: records the scenarios that test/replay/histories lacks from a running service, then replays all.
readCommandLine('usage: npm run histories, without options', {});
process.env.RECORD_HISTORIES = '1';
const vitest = await startVitest('test', ['test/replay/replay.test.ts'], { run: true, watch: false });
const failed = vitest.state.getTestModules().some((file) => !file.ok()) || vitest.state.getUnhandledErrors().length > 0;
await vitest.close();
process.exit(failed ? 1 : 0);
