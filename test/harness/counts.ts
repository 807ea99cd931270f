import type { Reporter, TestModule } from 'vitest/node';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The last line of `npm test` and `npm run verify`, which any reader of a log understands. */
export const countsLine = ({ passed, failed, skipped }: TestCounts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** Counts vitest's tests. A file that cannot be loaded, an error outside of tests, and a run without tests fail once each. */
export class CountingReporter implements Reporter {
  readonly counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };

  onTestRunEnd(files: readonly TestModule[], errors: readonly unknown[]): void {
    const states = files.flatMap((file) => [...file.children.allTests()].map((test) => test.result().state));
    const count = (state: string) => states.filter((other) => other === state).length;
    const brokenFiles = files.filter((file) => file.errors().length > 0).length;
    this.counts.passed = count('passed');
    this.counts.failed = count('failed') + brokenFiles + errors.length + (states.length === 0 ? 1 : 0);
    this.counts.skipped = count('skipped') + count('pending');
  }
}
