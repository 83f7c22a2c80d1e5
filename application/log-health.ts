import type { Database } from '../prisma/database.ts';
import { readLag, type LogLag } from '../prisma/log-store.ts';
import { newestSelfCheck } from '../prisma/self-check-store.ts';

/** The log must move within this while anything waits for it. */
const STALLED_MS = 10_000;

/** A sentence for the operator: what is wrong, and where to look. */
export class LogProblem extends Error {
  readonly code = 'LOG_PROBLEM';
}

export interface LogHealth {
  /** @throws LogProblem where records wait and nothing moves. */
  moves(): Promise<void>;
  /** @throws LogProblem where the last examination of the whole log found something. */
  isSound(): Promise<void>;
  /** As `moves` saw it last; null before. */
  lag(): LogLag | null;
}

/** @param clock monotonic, in milliseconds. */
export function createLogHealth(
  db: Database,
  clock: () => number = () => performance.now(),
): LogHealth {
  let last: LogLag | null = null;
  let idleOrMoving = clock();
  return {
    async moves() {
      const lag = await readLag(db);
      const waits = lag.waiting > 0 || lag.published < lag.size;
      const moved = last?.size !== lag.size || last.published !== lag.published;
      if (!waits || moved) idleOrMoving = clock();
      last = lag;
      const seconds = Math.floor((clock() - idleOrMoving) / 1_000);
      if (clock() - idleOrMoving < STALLED_MS) return;
      throw new LogProblem(
        lag.waiting > 0
          ? `${lag.waiting} records have waited for their place in the log for ${seconds} s: does bin/log.ts run, and what does its log say?`
          : `the log has had no signed checkpoint of its size ${lag.size} for ${seconds} s: what does the signer say?`,
      );
    },
    async isSound() {
      const check = await newestSelfCheck(db);
      if (check === null || check.passed) return;
      throw new LogProblem(
        `the self-check of ${check.at} found ${check.problems} problems: run npm run selfcheck`,
      );
    },
    lag: () => last,
  };
}
