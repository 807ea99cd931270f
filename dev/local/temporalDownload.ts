import { TestWorkflowEnvironment } from '@temporalio/testing';

// Run as a child by temporalCli.ts: downloads the CLI into a folder and starts it once to see that it works.
const [, , downloadDir, version] = process.argv;
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir, version: `v${version}` } },
});
await environment.teardown();
process.exit(0);
