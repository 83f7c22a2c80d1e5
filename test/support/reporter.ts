import type { Reporter, SerializedError, TestModule } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Ends the run with one line for machines: `N passed, N failed`, and `, N skipped` when there are any.
 * What broke outside of a test (a file that does not load, a hook, an unhandled error, the global set-up)
 * counts as one failure each, so a run that exits non-zero never says `0 failed`.
 */
export default class LastLineReporter implements Reporter {
  private counts: Counts = { passed: 0, failed: 0, skipped: 0 };

  /** The line is written when the process exits: only then have the global tear-down and others had their say. */
  onInit(): void {
    process.once('exit', (code) => {
      const { passed, skipped } = this.counts;
      const failed = code !== 0 && this.counts.failed === 0 ? 1 : this.counts.failed;
      const rest = skipped > 0 ? `, ${skipped} skipped` : '';
      process.stdout.write(`\n${passed} passed, ${failed} failed${rest}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    this.counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) addModule(this.counts, module);
  }
}

/** A test that never ended is a failed one. */
function addModule(counts: Counts, module: TestModule): void {
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    counts[state === 'pending' ? 'failed' : state] += 1;
  }
  if (module.errors().length > 0) counts.failed += 1;
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed += 1;
  }
}
