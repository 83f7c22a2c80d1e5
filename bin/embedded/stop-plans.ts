import type { EndAttempt } from './process-identity.ts';

/** What the supervisor starts, in the order in which it is stopped. */
export const STOP_ORDER = ['api', 'worker', 'log', 'temporal', 'postgres'] as const;
export type ServiceName = (typeof STOP_ORDER)[number];

type Plans = Readonly<Record<ServiceName, readonly EndAttempt[]>>;

/**
 * In peace: our own programs drain within 15 s by contract. To PostgreSQL SIGINT means "fast": it rolls
 * back what is open, writes a checkpoint and ends; SIGQUIT means "at once, recover at the next start".
 */
export const ORDERLY: Plans = {
  api: [
    { signal: 'SIGTERM', waitMs: 16_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
  worker: [
    { signal: 'SIGTERM', waitMs: 16_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
  log: [
    { signal: 'SIGTERM', waitMs: 8_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
  temporal: [
    { signal: 'SIGTERM', waitMs: 8_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
  postgres: [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGQUIT', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
};

/** After a second Ctrl-C. Nothing that was acknowledged is lost: everything recovers from its log. */
export const HURRIED: Plans = {
  api: [{ signal: 'SIGKILL', waitMs: 3_000 }],
  worker: [{ signal: 'SIGKILL', waitMs: 3_000 }],
  log: [{ signal: 'SIGKILL', waitMs: 3_000 }],
  temporal: [{ signal: 'SIGKILL', waitMs: 3_000 }],
  postgres: [
    { signal: 'SIGQUIT', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 3_000 },
  ],
};

export const TITLES: Readonly<Record<ServiceName, string>> = {
  api: 'API',
  worker: 'worker',
  log: 'log',
  temporal: 'Temporal',
  postgres: 'PostgreSQL',
};
