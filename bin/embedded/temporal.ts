import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { processEnvironment } from '../config.ts';
import { openLogFile, type LogFile } from './log-file.ts';
import { rememberedPorts } from './ports.ts';
import type { EndAttempt, ProcessIdentity } from './process-identity.ts';
import type { Report } from './report.ts';
import {
  EmbeddedServerError,
  startServerProcess,
  stopServerProcess,
  type ServerProcess,
} from './server-process.ts';
import { ORDERLY } from './stop-plans.ts';

export type TemporalOptions = {
  /** The Temporal CLI, as `findTemporalCli` finds it. */
  readonly cliPath: string;
  /** `.countersign`; the state is `temporal.db` in it. */
  readonly dataDir: string;
  readonly namespace: string;
  readonly report: Report;
  readonly onLogLine?: (line: string) => void;
  /** Told the process as soon as it exists, before it is ready. */
  readonly onSpawn?: (identity: ProcessIdentity) => void;
  readonly signal?: AbortSignal | undefined;
  /** A restart while clients run: take the ports of before, whatever the matter. */
  readonly samePorts?: boolean;
};

export type EmbeddedTemporal = {
  /** `host:port` for clients and workers. */
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly exited: Promise<string>;
  readonly stop: (attempts?: readonly EndAttempt[]) => Promise<void>;
};

const HOST = '127.0.0.1';
/** The namespaces of a dev server keep closed histories for one day unless told otherwise. */
const RETENTION_SECONDS = 30 * 24 * 3600;
const READY_LIMIT_MS = 60_000;
const CALL_LIMIT_MS = 5_000;
const POLL_MS = 50;

// One machine, one tenant: the server's own limits per second protect nobody here, and under load
// they would answer RESOURCE_EXHAUSTED, after which clients wait a second.
const DYNAMIC_CONFIG: Readonly<Record<string, number>> = {
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'frontend.globalNamespaceRPS': 20_000,
  'history.rps': 20_000,
  'matching.rps': 20_000,
};

/** As the command line calls their types. */
const TYPES = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList', DATETIME: 'Datetime' } as const;

/** Known from the first moment; a state of before is given them too. */
const ATTRIBUTES = Object.values(SEARCH_ATTRIBUTES).flatMap(({ name, type }) => [
  '--search-attribute',
  `${name}=${TYPES[type]}`,
]);

/**
 * Starts Temporal's dev server with its state on disk. A state file that the server refuses is moved
 * aside: the records in PostgreSQL are the truth, and workflows come back from them.
 *
 * @throws EmbeddedServerError in words for a person.
 */
export async function startTemporal(options: TemporalOptions): Promise<EmbeddedTemporal> {
  mkdirSync(options.dataDir, { recursive: true });
  const state = join(options.dataDir, 'temporal.db');
  if (isEmptyFile(state)) moveAside(state, options.report); // killed while it was made
  const hadState = existsSync(state);
  try {
    return await run(options, state);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof EmbeddedServerError) || !hadState) throw error;
    return startWithNewState(options, state, error);
  }
}

async function startWithNewState(
  options: TemporalOptions,
  state: string,
  failure: EmbeddedServerError,
): Promise<EmbeddedTemporal> {
  const aside = moveAside(state, options.report);
  try {
    return await run(options, state);
  } catch {
    moveState(state, `${state}.failed`);
    moveState(aside, state); // it was not the state's fault
    throw failure;
  }
}

function isEmptyFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === 0 && !existsSync(`${path}-wal`);
}

function moveAside(state: string, report: Report): string {
  const aside = `${state}.unusable-${new Date().toISOString().replaceAll(':', '')}`;
  moveState(state, aside);
  report.warn(`Temporal cannot use its state; moved to ${aside}. Open requests go on from records`);
  return aside;
}

function moveState(from: string, to: string): void {
  for (const part of ['', '-wal', '-shm']) {
    if (existsSync(from + part)) renameSync(from + part, to + part);
  }
}

async function run(options: TemporalOptions, state: string): Promise<EmbeddedTemporal> {
  const names = ['temporal', 'temporalUi', 'temporalHttp', 'temporalMetrics'] as const;
  const ports = await rememberedPorts(
    join(options.dataDir, 'ports.json'),
    names,
    options.samePorts,
  );
  const log = openLogFile({
    path: join(options.dataDir, 'logs', 'temporal.log'),
    ...(options.onLogLine === undefined ? {} : { onLine: options.onLogLine }),
  });
  const server = await startServer(options, { state, ports, log });
  options.onSpawn?.(server.identity);
  void server.exited.then(() => log.close());
  const stop = (attempts = ORDERLY.temporal) => stopServerProcess(server, attempts);
  try {
    const namespaces = `http://${HOST}:${ports.temporalHttp}/api/v1/namespaces`;
    const { namespace, signal } = options;
    await waitUntilReady(server, `${namespaces}/${encodeURIComponent(namespace)}`, { log, signal });
  } catch (error) {
    await stop();
    throw error;
  }
  const { identity, exited } = server;
  const address = `${HOST}:${ports.temporal}`;
  const uiUrl = `http://${HOST}:${ports.temporalUi}`;
  return { address, uiUrl, pid: identity.pid, identity, exited, stop };
}

type Launch = {
  readonly state: string;
  readonly ports: Readonly<
    Record<'temporal' | 'temporalUi' | 'temporalHttp' | 'temporalMetrics', number>
  >;
  readonly log: LogFile;
};

function startServer({ cliPath, namespace }: TemporalOptions, { state, ports, log }: Launch) {
  const limits = Object.entries(DYNAMIC_CONFIG).map(([name, value]) => `${name}=${value}`);
  const args = [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(ports.temporal)],
    ...['--ui-port', String(ports.temporalUi), '--http-port', String(ports.temporalHttp)],
    ...['--metrics-port', String(ports.temporalMetrics)],
    ...['--namespace', namespace, '--db-filename', state],
    // As safe against a power cut as the default, and half as fast again.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=2'],
    ...['--log-level', 'error'],
    ...limits.flatMap((limit) => ['--dynamic-config-value', limit]),
    ...ATTRIBUTES,
  ];
  return startServerProcess({
    command: cliPath,
    args,
    options: { stdio: ['ignore', log.fd, log.fd], env: environmentOfCli(), cwd: '/' },
  });
}

/** TEMPORAL_* variables configure clients, and this program is one too. */
function environmentOfCli(): NodeJS.ProcessEnv {
  const entries = Object.entries(processEnvironment()).filter(
    ([name]) => !name.startsWith('TEMPORAL_'),
  );
  return Object.fromEntries(entries);
}

type Waiting = { readonly log: LogFile; readonly signal: AbortSignal | undefined };

/** Ready means: the namespace answers and took its retention. */
async function waitUntilReady(server: ServerProcess, url: string, { log, signal }: Waiting) {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    signal?.throwIfAborted();
    if (await setRetention(url)) return;
    const ended = server.hasExited();
    if (ended || performance.now() > deadline) {
      const why = ended ? 'ended' : `is not ready after ${READY_LIMIT_MS / 1000} s`;
      throw new EmbeddedServerError(`Temporal ${why}. Its log says:\n${log.tail(8).join('\n')}`);
    }
    await sleep(POLL_MS);
  }
}

/** @source Temporal HTTP API, UpdateNamespace */
async function setRetention(url: string): Promise<boolean> {
  const config = { workflowExecutionRetentionTtl: `${RETENTION_SECONDS}s` };
  try {
    const response = await fetch(`${url}/update`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ config }),
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}
