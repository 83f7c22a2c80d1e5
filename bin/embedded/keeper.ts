import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess, type EndAttempt, type ProcessIdentity } from './process-identity.ts';
import type { Report } from './report.ts';
import { TITLES, type ServiceName } from './stop-plans.ts';

/** A service that is ready. */
export type Running = {
  /** How it ended, in words. */
  readonly exited: Promise<string>;
};

export type Launch = {
  /** To be called as soon as the process exists. */
  readonly onSpawn: (identity: ProcessIdentity) => void;
  readonly signal: AbortSignal;
};

export type KeeperOptions<R extends Running> = {
  readonly name: ServiceName;
  readonly report: Report;
  /** Starts the service and comes back when it is ready; the first start and every later one. */
  start(launch: Launch): Promise<R>;
  /** It died too often. */
  onGivenUp(sentence: string): void;
  /** The process is another one, or none. */
  onChange(): void;
  readonly limits?: RestartLimits;
};

export type RestartLimits = {
  readonly restarts: number;
  readonly withinMs: number;
  /** Before the first restart; doubles with each. */
  readonly firstDelayMs: number;
};

/** Keeps one service running. */
export type Keeper<R extends Running> = {
  readonly name: ServiceName;
  /** First start: a failure is thrown. Afterwards deaths are met with restarts. */
  start(): Promise<R>;
  readonly identity: () => ProcessIdentity | null;
  /** Ends it for good, wherever it is in its life. May be called again with harder attempts. */
  stop(attempts: readonly EndAttempt[]): Promise<void>;
};

const DEFAULT_LIMITS: RestartLimits = { restarts: 5, withinMs: 120_000, firstDelayMs: 250 };

export function createKeeper<R extends Running>(options: KeeperOptions<R>): Keeper<R> {
  const { name, report, limits = DEFAULT_LIMITS } = options;
  const stopping = new AbortController();
  let identity: ProcessIdentity | null = null;
  let deaths: number[] = [];
  let pending: Promise<R> | null = null;

  async function launch(): Promise<R> {
    pending = launchOnce();
    try {
      return await pending;
    } finally {
      pending = null;
    }
  }

  async function launchOnce(): Promise<R> {
    const running = await options.start({
      signal: stopping.signal,
      onSpawn: (spawned) => {
        identity = spawned;
        options.onChange();
      },
    });
    void running.exited.then(onEnd);
    return running;
  }

  function onEnd(how: string): void {
    identity = null;
    if (stopping.signal.aborted) return;
    options.onChange();
    void restart(how);
  }

  async function restart(how: string): Promise<void> {
    const now = performance.now();
    deaths = [...deaths.filter((at) => now - at < limits.withinMs), now];
    if (deaths.length > limits.restarts) {
      return options.onGivenUp(givenUp(name, limits, how));
    }
    report.warn(`${TITLES[name]} ended (${how}); starting it again`);
    try {
      await sleep(limits.firstDelayMs * 2 ** (deaths.length - 1), undefined, stopping);
      await launch();
      report.say(`${TITLES[name]} runs again`);
    } catch (error) {
      if (stopping.signal.aborted) return;
      await restart(error instanceof Error ? error.message : String(error));
    }
  }

  return {
    name,
    start: launch,
    identity: () => identity,
    stop: async (attempts) => {
      stopping.abort();
      if (identity !== null) await endProcess(identity, attempts);
      // A start in this moment gives up when it sees the signal, perhaps after it made a process.
      await pending?.catch(() => {});
      if (identity !== null) await endProcess(identity, attempts);
    },
  };
}

function givenUp(name: ServiceName, { restarts, withinMs }: RestartLimits, how: string): string {
  const minutes = Math.round(withinMs / 6_000) / 10;
  return `${TITLES[name]} ended ${restarts + 1} times within ${minutes} minutes (last: ${how}).`;
}
