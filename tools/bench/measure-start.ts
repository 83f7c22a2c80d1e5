import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { table } from './markdown.ts';
import type { Options } from './options.ts';
import { memoryOf, parentOf, treeOf, type Memory } from './processes.ts';
import { cleanEnvironment, findFreePort, makeFolder, type Place } from './servers.ts';
import { plain, spreadOf, withSpread } from './stats.ts';

/** How long everything stays without a call before memory is read. */
const IDLE_MS = 15_000;
const READY_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 60_000;
const POLL_MS = 25;

interface RunState {
  readonly supervisor: { readonly pid: number };
  readonly guard: { readonly pid: number } | null;
  readonly services: readonly {
    readonly name: string;
    readonly identity: { readonly pid: number };
  }[];
}

/** One `npm start` in a data folder. */
interface Started {
  readonly seconds: number;
  readonly state: RunState;
  stop(): Promise<void>;
}

/** npm start to ready, in a fresh data folder and again; memory of idle processes. @returns Markdown. */
export async function measureStart(place: Place, options: Options): Promise<string> {
  const fresh: number[] = [];
  const again: number[] = [];
  let memory: (readonly [string, Memory])[] = [];
  const step = place.report.step('npm start');
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      const folder = makeFolder(place.parent);
      try {
        step.progress(`round ${round} of ${options.rounds}, fresh data folder`);
        const first = await start(place, folder);
        fresh.push(first.seconds);
        await first.stop();
        step.progress(`round ${round} of ${options.rounds}, second start`);
        const second = await start(place, folder);
        again.push(second.seconds);
        if (round === options.rounds) memory = await readMemory(second, place.signal);
        await second.stop();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    step.done(`fresh ${plain(spreadOf(fresh).median)} s, again ${plain(spreadOf(again).median)} s`);
  } catch (error) {
    step.failed('see below');
    throw error;
  }
  const times = table(
    ['npm start to ready', 'seconds'],
    [
      ['fresh data folder, everything cached', withSpread(spreadOf(fresh))],
      ['second start', withSpread(spreadOf(again))],
    ],
  );
  return ['### Start and memory', times, memoryTable(memory)].join('\n\n').trim();
}

async function start({ root, signal }: Place, folder: string): Promise<Started> {
  signal.throwIfAborted();
  const port = await findFreePort();
  const log = openSync(join(folder, 'npm-start.log'), 'a');
  const begun = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: { ...cleanEnvironment(), PORT: String(port), COUNTERSIGN_DATA_DIR: folder },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let ended: string | null = null;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, by) => (ended = by ?? `exit code ${code}`));
  const stateFile = join(folder, 'run.json');
  const stop = async (): Promise<void> => {
    // npm does not pass signals on to the end of its line; the supervisor stops everything in order.
    const state = existsSync(stateFile) ? readState(stateFile) : null;
    process.kill(state?.supervisor.pid ?? child.pid ?? 0, 'SIGTERM');
    await until(() => ended !== null && !existsSync(stateFile), STOP_LIMIT_MS, 'does not stop');
  };
  try {
    const url = `http://127.0.0.1:${port}/readyz`;
    await until(() => ended !== null || isReady(url, signal), READY_LIMIT_MS, 'is not ready');
    if (ended !== null) throw new Error(`npm start ended (${String(ended)})`);
    return { seconds: (performance.now() - begun) / 1_000, state: readState(stateFile), stop };
  } catch (error) {
    const said = readFileSync(join(folder, 'npm-start.log'), 'utf8').split('\n').slice(-15);
    if (ended === null) await stop();
    throw new Error(`npm start failed. It said:\n${said.join('\n')}`, { cause: error });
  }
}

function readState(file: string): RunState {
  return JSON.parse(readFileSync(file, 'utf8')) as RunState; // ours: bin/embedded/run-state.ts
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // nobody listens yet
  }
}

async function until(
  holds: () => boolean | Promise<boolean>,
  limitMs: number,
  otherwise: string,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`npm start ${otherwise} after ${limitMs / 1_000} s`);
    await sleep(POLL_MS);
  }
}

async function readMemory(
  { state }: Started,
  signal: AbortSignal,
): Promise<(readonly [string, Memory])[]> {
  await sleep(IDLE_MS, undefined, { signal });
  const supervisor = state.supervisor.pid;
  const bootstrap = parentOf(supervisor) ?? supervisor;
  const services = state.services.map(({ name, identity }) => [name, identity.pid] as const);
  const others = services.map(([, pid]) => pid);
  const groups: (readonly [string, readonly number[]])[] = [
    ...services.map(([name, pid]) => [name, treeOf(pid)] as const),
    ['supervisor', [supervisor]],
    ['guard', state.guard === null ? [] : treeOf(state.guard.pid, others)],
    ['bootstrap', [bootstrap]],
  ];
  return groups.flatMap(([name, pids]) => {
    const memory = memoryOf(pids);
    return memory === null ? [] : [[name, memory] as const];
  });
}

function memoryTable(memory: readonly (readonly [string, Memory])[]): string {
  if (memory.length === 0) return '';
  const megabytes = (bytes: number | null): string =>
    bytes === null ? '–' : plain(bytes / 1_048_576);
  const rows = memory.map(([name, { rss, pss }]) => [name, megabytes(rss), megabytes(pss)]);
  return table([`memory after ${IDLE_MS / 1_000} s without a call, MB`, 'RSS', 'PSS'], rows);
}
