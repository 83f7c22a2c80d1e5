import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processEnvironment } from '../config.ts';
import { tryLock, type LockAttempt } from './lock.ts';
import type { Report } from './report.ts';
import { runProgram } from './run-program.ts';
import { EmbeddedServerError } from './server-process.ts';
import { downloadTemporalCli, type DownloadLimits } from './temporal-download.ts';

/** The version that we fetch or build; newer ones on the machine are welcome. */
const TEMPORAL_CLI_VERSION = '1.5.1';
/** The server inside CLI 1.5.1: builds without a version of their own are judged by it. */
const SERVER_VERSION = '1.29.1';
const GO_MODULE = 'github.com/temporalio/cli';
const BUILD_LIMIT_MS = 20 * 60_000;
const VERSION_LIMIT_MS = 30_000;

export type TemporalCliOptions = {
  /** TEMPORAL_CLI_PATH, or null. */
  readonly configuredPath: string | null;
  readonly cacheDir: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
  /** For tests: where to ask for archives, how long to wait, which PATH and Go to use. */
  readonly downloadBaseUrl?: string;
  readonly downloadLimits?: DownloadLimits;
  readonly path?: string;
  readonly goCommand?: string | null;
};

/** What came of asking one source. */
type Attempt = { readonly path: string } | { readonly failure: string };
type Source = { readonly name: string; find(): Promise<Attempt> };

/**
 * Finds or fetches a Temporal CLI of at least 1.5.1: the configured one, the one on PATH, the one in
 * the cache, a download, a build with Go.
 *
 * @returns the absolute path of a program that has just answered `--version`.
 * @throws EmbeddedServerError naming every source with its reason, and the ways to help.
 */
export async function findTemporalCli(options: TemporalCliOptions): Promise<string> {
  const failures: string[] = [];
  const there = await firstOf(sourcesOnThisMachine(options), failures);
  if (there !== null) return there;
  const release = await lockCache(options);
  try {
    const fetched = await firstOf([cacheSource(options), ...fetchingSources(options)], failures);
    if (fetched !== null) return fetched;
  } finally {
    release();
  }
  throw new EmbeddedServerError(allFailed(failures));
}

async function firstOf(sources: readonly Source[], failures: string[]): Promise<string | null> {
  for (const source of sources) {
    const attempt = await source.find();
    if ('path' in attempt) return attempt.path;
    const line = `${source.name}: ${attempt.failure}`;
    if (!failures.includes(line)) failures.push(line);
  }
  return null;
}

function allFailed(failures: readonly string[]): string {
  return [
    'There is no Temporal server to start. Tried, in this order:',
    ...failures.map((failure) => `  - ${failure}`),
    'Any one of these helps:',
    `  - install the Temporal CLI ${TEMPORAL_CLI_VERSION} or newer (https://docs.temporal.io/cli)`,
    '  - set TEMPORAL_CLI_PATH to the temporal program',
    '  - set TEMPORAL_ADDRESS to a Temporal service that runs already',
    '  - install Go (https://go.dev/dl), which builds it in about five minutes',
  ].join('\n');
}

// --- what is there already ----------------------------------------------------------------------

function sourcesOnThisMachine(options: TemporalCliOptions): Source[] {
  return [
    { name: 'TEMPORAL_CLI_PATH', find: () => tryConfigured(options) },
    {
      name: 'temporal on PATH',
      find: () => tryPath(options.path ?? processEnvironment()['PATH'] ?? ''),
    },
    cacheSource(options),
  ];
}

async function tryConfigured({ configuredPath, report }: TemporalCliOptions): Promise<Attempt> {
  if (configuredPath === null) return { failure: 'not set' };
  const attempt = await tryProgram(configuredPath);
  // Somebody wanted exactly this one: going on without a word would puzzle him.
  if ('failure' in attempt) report.warn(`TEMPORAL_CLI_PATH: ${attempt.failure}; looking elsewhere`);
  return attempt;
}

async function tryPath(path: string): Promise<Attempt> {
  const found = findOnPath('temporal', path);
  return found === null ? { failure: 'not there' } : tryProgram(found);
}

function cacheSource(options: TemporalCliOptions): Source {
  const path = cachedPath(options.cacheDir);
  return {
    name: `cache (${path})`,
    find: async () => {
      if (!isExecutable(path)) return { failure: 'not there' };
      const attempt = await tryProgram(path);
      // What does not run here is of no use to anybody; the next source puts a good one there.
      if ('failure' in attempt) rmSync(path, { force: true });
      return attempt;
    },
  };
}

/** Runs `--version`: a truncated or foreign program is found out here, not later. */
async function tryProgram(path: string): Promise<Attempt> {
  const { ok, reason, output } = await runProgram(path, ['--version'], {
    limitMs: VERSION_LIMIT_MS,
  });
  if (!ok) return { failure: `${path} --version fails: ${[reason, output].join(' ').trim()}` };
  if (isNewEnough(output)) return { path };
  return { failure: `${path} is "${output}"; ${TEMPORAL_CLI_VERSION} or newer is needed` };
}

/**
 * @param text as `temporal --version` prints it: `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`.
 *        A build with `go install` may call itself `0.0.0-DEV`; then its server's version counts.
 */
export function isNewEnough(text: string): boolean {
  const cli = /^temporal version v?(\d+\.\d+\.\d+)/m.exec(text)?.[1];
  const server = /Server v?(\d+\.\d+\.\d+)/i.exec(text)?.[1];
  if (cli === undefined) return false;
  if (cli !== '0.0.0') return compareVersions(cli, TEMPORAL_CLI_VERSION) >= 0;
  return server !== undefined && compareVersions(server, SERVER_VERSION) >= 0;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const differing = [0, 1, 2].find((part) => left?.[part] !== right?.[part]);
  return differing === undefined ? 0 : (left?.[differing] ?? 0) - (right?.[differing] ?? 0);
}

function cachedPath(cacheDir: string): string {
  const target = `${process.platform}-${process.arch}`;
  return join(cacheDir, `temporal-${TEMPORAL_CLI_VERSION}`, target, 'temporal');
}

function findOnPath(name: string, path: string): string | null {
  const candidates = path.split(delimiter).filter(Boolean);
  return candidates.map((dir) => join(dir, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// --- what has to be fetched ---------------------------------------------------------------------

function fetchingSources(options: TemporalCliOptions): Source[] {
  return [
    { name: 'download', find: () => intoCache(options, download) },
    { name: 'go install', find: () => build(options) },
  ];
}

type Fetch = (options: TemporalCliOptions, folder: string) => Promise<Attempt>;

/** Fetches into a folder beside the final place; only a program that runs moves there. */
async function intoCache(options: TemporalCliOptions, fetch: Fetch): Promise<Attempt> {
  const target = cachedPath(options.cacheDir);
  const folder = join(options.cacheDir, `tmp-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    mkdirSync(folder, { recursive: true });
    const fetched = await fetch(options, folder);
    const checked = 'path' in fetched ? await tryProgram(fetched.path) : fetched;
    if ('failure' in checked) return checked;
    mkdirSync(join(target, '..'), { recursive: true });
    renameSync(checked.path, target);
    return { path: target };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function download(options: TemporalCliOptions, folder: string): Promise<Attempt> {
  const { report, signal, downloadLimits } = options;
  const path = join(folder, 'temporal');
  const step = report.step(`Downloading the Temporal CLI ${TEMPORAL_CLI_VERSION}`);
  try {
    await downloadTemporalCli({
      baseUrl: options.downloadBaseUrl ?? 'https://temporal.download/',
      version: TEMPORAL_CLI_VERSION,
      target: path,
      onProgress: (bytes, total) => step.progress(megabytes(bytes, total)),
      signal,
      ...(downloadLimits === undefined ? {} : { limits: downloadLimits }),
    });
    step.done();
    return { path };
  } catch (error) {
    signal?.throwIfAborted();
    const failure = error instanceof Error ? error.message : String(error);
    step.failed(failure);
    return { failure };
  }
}

function megabytes(bytes: number, total: number | null): string {
  const mb = (value: number) => Math.round(value / 1e6);
  return total === null ? `${mb(bytes)} MB` : `${mb(bytes)} of ${mb(total)} MB`;
}

async function build(options: TemporalCliOptions): Promise<Attempt> {
  const path = options.path ?? processEnvironment()['PATH'] ?? '';
  const go = options.goCommand === undefined ? findOnPath('go', path) : options.goCommand;
  if (go === null) return { failure: 'there is no Go toolchain on PATH' };
  return intoCache(options, (_, folder) => goInstall(options, go, folder));
}

async function goInstall(
  { report, signal }: TemporalCliOptions,
  go: string,
  folder: string,
): Promise<Attempt> {
  const version = `v${TEMPORAL_CLI_VERSION}`;
  const step = report.step(`Building the Temporal CLI ${version} with Go`);
  step.progress('once, may take 5 minutes');
  const flags = `-s -w -X ${GO_MODULE}/temporalcli.Version=${TEMPORAL_CLI_VERSION}`;
  const { ok, reason, output } = await runProgram(
    go,
    ['install', '-ldflags', flags, `${GO_MODULE}/cmd/temporal@${version}`],
    {
      limitMs: BUILD_LIMIT_MS,
      signal,
      // An outer GOFLAGS or a go.mod above the folder would change what is built.
      spawn: {
        cwd: folder,
        env: { ...processEnvironment(), GOBIN: folder, GOFLAGS: '', GOWORK: 'off' },
      },
    },
  );
  signal?.throwIfAborted();
  if (ok) {
    step.done();
    return { path: join(folder, 'temporal') };
  }
  step.failed(reason);
  return { failure: `${reason}: ${output.split('\n').slice(-5).join(' | ')}` };
}

/** Two runs may need the program at once: one fetches, the other waits and finds it in the cache. */
async function lockCache({ cacheDir, report, signal }: TemporalCliOptions): Promise<() => void> {
  const path = join(cacheDir, `temporal-${TEMPORAL_CLI_VERSION}.lock`);
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    const attempt = lockOrExplain(path, cacheDir);
    if (attempt.kind === 'held') return () => attempt.release();
    if (!told) report.say(`Process ${attempt.by.pid} is fetching the Temporal CLI; waiting for it`);
    told = true;
    await sleep(500, undefined, { signal });
  }
}

function lockOrExplain(path: string, cacheDir: string): LockAttempt {
  try {
    return tryLock(path, 'fetching the Temporal CLI');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedServerError(
      `The Temporal CLI has to be fetched, but the cache folder ${cacheDir} cannot be written ` +
        `(${reason}). Set COUNTERSIGN_CACHE_DIR to a folder that can.`,
      { cause },
    );
  }
}
