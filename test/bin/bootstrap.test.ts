import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

const BOOTSTRAP = join(dirname(fileURLToPath(import.meta.url)), '../../bin/bootstrap.mjs');

// Stands in for npm: what `ci` would install is one package.
const GOOD_NPM = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
await new Promise((resolve) => setTimeout(resolve, 300));
mkdirSync('node_modules/left', { recursive: true });
writeFileSync('node_modules/left/package.json', '{"version":"1.0.0"}');
`;
const BAD_NPM = "console.error('npm error code ENOTFOUND'); process.exit(1);";
const TASK = `
console.log('task', process.argv.slice(2).join(' '));
process.on('SIGTERM', () => { console.log('drained'); process.exit(5); });
process.on('SIGINT', () => console.log('asked'));
if (process.argv.includes('stay')) { console.log('up'); setInterval(() => {}, 1000); }
else process.exitCode = 3;
`;

describe('tasks', () => {
  test.each([
    { args: ['--help'], code: 0 },
    { args: [], code: 2 },
    { args: ['nonsense'], code: 2 },
  ])('$args lists the tasks with exit code $code, and installs nothing', async ({ args, code }) => {
    const clone = makeClone(BAD_NPM);
    const { exitCode, output } = await run(clone, args).ended;
    expect(exitCode).toBe(code);
    for (const task of ['start', 'test', 'check', 'format', 'migrate', 'verify', 'bench']) {
      expect(output).toContain(task);
    }
  });

  test('a task gets its arguments, and its exit code is ours', async () => {
    const { exitCode, output } = await run(makeClone(GOOD_NPM), ['migrate', '--dry', 'x']).ended;
    expect(output).toContain('task --dry x');
    expect(exitCode).toBe(3);
  });

  test('SIGTERM is passed on, and the task is waited for', async () => {
    const process_ = run(makeClone(GOOD_NPM), ['migrate', 'stay']);
    await process_.says('up');
    process.kill(process_.pid, 'SIGINT');
    process.kill(process_.pid, 'SIGTERM');
    const { exitCode, output } = await process_.ended;
    expect(output).toContain('drained');
    expect(exitCode).toBe(5);
  });
});

describe('installing', () => {
  test('happens once per lock file, without install scripts', async () => {
    const clone = makeClone(GOOD_NPM);
    await run(clone, ['migrate']).ended;
    await run(clone, ['migrate']).ended;
    expect(calls(clone)).toHaveLength(1);
    expect(calls(clone)[0]).toMatch(/^ci --ignore-scripts /);
    expect(readFileSync(join(clone, 'node_modules/.countersign-lock'), 'utf8')).toBe(
      createHash('sha256')
        .update(readFileSync(join(clone, 'package-lock.json')))
        .digest('hex'),
    );
    writeLock(clone, '1.0.1');
    await run(clone, ['migrate']).ended;
    expect(calls(clone)).toHaveLength(2);
  });

  test('is not repeated after an own npm install of the same lock file', async () => {
    const clone = makeClone(GOOD_NPM);
    mkdirSync(join(clone, 'node_modules'));
    copyFileSync(join(clone, 'package-lock.json'), join(clone, 'node_modules/.package-lock.json'));
    await run(clone, ['migrate']).ended;
    expect(calls(clone)).toHaveLength(0);
  });

  test('is done by one of two that start at once', async () => {
    const clone = makeClone(GOOD_NPM);
    const both = await Promise.all([run(clone, ['migrate']).ended, run(clone, ['migrate']).ended]);
    expect(both.map(({ exitCode }) => exitCode)).toEqual([3, 3]);
    expect(calls(clone)).toHaveLength(1);
  });

  test('goes on after one that was killed in the middle', async () => {
    const clone = makeClone(GOOD_NPM);
    mkdirSync(join(clone, '.countersign'));
    const dead = { pid: 2 ** 22 + 1, startedAt: '1' };
    writeFileSync(join(clone, '.countersign/bootstrap.lock'), JSON.stringify(dead));
    expect((await run(clone, ['migrate']).ended).exitCode).toBe(3);
    expect(existsSync(join(clone, '.countersign/bootstrap.lock'))).toBe(false);
  });

  test("a failure shows npm's words and what helps", async () => {
    const { exitCode, output } = await run(makeClone(BAD_NPM), ['migrate']).ended;
    expect(exitCode).toBe(1);
    expect(output).toContain('npm error code ENOTFOUND');
    expect(output).toContain('npm ping');
    expect(output).not.toContain('    at ');
  });
});

/** A folder with what bootstrap looks at, and nothing else. */
function makeClone(npm: string): string {
  const clone = temporaryFolder();
  mkdirSync(join(clone, 'bin'));
  copyFileSync(BOOTSTRAP, join(clone, 'bin/bootstrap.mjs'));
  writeFileSync(join(clone, 'bin/migrate.ts'), TASK);
  writeFileSync(join(clone, 'package.json'), '{"type":"module"}');
  writeFileSync(join(clone, 'npm-cli.js'), npm);
  rmSync(join(clone, 'npm-calls'), { force: true });
  writeLock(clone, '1.0.0');
  return clone;
}

function writeLock(clone: string, version: string): void {
  const packages = { '': {}, 'node_modules/left': { version } };
  writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ packages }));
}

function calls(clone: string): string[] {
  const path = join(clone, 'npm-calls');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

function run(clone: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(clone, 'bin/bootstrap.mjs'), ...args], {
    cwd: clone,
    env: { ...process.env, npm_execpath: join(clone, 'npm-cli.js'), npm_lifecycle_event: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const said = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => output.includes(text) && resolve();
      child.stdout.on('data', look);
      look();
    });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  }
  const ended = new Promise<{ exitCode: number | null; output: string }>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, output }));
  });
  return { pid: child.pid ?? 0, says: said, ended };
}
