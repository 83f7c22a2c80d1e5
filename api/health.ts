import { LogProblem } from '../application/log-health.ts';

/** One thing that must work for the product to work. `check` throws what is wrong. */
export interface Dependency {
  readonly name: string;
  readonly check: () => Promise<void>;
}

export interface DependencyState {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, in words; null where nothing is. */
  readonly problem: string | null;
}

export interface Readiness {
  /** Of the last look, at most two seconds ago. */
  state(): { readonly ready: boolean; readonly checks: readonly DependencyState[] };
  stop(): void;
}

const INTERVAL_MS = 1_000;
/** A dependency that does not answer within this is away. */
const TIMEOUT_MS = 900;

/** Looks at every dependency once a second, so that asking costs nothing and never hangs. */
export async function watchReadiness(dependencies: readonly Dependency[]): Promise<Readiness> {
  let checks: readonly DependencyState[] = [];
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  const look = async (): Promise<void> => {
    checks = await Promise.all(dependencies.map(stateOf));
    if (!stopped) timer = setTimeout(() => void look(), INTERVAL_MS);
  };
  await look();
  return {
    state: () => ({ ready: checks.every(({ ok }) => ok), checks }),
    stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** Words of ours are shown; those of drivers may hold addresses and stay inside. */
function wordsFor(error: unknown): string {
  if (error instanceof LogProblem) return error.message;
  return error instanceof Error && /time/.test(error.message)
    ? 'no answer in time'
    : 'out of reach';
}

async function stateOf({ name, check }: Dependency): Promise<DependencyState> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), late]);
    return { name, ok: true, problem: null };
  } catch (error) {
    return { name, ok: false, problem: `${name}: ${wordsFor(error)}` };
  } finally {
    clearTimeout(timer);
  }
}
