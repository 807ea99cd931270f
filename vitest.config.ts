import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The long files come first, so that no core is idle at the end while one is still at work. Those that mostly wait (chaos,
 * shunya-faults, kill; events, readers, senders, operators, auth) stand among those that mostly work.
 */
const LONG = [
  'console restore chaos shunya-faults commands kill journey orders reconciliation pipeline outgoing-webhooks cut callers',
  'deploy reset cleanup plans events walk readers metrics fuzz senders reads operators auth exports client shunya',
].flatMap((names) => names.split(' '));

/** One after the other: a process runs files of one project only, and to load the service anew takes longer than many a file. */
const PROJECTS = ['service', 'workflows', 'api', 'unit'];

/** Replays histories, with a worker in its own process. */
const OWN_RUNTIME = 'test/service/deploy.test.ts';

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ project, moduleId }: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return PROJECTS.indexOf(project.name) * 100 + (index < 0 ? LONG.length : index);
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

const guarantees = {
  environment: 'node',
  /** A real Postgres and a real Temporal server, started once for all projects. */
  globalSetup: 'test/harness/globalSetup.ts',
  // Forks: the Temporal SDK's native part and its Runtime are per process.
  pool: 'forks',
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Tests wait more than they work.
  maxConcurrency: 8,
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        // Pure rules, beside the file they test. Needs no server.
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'dev/**/*.test.ts', 'demo/**/*.test.ts', 'simulators/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          // A process for each of forty files would take longer to start than to run.
          isolate: false,
          // Property tests run thousands of cases; a shared machine may be ten times slower.
          testTimeout: 60_000,
        },
      },
      // The API within the test's process. Files share it: loading the API takes longer than most of them run.
      { test: { ...guarantees, name: 'api', include: ['test/{api,hostile}/**/*.test.ts'], isolate: false } },
      // The whole service as processes of its own, as it is built for production.
      {
        test: {
          ...guarantees,
          name: 'service',
          include: ['test/{service,commands,console}/**/*.test.ts'],
          exclude: [OWN_RUNTIME],
          isolate: false,
        },
      },
      // Each in a process of its own, which may have one Runtime of the Temporal SDK.
      { test: { ...guarantees, name: 'workflows', include: ['test/{workflows,replay}/**/*.test.ts', OWN_RUNTIME] } },
    ],
    // What fails once fails: a test that passes on the second try has found a race.
    retry: 0,
    // For two cores: of four files two wait.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
  },
});
