import { join } from 'node:path';
import type { Loaded } from './loop.ts';
import type { Options } from './options.ts';
import { startProgram, type Program } from './program.ts';
import { busyMs, cpuMsOf } from './processes.ts';
import { startServers, type Place, type Report, type Servers } from './servers.ts';

/** Everything that "gated" and "rest" need: servers, the product, and programs beside it. */
export interface Stage {
  readonly root: string;
  readonly servers: Servers;
  readonly options: Options;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly api: Program;
  readonly worker: Program;
  /** Sequencer and signer. */
  readonly log: Program;
  /** Starts a program of tools/bench by its path there. */
  launch(name: string, script: string): Promise<Program>;
  close(): Promise<void>;
}

/** @param profile folder for CPU profiles; null = none. */
export async function openStage(place: Place, options: Options): Promise<Stage> {
  const { root, report, signal } = place;
  const step = report.step('Starting PostgreSQL, Temporal, worker, API and log');
  const servers = await startServers(place);
  const programs: Program[] = [];
  const close = async (): Promise<void> => {
    for (const program of programs.splice(0).reverse()) await program.stop();
    await servers.stop();
  };
  const start = async (name: string, script: string, env: NodeJS.ProcessEnv): Promise<Program> => {
    signal.throwIfAborted();
    const launch = { name, script: join(root, script), cwd: root, env, folder: servers.folder };
    const program = await startProgram(launch);
    programs.push(program);
    return program;
  };
  const observed = (name: string): NodeJS.ProcessEnv => {
    const { profile, measures } = options;
    const flags = [
      ...(profile === null ? [] : [`--cpu-prof --cpu-prof-dir=${join(profile, name)}`]),
      ...(measures.includes('pending')
        ? [`--import=${join(root, 'tools', 'bench', 'collect.ts')}`]
        : []),
    ];
    return flags.length === 0 ? servers.env : { ...servers.env, NODE_OPTIONS: flags.join(' ') };
  };
  try {
    const worker = await start('worker', 'bin/worker.ts', observed('worker'));
    const api = await start('api', 'bin/api.ts', observed('api'));
    const log = await start('log', 'bin/log.ts', observed('log'));
    step.done();
    const launch = (name: string, script: string): Promise<Program> =>
      start(name, join('tools', 'bench', script), servers.env);
    return { root, servers, options, report, signal, api, worker, log, launch, close };
  } catch (error) {
    step.failed('see below');
    await close();
    throw error;
  }
}

/** One round of one side. */
export interface Round extends Loaded {
  /** Acts per second. */
  readonly rate: number;
  /** CPU milliseconds per act, by process; null where nobody counts them. */
  readonly cpu: Readonly<Record<string, number | null>>;
  /** Share of one core that programs took which have no part in the round; null where nobody counts it. */
  readonly others: number | null;
}

/** A side of a comparison: who generates its load, with what, and whose CPU time it uses. */
export interface Side {
  readonly name: string;
  readonly driver: Program;
  readonly job: (load: { readonly callers: number; readonly ms: number }) => unknown;
  readonly processes: Readonly<Record<string, number>>;
}

/** A round may last this much longer than asked: calls in flight end by their own limits. */
const ROUND_SLACK_MS = 60_000;

/** @throws Error when a call failed (a round with failures says nothing) or the run is to stop. */
export async function runRound(
  side: Side,
  {
    signal,
    ...load
  }: { readonly callers: number; readonly ms: number; readonly signal: AbortSignal },
): Promise<Round> {
  signal.throwIfAborted();
  const before = cpuOf(side);
  const asked = side.driver.ask(side.job(load), load.ms + ROUND_SLACK_MS);
  const result = await Promise.race([asked, stopped(signal)]);
  const loaded = result as Loaded;
  const after = cpuOf(side);
  if (loaded.failed > 0 || loaded.done === 0)
    throw new Error(
      `${side.name}: ${loaded.failed} of ${loaded.failed + loaded.done} acts failed; the first one: ${loaded.firstFailure}`,
    );
  const used = (name: string): number | null => difference(before.of[name], after.of[name]);
  const names = Object.keys(side.processes);
  const cpu = names.map((name) => {
    const ms = used(name);
    return [name, ms === null ? null : ms / loaded.done] as const;
  });
  const all = difference(before.all, after.all);
  const own = names.reduce((sum, name) => sum + (used(name) ?? 0), 0);
  const others = all === null ? null : Math.max(0, all - own) / 1_000 / loaded.seconds;
  const rate = loaded.done / loaded.seconds;
  return { ...loaded, rate, cpu: Object.fromEntries(cpu), others };
}

function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

interface Cpu {
  readonly of: Readonly<Record<string, number | null>>;
  readonly all: number | null;
}

function cpuOf({ processes }: Side): Cpu {
  const of = Object.entries(processes).map(([name, pid]) => [name, cpuMsOf(pid)] as const);
  return { of: Object.fromEntries(of), all: busyMs() };
}

function difference(
  before: number | null | undefined,
  after: number | null | undefined,
): number | null {
  return typeof before === 'number' && typeof after === 'number' ? after - before : null;
}

/** Rounds of each side in turn: A B C A B C … */
export async function runInTurn(
  stage: Stage,
  sides: readonly Side[],
  { title, callers }: { readonly title: string; readonly callers: number },
): Promise<Round[][]> {
  const { options, report, signal } = stage;
  const step = report.step(title);
  const rounds: Round[][] = sides.map(() => []);
  try {
    for (const side of sides) {
      step.progress(`warming up ${side.name}`);
      await runRound(side, { callers, ms: options.warmUpSeconds * 1_000, signal });
    }
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const [index, side] of sides.entries()) {
        step.progress(`round ${round} of ${options.rounds}, ${side.name}`);
        rounds[index]?.push(await runRound(side, { callers, ms: options.seconds * 1_000, signal }));
      }
    }
    step.done(sides.map((side, index) => `${side.name} ${rates(rounds[index] ?? [])}`).join('; '));
    return rounds;
  } catch (error) {
    step.failed('see below');
    throw error;
  }
}

function rates(rounds: readonly Round[]): string {
  return rounds.map(({ rate }) => rate.toFixed(rate < 100 ? 1 : 0)).join(' ');
}
