import { defineConfig } from 'vitest/config';

// Files and tests run in any order; the seed is printed. `--sequence.seed=<seed>` repeats an order.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/lint/fixtures/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/no-leaks.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    sequence: { shuffle: { files: true, tests: true } },
  },
});
