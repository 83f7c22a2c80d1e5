/**
 * `npm run check`: format, lint with the folder rules, types, unused code. Each runs whatever the others say;
 * what they print is shown when they fail. Exits 1 when one failed.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';

interface Check {
  readonly name: string;
  readonly what: string;
  /** The npm package whose command is run, and its arguments. */
  readonly command: readonly [packageName: string, ...args: string[]];
}

interface Result {
  readonly check: Check;
  readonly passed: boolean;
  readonly seconds: string;
}

const root = dirname(import.meta.dirname);
const LIMIT_MS = 300_000;

const checks: readonly Check[] = [
  { name: 'format', what: 'prettier over every file', command: ['prettier', '--check', '.'] },
  {
    name: 'lint',
    what: 'oxlint: promises, types, folder rules',
    command: ['oxlint', '--type-aware'],
  },
  { name: 'types', what: 'tsc under strict', command: ['typescript', '--noEmit', '--pretty'] },
  { name: 'unused', what: 'knip: files, exports, dependencies', command: ['knip'] },
];

/** The file behind the package's command: `bin/tsc` of typescript, `bin/oxlint` of oxlint. */
function executable(packageName: string): string {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  const { bin } = createRequire(manifest)(manifest) as { bin: string | Record<string, string> };
  const command = typeof bin === 'string' ? bin : (bin[packageName] ?? bin['tsc']);
  if (command === undefined) throw new TypeError(`${packageName} has no command`);
  return join(dirname(manifest), command);
}

/** Runs a command to its end and collects what it prints. */
function output(args: readonly string[]): Promise<{ passed: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const cut = signal === null ? '' : `\nended by ${signal}\n`;
      resolve({ passed: code === 0, text: Buffer.concat(chunks).toString() + cut });
    });
  });
}

async function run(check: Check): Promise<Result> {
  const [packageName, ...args] = check.command;
  const start = performance.now();
  const { passed, text } = await output([executable(packageName), ...args]);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${passed ? 'ok    ' : 'FAILED'}  ${check.name.padEnd(7)} ${seconds.padStart(5)} s  ${check.what}`,
  );
  if (!passed) console.log(`\n${text.trimEnd()}\n`);
  return { check, passed, seconds };
}

const results: Result[] = [];
for (const check of checks) results.push(await run(check));
const failed = results.filter((result) => !result.passed).map((result) => result.check.name);
console.log(failed.length === 0 ? '\nall checks passed' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
