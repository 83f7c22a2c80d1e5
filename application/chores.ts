import { setTimeout as sleep } from 'node:timers/promises';

/** Something that is done again and again, each in its own time. */
export interface Chore {
  /** In words, for the line that says that it failed. */
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<void>;
}

export interface RunningChores {
  /** Stops after the turns that are running. */
  stop(): Promise<void>;
}

/**
 * Runs chores side by side: one that waits does not hold up the others, and a turn that fails is tried
 * again in the next one.
 */
export function startChores(
  chores: readonly Chore[],
  onFault: (message: string, error: unknown) => void,
): RunningChores {
  const stopping = new AbortController();
  const running = chores.map((chore) => repeat(chore, onFault, stopping.signal));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

async function repeat(
  { name, everyMs, run }: Chore,
  onFault: (message: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await run();
    } catch (error) {
      onFault(`${name} failed`, error);
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined); // woken to stop
  }
}
