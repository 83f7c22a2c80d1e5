import { directoryInForce } from '../prisma/directory-store.ts';
import { revisionsOf } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';

/** Wakes long polls. One reader per process asks for all of them together. */
export interface ChangeWaiter {
  /**
   * Names who holds which role and who is absent, as of at most a second ago. Ask before reading what is
   * then waited for: what changes in between is noticed.
   */
  directory(): Promise<string>;
  /**
   * Waits until the request has another revision than the known one, or the directory says something
   * else than it did, at most `ms`.
   *
   * @param gone ends the wait early: the caller has left.
   * @returns true when either changed, false when the time ran out or the process stops.
   */
  changed(known: KnownState, ms: number, gone: AbortSignal): Promise<boolean>;
  /** Lets everybody go: the process stops. */
  stop(): void;
}

/** How often the database is asked, in milliseconds, while anybody waits. */
const INTERVAL_MS = 100;
/** How old what is known of the directory may be: it changes seldom, and reading it costs more. */
const DIRECTORY_MS = 1_000;

/** A request as the caller knows it. */
export interface KnownState {
  readonly id: string;
  readonly revision: number;
  /** What `directory` named; null where nothing of the request depends on it. */
  readonly directory: string | null;
}

interface Waiter extends KnownState {
  readonly settle: (changed: boolean) => void;
}

export function createChangeWaiter(deps: Pick<Deps, 'db' | 'now' | 'onFault'>): ChangeWaiter {
  const waiters = new Set<Waiter>();
  const directory = createDirectoryReader(deps);
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  const poll = async (): Promise<void> => {
    timer = null;
    try {
      // Whoever comes while this is asked may know more than the answer says: the next turn is theirs.
      const present = [...waiters];
      const ids = [...new Set(present.map((waiter) => waiter.id))];
      const revisions = await revisionsOf(deps.db, ids);
      for (const waiter of present)
        if (revisions.get(waiter.id) !== waiter.revision) waiter.settle(true);
      const asking = present.filter((waiter) => waiter.directory !== null);
      const now = asking.length === 0 ? null : await directory();
      for (const waiter of asking) if (waiter.directory !== now) waiter.settle(true);
    } catch (error) {
      // The database is away for a moment: whoever waits keeps waiting, up to their own deadline.
      deps.onFault?.('the reader behind long polls missed a turn', error);
    }
    schedule();
  };
  const schedule = (): void => {
    if (timer === null && waiters.size > 0 && !stopped)
      timer = setTimeout(() => void poll(), INTERVAL_MS);
  };

  return {
    directory,
    changed(known, ms, gone) {
      if (stopped || ms <= 0 || gone.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const waiter: Waiter = {
          ...known,
          settle: (changed) => {
            clearTimeout(deadline);
            gone.removeEventListener('abort', leave);
            waiters.delete(waiter);
            resolve(changed);
          },
        };
        const leave = (): void => waiter.settle(false);
        gone.addEventListener('abort', leave);
        const deadline = setTimeout(() => waiter.settle(false), ms);
        waiters.add(waiter);
        schedule();
      });
    },
    stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      for (const waiter of waiters) waiter.settle(false);
    },
  };
}

/** @returns asks the database at most once a second, whoever asks how often. */
function createDirectoryReader({ db, now }: Pick<Deps, 'db' | 'now'>): () => Promise<string> {
  let last: { readonly at: number; readonly read: Promise<string> } | null = null;
  return () => {
    if (last !== null && performance.now() - last.at < DIRECTORY_MS) return last.read;
    const read = directoryInForce(db, now());
    const mine = { at: performance.now(), read };
    last = mine;
    read.catch(() => {
      if (last === mine) last = null; // the next one asks again
    });
    return read;
  };
}
