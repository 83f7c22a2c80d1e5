/**
 * The run's own gates, tried on small projects of planted tests: the last line tells the truth, and a test that prints
 * or leaves something open fails.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

const head = `
  import { beforeAll, describe, expect, test } from 'vitest';
  import { createServer } from 'node:http';
  import { spawn } from 'node:child_process';
  import { track } from '../support/no-leaks.ts';
`;
const passes = `test('passes', () => expect(1).toBe(1));`;

test.each([
  { why: 'all pass', body: passes, line: '1 passed, 0 failed' },
  {
    why: 'one fails',
    body: `${passes} test('fails', () => expect(1).toBe(2));`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'one is skipped',
    body: `${passes} test['skip']('later', () => {});`,
    line: '1 passed, 0 failed, 1 skipped',
  },
  {
    why: 'a file does not load',
    body: `${passes} throw new Error('no');`,
    line: '0 passed, 1 failed',
  },
  {
    why: 'a hook fails',
    body: `describe('d', () => { beforeAll(() => { throw new Error('no'); }); ${passes} });`,
    line: '0 passed, 1 failed, 1 skipped',
  },
  {
    why: 'a rejection is not handled',
    body: `test('t', async () => { void Promise.reject(new Error('no')); await new Promise((next) => setTimeout(next, 20)); });`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'a test uses console',
    body: `test('prints', () => console.info('x'));`,
    line: '0 passed, 1 failed',
  },
  {
    why: 'a test writes to standard error',
    body: `test('prints', () => { process.stderr.write('x'); });`,
    line: '0 passed, 1 failed',
  },
  {
    why: 'a tracked resource is left open',
    body: `${passes} test('leaves', () => { track('pool', () => {}); });`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'a tracked resource is closed',
    body: `test('closes', () => track('pool', () => {})());`,
    line: '1 passed, 0 failed',
  },
  {
    why: 'a server is left listening',
    body: `test('leaves', () => { createServer().listen(0, '127.0.0.1'); });`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'a process is left running',
    body: `test('leaves', () => { const { pid } = spawn('sleep', ['5']); expect(pid).toBeGreaterThan(0); });`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'the global set-up fails',
    body: passes,
    setup: `throw new Error('no');`,
    line: '0 passed, 1 failed',
  },
  {
    why: 'the global tear-down fails',
    body: passes,
    setup: `export default () => () => { throw new Error('no'); };`,
    line: '1 passed, 1 failed',
  },
  {
    why: 'the global tear-down prints',
    body: passes,
    setup: `export default () => () => console.log('bye');`,
    line: '1 passed, 0 failed',
  },
])('the last line when $why', async ({ body, setup = 'export default () => {};', line }) => {
  const run = await runPlanted(head + body, setup);
  expect(run.output.trimEnd().split('\n').at(-1)).toBe(line);
  expect(run.output.endsWith(`${line}\n`)).toBe(true);
  expect(run.code === 0).toBe(line.includes(' 0 failed'));
});

/** Runs our own configuration over one planted test file. */
async function runPlanted(text: string, setup: string): Promise<{ code: number; output: string }> {
  const project = mkdtempSync(join(tmpdir(), 'countersign-vitest-'));
  try {
    mkdirSync(join(project, 'test/planted'), { recursive: true });
    mkdirSync(join(project, 'test/support'));
    for (const file of ['vitest.config.ts', 'tsconfig.json', 'package.json']) {
      cpSync(join(root, file), join(project, file));
    }
    for (const file of ['reporter.ts', 'no-leaks.ts']) {
      cpSync(join(root, 'test/support', file), join(project, 'test/support', file));
    }
    writeFileSync(join(project, 'test/support/global-setup.ts'), setup);
    writeFileSync(join(project, 'test/planted/planted.test.ts'), text);
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'dir');
    return await vitest(project);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function vitest(cwd: string): Promise<{ code: number; output: string }> {
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run'];
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|TEST$|NODE_OPTIONS)/.test(name),
  );
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { cwd, env: Object.fromEntries(own), timeout: 60_000 },
      (_error, stdout) => resolve({ code: child.exitCode ?? -1, output: stdout }),
    );
  });
}
