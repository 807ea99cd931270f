import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        // Pure rules, beside the file they test. Needs no server.
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'dev/**/*.test.ts', 'simulators/**/*.test.ts'],
          environment: 'node',
          // Property tests run thousands of cases; a shared machine may be ten times slower.
          testTimeout: 60_000,
        },
      },
      {
        // Guarantees, on a real Postgres and a real Temporal server that globalSetup starts once.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/harness/globalSetup.ts'],
          // Forks: the Temporal SDK's native part and its Runtime are per process.
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Tests wait more than they work.
          maxConcurrency: 8,
        },
      },
    ],
    // What fails once fails: a test that passes on the second try has found a race.
    retry: 0,
    // Two cores: more files at a time only make each other late.
    maxWorkers: 2,
  },
});
