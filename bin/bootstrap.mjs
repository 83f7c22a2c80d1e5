// The first step of every npm script. Plain JavaScript, no dependency: it must run on Node 20 in a
// fresh clone, where neither node_modules nor type stripping exists yet. It installs what the lock
// file says, generates the Prisma client, finds Node 24 and hands the task over to it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MAJOR = 24;
const INSTALL_LIMIT_MS = 30 * 60_000;

/** name → script below the root, arguments before those of the caller, and what `--help` says. */
const TASKS = {
  start: { script: 'bin/start.ts', about: 'installs, prepares and starts everything' },
  test: {
    script: 'node_modules/vitest/vitest.mjs',
    args: ['run'],
    about: 'runs all tests on a real PostgreSQL and a real Temporal',
  },
  check: { script: 'tools/check.ts', about: 'format, lint, types, unused code' },
  format: {
    script: 'node_modules/prettier/bin/prettier.cjs',
    args: ['--write', '.'],
    about: 'formats every file',
    prisma: false,
  },
  migrate: { script: 'bin/migrate.ts', about: 'applies the SQL migrations to DATABASE_URL' },
  verify: { script: 'bin/verify.ts', about: 'recomputes the chain of a request from its bytes' },
  bench: { script: 'tools/bench/index.ts', about: 'measures and writes docs/benchmarks.md' },
  'people:import': { script: 'bin/people-import.ts', about: 'people and roles from a file' },
  'log:rotate-key': { script: 'bin/log-rotate-key.ts', about: "changes the log's signing key" },
  'log:adopt': { script: 'bin/log-adopt.ts', about: 'gives a signer that lost it its memory back' },
  selfcheck: { script: 'bin/selfcheck.ts', about: 'checks the records of a running installation' },
};

/** An expected failure: shown as its sentence, without a stack. */
class BootstrapError extends Error {}

async function main([name, ...args]) {
  const task = name === undefined ? undefined : TASKS[name];
  if (task === undefined) return listTasks(name);
  await prepare(task);
  return runTask(name, task, args);
}

function listTasks(name) {
  const asked = name === undefined || name === '--help' || name === '-h' || name === 'help';
  if (!asked) process.stderr.write(`There is no task "${name}".\n`);
  const rows = Object.entries(TASKS).map(([task, { about }]) => `  ${task.padEnd(16)}${about}`);
  process.stdout.write(`Tasks (npm run <task> -- [arguments]):\n${rows.join('\n')}\n`);
  return asked && name !== undefined ? 0 : 2;
}

function explain(error) {
  process.stderr.write(`${error instanceof BootstrapError ? error.message : error.stack}\n`);
  return 1;
}

/** Two clones of one task may start at once: only one installs, the other waits for it. */
async function prepare(task) {
  if (isInstalled() && (task.prisma === false || isGenerated())) return;
  const release = await lock(join(ROOT, '.countersign', 'bootstrap.lock'));
  try {
    if (!isInstalled()) await install();
    if (task.prisma !== false && !isGenerated()) await generatePrismaClient();
  } finally {
    release();
  }
}

// --- installing -----------------------------------------------------------------------------

const LOCK_FILE = join(ROOT, 'package-lock.json');
const INSTALL_STAMP = join(ROOT, 'node_modules', '.countersign-lock');

function isInstalled() {
  const wanted = sha256(fs.readFileSync(LOCK_FILE));
  if (readText(INSTALL_STAMP) === wanted) return true;
  if (!installedByHandMatches()) return false;
  fs.writeFileSync(INSTALL_STAMP, wanted);
  return true;
}

/** A developer's own `npm install` of the same lock file needs no second one. */
function installedByHandMatches() {
  const hidden = readText(join(ROOT, 'node_modules', '.package-lock.json'));
  if (hidden === null) return false;
  const found = JSON.parse(hidden).packages ?? {};
  return Object.entries(lockedPackages()).every(([path, locked]) => {
    if (path in found) return found[path].version === locked.version;
    return locked.optional === true || locked.devOptional === true || locked.peer === true;
  });
}

function lockedPackages() {
  const { '': _root, ...packages } = JSON.parse(fs.readFileSync(LOCK_FILE, 'utf8')).packages;
  return packages;
}

async function install() {
  const wanted = Object.entries(lockedPackages()).filter(([, locked]) => fitsThisMachine(locked));
  const progress = startProgress('Installing npm packages', () => {
    const there = wanted.filter(([path]) => fs.existsSync(join(ROOT, path, 'package.json')));
    return `${there.length} of about ${wanted.length}`;
  });
  const { command, args } = npmCommand();
  // No scripts: packages only bring files, whatever they would like to run. Warnings about engines
  // would come from packages that never run on the Node that calls us.
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = await capture(command, [...args, ...options], { limitMs: INSTALL_LIMIT_MS });
  progress.end(result.ok);
  if (!result.ok) throw new BootstrapError(installFailure(result));
  fs.writeFileSync(INSTALL_STAMP, sha256(fs.readFileSync(LOCK_FILE)));
}

function fitsThisMachine({ os, cpu, libc }) {
  const fits = (list, own) => list === undefined || list.includes(own);
  const glibc = process.report?.getReport().header.glibcVersionRuntime !== undefined;
  return (
    fits(os, process.platform) &&
    fits(cpu, process.arch) &&
    fits(libc, process.platform === 'linux' ? (glibc ? 'glibc' : 'musl') : undefined)
  );
}

function npmCommand() {
  const cli = process.env['npm_execpath'];
  if (cli !== undefined && /npm-cli\.c?js$/.test(cli)) {
    return { command: process.execPath, args: [cli] };
  }
  return { command: 'npm', args: [] };
}

function installFailure({ reason, output }) {
  return [
    `npm could not install the packages (${reason}). It said:`,
    ...output.map((line) => `  ${line}`),
    'What helps: a working connection to the npm registry (npm ping), enough free disk space,',
    'write access to this folder, then the same command again.',
  ].join('\n');
}

// --- the Prisma client ------------------------------------------------------------------------

const SCHEMA = join(ROOT, 'prisma', 'schema.prisma');
const GENERATED = join(ROOT, 'prisma', 'generated');
const GENERATED_STAMP = join(GENERATED, '.schema-sha256');

function isGenerated() {
  const schema = readText(SCHEMA);
  return schema === null || readText(GENERATED_STAMP) === generatedStamp(schema);
}

/** Another Prisma may generate other code from the same schema. */
function generatedStamp(schema) {
  const prisma = lockedPackages()['node_modules/prisma'];
  return sha256(`${prisma?.version ?? ''}\n${schema}`);
}

async function generatePrismaClient() {
  const stamp = generatedStamp(fs.readFileSync(SCHEMA, 'utf8'));
  const progress = startProgress('Generating the Prisma client');
  const result = await capture(
    findNode(),
    [join(ROOT, 'node_modules', 'prisma', 'build', 'index.js'), 'generate'],
    {
      limitMs: 5 * 60_000,
      // `generate` needs no engine, but wants to download one unless told that it has it.
      env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
    },
  );
  progress.end(result.ok);
  if (!result.ok) {
    const output = result.output.map((line) => `  ${line}`).join('\n');
    throw new BootstrapError(`prisma generate failed (${result.reason}):\n${output}`);
  }
  fs.mkdirSync(GENERATED, { recursive: true });
  fs.writeFileSync(GENERATED_STAMP, stamp);
}

// --- Node 24 ----------------------------------------------------------------------------------

function findNode() {
  const installed = join(
    ROOT,
    'node_modules',
    `node-${process.platform}-${process.arch}`,
    'bin',
    'node',
  );
  if (fs.existsSync(installed) && nodeMajor(installed) >= NODE_MAJOR) return installed;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  throw new BootstrapError(
    `Countersign runs on Node ${NODE_MAJOR} or newer; this is Node ${process.versions.node}. For ` +
      `${process.platform}-${process.arch} npm has no package of it that works here: install Node ` +
      `${NODE_MAJOR} (https://nodejs.org/en/download) and run the same command with it.`,
  );
}

function nodeMajor(path) {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return Number(/^v(\d+)\./.exec(stdout ?? '')?.[1] ?? 0);
}

// --- running the task -------------------------------------------------------------------------

async function runTask(name, task, args) {
  const script = join(ROOT, task.script);
  if (!fs.existsSync(script)) throw new BootstrapError(`${task.script} does not exist (yet).`);
  const child = spawn(findNode(), [script, ...(task.args ?? []), ...args], {
    cwd: ROOT,
    env: process.env,
    // The channel lets the supervisor notice that this process was killed.
    stdio: name === 'start' ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
  });
  forwardSignals(name, child);
  const unwatch = watchNpm(() => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      unwatch();
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0));
    });
  });
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/**
 * This process never ends before the task. Ctrl-C in a terminal reaches the task by itself; the
 * supervisor takes repetitions within a second for one, so it may get it twice.
 */
function forwardSignals(name, child) {
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {
    if (name === 'start' || !process.stdin.isTTY) child.kill('SIGINT');
  });
}

/** npm killed with -9 forwards nothing: its end is seen by looking. */
function watchNpm(onGone) {
  const npm = npmAncestor();
  if (npm === null) return () => {};
  const timer = setInterval(() => {
    if (startTime(npm.pid) === npm.started) return;
    clearInterval(timer);
    onGone();
  }, 1000);
  return () => clearInterval(timer);
}

/** npm is the parent or, where the shell stays in between, the grandparent. */
function npmAncestor() {
  if (process.env['npm_lifecycle_event'] === undefined || process.platform !== 'linux') return null;
  let pid = process.ppid;
  for (let depth = 0; depth < 3 && pid > 1; depth += 1) {
    const command = readText(`/proc/${pid}/cmdline`) ?? '';
    if (/^npm |npm-cli/.test(command.replaceAll('\0', ' '))) {
      return { pid, started: startTime(pid) };
    }
    pid = Number(statFields(pid)?.[1] ?? 0);
  }
  return null;
}

/** @returns the fields after the command name of /proc/<pid>/stat (state, ppid, …), or null. */
function statFields(pid) {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function startTime(pid) {
  if (process.platform === 'linux') {
    const fields = statFields(pid);
    return fields === null || fields[0] === 'Z' ? null : fields[19];
  }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || null;
}

// --- small helpers ------------------------------------------------------------------------------

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function readText(path) {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes(error.code)) return null;
    throw error;
  }
}

/** Runs a program out of sight and keeps the last lines that it said. */
function capture(command, args, { limitMs, env = {} }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let stopped = null;
    const stop = (why) => {
      stopped = why;
      child.kill('SIGTERM');
    };
    const onSignal = (signal) => stop(`stopped by ${signal}`);
    const timer = setTimeout(() => stop(`no end after ${limitMs / 60_000} minutes`), limitMs);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
    const keep = (chunk) => (text = text.length < 100_000 ? text + chunk : text);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const finish = (ok, reason) => {
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, onSignal);
      const output = text.split('\n').filter((line) => line.trim() !== '');
      resolve({ ok, reason: stopped ?? reason, output: beginningAndEnd(output) });
    };
    child.once('error', (error) => finish(false, error.message));
    child.once('close', (code, signal) =>
      finish(code === 0 && stopped === null, signal ?? `exit code ${code}`),
    );
  });
}

/** npm says the cause first and the consequences last. */
function beginningAndEnd(lines) {
  return lines.length <= 30 ? lines : [...lines.slice(0, 15), '…', ...lines.slice(-15)];
}

/** Says what runs, how far it is and for how long: a live line on a terminal, else a line in 5 s. */
function startProgress(title, howFar = () => '') {
  const started = Date.now();
  const live = process.stdout.isTTY === true;
  const line = (end) => {
    const detail = [howFar(), `${Math.round((Date.now() - started) / 1000)} s`];
    return `${title} ${end} ${detail.filter(Boolean).join(', ')}`;
  };
  const show = () => process.stdout.write(live ? `\r\u001b[K${line('…')}` : `${line('…')}\n`);
  show();
  const timer = setInterval(show, live ? 500 : 5000);
  return {
    end(ok) {
      clearInterval(timer);
      process.stdout.write(`${live ? '\r\u001b[K' : ''}${line(ok ? 'done:' : 'failed:')}\n`);
    },
  };
}

/** A lock file with pid and start time of its holder; one of a dead holder is taken over. */
async function lock(path) {
  fs.mkdirSync(dirname(path), { recursive: true });
  const own = JSON.stringify({ pid: process.pid, startedAt: startTime(process.pid) });
  let told = false;
  while (!tryLock(path, own)) {
    const holder = lockHolder(path);
    if (holder !== null && startTime(holder.pid) === holder.startedAt) {
      if (!told) process.stdout.write(`Process ${holder.pid} is preparing this folder; waiting…\n`);
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
    } else {
      discardLock(path, holder);
    }
  }
  return () => fs.rmSync(path, { force: true });
}

/** link() either makes the file with its whole text or fails: there is no half-written lock. */
function tryLock(path, text) {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  fs.writeFileSync(draft, text);
  try {
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function lockHolder(path) {
  try {
    return JSON.parse(readText(path) ?? 'null');
  } catch {
    return { pid: 0, startedAt: '' }; // damaged by a power cut: nobody holds it
  }
}

/** Moves the dead lock away; who finds that he moved a living one puts it back. */
function discardLock(path, holder) {
  if (holder === null) return;
  const aside = `${path}.${process.pid}.stale`;
  try {
    fs.renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const moved = lockHolder(aside);
  if (moved !== null && moved.pid !== holder.pid) tryLock(path, fs.readFileSync(aside, 'utf8'));
  fs.rmSync(aside, { force: true });
}

process.exitCode = await main(process.argv.slice(2)).catch(explain);
