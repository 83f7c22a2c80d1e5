import { revisionsOf } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';

/** Wakes long polls. One reader per process asks for all of them together. */
export interface ChangeWaiter {
  /**
   * Waits until the request has another revision than the known one, at most `ms`.
   *
   * @param gone ends the wait early: the caller has left.
   * @returns true when it changed, false when the time ran out or the process stops.
   */
  changed(known: KnownRevision, ms: number, gone: AbortSignal): Promise<boolean>;
  /** Lets everybody go: the process stops. */
  stop(): void;
}

/** How often the database is asked, in milliseconds, while anybody waits. */
const INTERVAL_MS = 100;

/** A request as the caller knows it. */
export interface KnownRevision {
  readonly id: string;
  readonly revision: number;
}

interface Waiter extends KnownRevision {
  readonly settle: (changed: boolean) => void;
}

export function createChangeWaiter(deps: Pick<Deps, 'db' | 'onFault'>): ChangeWaiter {
  const waiters = new Set<Waiter>();
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
    changed({ id, revision }, ms, gone) {
      if (stopped || ms <= 0 || gone.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const waiter: Waiter = {
          id,
          revision,
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
