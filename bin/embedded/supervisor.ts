import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isLoopback, localUrl, type Config, type DatabaseLogins } from '../config.ts';
import { startGuard, type Guard } from './guard-client.ts';
import { createKeeper, type Keeper, type RestartLimits, type Running } from './keeper.ts';
import { tryLock } from './lock.ts';
import { createLogNotices } from './log-notices.ts';
import { startNodeService } from './node-service.ts';
import { portState } from './ports.ts';
import { startPostgres, type EmbeddedPostgres } from './postgres.ts';
import { runPreparation } from './prepare.ts';
import { identityOf } from './process-identity.ts';
import { waitUntilReachable } from './readiness.ts';
import type { Report } from './report.ts';
import { endLeftovers, writeRunState } from './run-state.ts';
import { EmbeddedServerError } from './server-process.ts';
import { createStopRequest, type StopRequest } from './stop-request.ts';
import { HURRIED, ORDERLY, STOP_ORDER, TITLES } from './stop-plans.ts';
import { findTemporalCli } from './temporal-cli.ts';
import { startTemporal, type EmbeddedTemporal } from './temporal.ts';

export type SupervisorOptions = {
  readonly config: Config;
  /** Environment of the children, completed by what the supervisor knows. */
  readonly env: NodeJS.ProcessEnv;
  /** Folder in which the children run. */
  readonly root: string;
  /** Absolute paths. */
  readonly scripts: Readonly<Record<'prepare' | NodeServiceName, string>>;
  readonly report: Report;
  /** Called when everything is ready; what it throws ends the run. */
  readonly onReady?: (ready: Ready) => Promise<void>;
  readonly restartLimits?: RestartLimits;
  /** For a service, from its start to its word that it is ready. */
  readonly readyLimitMs?: number;
};

/** Our own programs that run all the time. */
type NodeServiceName = 'log' | 'worker' | 'api';

/** Where everything answers. */
export type Ready = {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly databaseLogins: DatabaseLogins;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
  /** The database is the embedded one and sample people may exist. */
  readonly embedded: boolean;
};

const READY_LIMIT_MS = 60_000;

/**
 * Starts everything, keeps it running until somebody asks to stop, stops it in order.
 *
 * @returns the exit code: 0 after a wish to stop, 1 when it could not start or go on.
 */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const { config, report } = options;
  const apiUrl = localUrl(config);
  const lock = tryLock(join(config.dataDir, 'run.lock'), apiUrl);
  if (lock.kind === 'taken') {
    report.warn(`Countersign already runs here: pid ${lock.by.pid}, ${lock.by.about}`);
    return 1;
  }
  const stop = createStopRequest(report);
  try {
    return await superviseLocked(options, stop);
  } finally {
    stop.detach();
    lock.release();
  }
}

async function superviseLocked(options: SupervisorOptions, stop: StopRequest): Promise<number> {
  const { config, report } = options;
  const stateFile = join(config.dataDir, 'run.json');
  await endLeftovers(stateFile, report);
  if (!(await isOwnPortFree(config, report))) return 1;
  const run = createRun(options, { stop, stateFile });
  try {
    // A wish to stop does not wait for the step in hand; stopEverything ends that too.
    return await Promise.race([startAndStay(run), stop.requested]);
  } catch (error) {
    if (!stop.signal.aborted) report.warn(explain(error));
    return stop.signal.aborted ? await stop.requested : 1;
  } finally {
    await stopEverything(run);
    rmSync(stateFile, { force: true });
  }
}

async function startAndStay(run: Run): Promise<number> {
  const ready = await start(run);
  await run.options.onReady?.(ready);
  return run.stop.requested;
}

function explain(error: unknown): string {
  if (error instanceof EmbeddedServerError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Said before anything heavy starts. */
async function isOwnPortFree({ port, host }: Config, report: Report): Promise<boolean> {
  const state = await portState(port, host).catch((error: Error) => error.message);
  if (state === 'free') return true;
  const reasons: Record<string, string> = {
    taken: `port ${port} is taken by another program; set PORT=<another port>`,
    forbidden: `port ${port} may not be used by this user; set PORT=<a port above 1023>`,
  };
  report.warn(reasons[state] ?? `HOST=${host} PORT=${port}: ${state}`);
  return false;
}

// --- what runs ------------------------------------------------------------------------------------

type Run = {
  readonly options: SupervisorOptions;
  readonly stop: StopRequest;
  readonly guard: Guard;
  readonly keepers: Keeper<Running>[];
  /** Tells disk and guard what runs now. */
  readonly record: () => void;
};

function createRun(
  options: SupervisorOptions,
  { stop, stateFile }: { stop: StopRequest; stateFile: string },
): Run {
  const supervisor = identityOf(process.pid);
  if (supervisor === null) throw new TypeError('this process does not find itself');
  const keepers: Keeper<Running>[] = [];
  const record = () => {
    const services = keepers.flatMap(({ name, identity }) => {
      const found = identity();
      return found === null ? [] : [{ name, identity: found }];
    });
    guard.watch(services);
    const apiUrl = localUrl(options.config);
    writeRunState(stateFile, { supervisor, guard: guard.identity(), apiUrl, services });
  };
  const logPath = join(options.config.dataDir, 'logs', 'guard.log');
  const guard = startGuard({ logPath, onChange: record });
  return { options, stop, guard, keepers, record };
}

/** PostgreSQL, Temporal, preparation, log, worker, API: each needs those before it. */
async function start(run: Run): Promise<Ready> {
  const { config, report } = run.options;
  const postgres = config.databaseUrl === null ? await keepPostgres(run) : null;
  const temporal = config.temporal.address === null ? await keepTemporal(run) : null;
  const ready = whereAll(config, postgres, temporal);
  const env = childEnv(run.options, ready);
  await prepare(run, env);
  for (const name of ['log', 'worker', 'api'] as const)
    await keepNodeService(run, name, leastRights(name, env, ready));
  const step = report.step('Waiting until everything answers');
  const standing = await waitUntilReachable(`${ready.apiUrl}/readyz`, {
    limitMs: run.options.readyLimitMs ?? READY_LIMIT_MS,
    signal: run.stop.signal,
    onWait: (what) => step.progress(what),
  });
  step.done();
  if (standing !== null) report.warn(`! not ready: ${standing}`);
  return ready;
}

function whereAll(
  config: Config,
  postgres: EmbeddedPostgres | null,
  temporal: EmbeddedTemporal | null,
): Ready {
  const database =
    postgres === null
      ? { databaseUrl: config.databaseUrl ?? '', databaseLogins: config.databaseLogins }
      : { databaseUrl: postgres.url, databaseLogins: postgres.logins };
  return {
    ...database,
    apiUrl: localUrl(config),
    temporalAddress: temporal?.address ?? config.temporal.address ?? '',
    temporalUiUrl: temporal?.uiUrl ?? config.temporal.uiUrl,
    embedded: postgres !== null && !config.production && isLoopback(config.host),
  };
}

function keep<R extends Running>(
  run: Run,
  name: Keeper<R>['name'],
  launch: Parameters<typeof createKeeper<R>>[0]['start'],
): Promise<R> {
  const { report, restartLimits } = run.options;
  const keeper = createKeeper<R>({
    name,
    report,
    start: launch,
    onChange: run.record,
    onGivenUp: (sentence) => run.stop.request(`! ${sentence} Stopping everything in order`, 1),
    ...(restartLimits === undefined ? {} : { limits: restartLimits }),
  });
  run.keepers.push(keeper);
  run.stop.signal.throwIfAborted();
  return keeper.start();
}

async function keepPostgres(run: Run): Promise<EmbeddedPostgres> {
  const { config, report } = run.options;
  const step = report.step('Starting PostgreSQL');
  let samePorts = false;
  const postgres = await keep(run, 'postgres', async ({ onSpawn, signal }) => {
    const started = await startPostgres({ ...config, report, onSpawn, signal, samePorts });
    samePorts = true;
    return started;
  }).catch((error: unknown) => {
    step.failed('not started');
    throw error;
  });
  step.done();
  return postgres;
}

async function keepTemporal(run: Run): Promise<EmbeddedTemporal> {
  const { config, report } = run.options;
  const cliPath = await findTemporalCli({
    configuredPath: config.temporalCliPath,
    cacheDir: config.cacheDir,
    report,
    signal: run.stop.signal,
  });
  const step = report.step('Starting Temporal');
  const { namespace } = config.temporal;
  let samePorts = false;
  const temporal = await keep(run, 'temporal', async ({ onSpawn, signal }) => {
    const place = { cliPath, dataDir: config.dataDir, namespace };
    const started = await startTemporal({ ...place, report, onSpawn, signal, samePorts });
    samePorts = true;
    return started;
  }).catch((error: unknown) => {
    step.failed('not started');
    throw error;
  });
  step.done();
  return temporal;
}

function prepare({ options, stop }: Run, env: NodeJS.ProcessEnv): Promise<void> {
  const { root: cwd, report, config, scripts } = options;
  const { dataDir } = config;
  return runPreparation({
    script: scripts.prepare,
    cwd,
    dataDir,
    env,
    report,
    signal: stop.signal,
  });
}

async function keepNodeService(run: Run, name: NodeServiceName, env: NodeJS.ProcessEnv) {
  const { root: cwd, report, config, scripts, readyLimitMs } = run.options;
  const { dataDir } = config;
  const step = report.step(`Starting the ${TITLES[name]}`);
  const notices = createLogNotices(report, name, join(dataDir, 'logs', `${name}.log`));
  const service = {
    ...{ name, script: scripts[name], cwd, dataDir, env },
    readyLimitMs: readyLimitMs ?? READY_LIMIT_MS,
    onLogLine: (line: string) => {
      if (!run.stop.signal.aborted) notices(line);
    },
  };
  try {
    await keep(run, name, (launch) => startNodeService(service, launch));
    step.done();
  } catch (error) {
    step.failed('not started');
    throw error;
  }
}

/** The whole configuration as the children need it: they know nothing of embedded servers. */
function childEnv({ config, env }: SupervisorOptions, ready: Ready): NodeJS.ProcessEnv {
  return {
    ...env,
    DATABASE_URL: ready.databaseUrl,
    TEMPORAL_ADDRESS: ready.temporalAddress,
    TEMPORAL_NAMESPACE: config.temporal.namespace,
    PORT: String(config.port),
    HOST: config.host,
    PUBLIC_URL: config.publicUrl,
    COUNTERSIGN_DATA_DIR: config.dataDir,
    COUNTERSIGN_CACHE_DIR: config.cacheDir,
    COUNTERSIGN_POLICIES:
      env['COUNTERSIGN_POLICIES'] || ready.embedded ? (config.policiesDir ?? '') : '',
    COUNTERSIGN_TASK_QUEUE: config.temporal.taskQueue,
    COUNTERSIGN_LOG_KEY_FILE: config.log.keyFile,
    COUNTERSIGN_STREAM_HEAD_KEY_FILE: config.streamHead.keyFile,
    COUNTERSIGN_SIGNER_DIR: config.log.memoryDir,
    COUNTERSIGN_ENCRYPTION_KEY_FILE: config.encryption.keyFile,
    COUNTERSIGN_EMBEDDED: ready.embedded ? '1' : '0',
    COUNTERSIGN_TEMPORAL_UI_URL: ready.temporalUiUrl ?? '',
  };
}

/** What a program does not need for its work, it does not get: the owner's login, keys of others. */
function leastRights(
  name: NodeServiceName,
  env: NodeJS.ProcessEnv,
  { databaseLogins }: Ready,
): NodeJS.ProcessEnv {
  const { app, sequencer } = databaseLogins;
  const login = name === 'log' ? sequencer : app;
  return {
    ...env,
    DATABASE_APP_URL: name === 'log' ? '' : (app ?? ''),
    DATABASE_SEQUENCER_URL: name === 'log' ? (sequencer ?? '') : '',
    DATABASE_READER_URL: '',
    ...(login === null ? {} : { DATABASE_URL: '' }),
    ...(name === 'log' ? { ENCRYPTION_KEY: '' } : { LOG_SIGNING_KEY: '' }),
    ...(name === 'api' ? {} : { LOG_STREAM_HEAD_KEY: '' }),
  };
}

// --- stopping -------------------------------------------------------------------------------------

/** API, worker, log, Temporal, PostgreSQL: nobody loses the ground under work that it still finishes. */
async function stopEverything({ options, stop, guard, keepers }: Run): Promise<void> {
  for (const name of STOP_ORDER) {
    for (const keeper of keepers.filter((one) => one.name === name)) {
      const step = options.report.step(`Stopping ${TITLES[name]}`);
      await Promise.race([
        keeper.stop(ORDERLY[name]),
        stop.hurried.then(() => keeper.stop(HURRIED[name])),
      ]);
      step.done();
    }
  }
  await guard.close();
}
