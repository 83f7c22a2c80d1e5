import type { Instant } from '../domain/instant.ts';
import type { AssuranceLevel } from '../domain/policy.ts';
import type { Database } from '../prisma/database.ts';
import type { Vault } from './vault.ts';

/** What every use case needs. Wired in bin; tests pass their own clock. */
export interface Deps {
  readonly db: Database;
  readonly vault: Vault;
  /** The injected clock. */
  readonly now: () => Instant;
  /** Name of the log, in every record. */
  readonly origin: string;
  /** Version of this program, in every record. */
  readonly software: string;
  /** Signs the cursors of lists. */
  readonly cursorKey: Uint8Array;
  /** Where people open requests: no slash at the end. */
  readonly publicUrl: string;
  /** Told of a fault that a use case could get over by itself. */
  readonly onFault?: (message: string, error: unknown) => void;
  /** Role that reviews what no policy matches. */
  readonly fallbackRole: string;
  /** Highest assurance level that signing in here can reach; absent = 1, all that is built. */
  readonly reachableAssurance?: AssuranceLevel;
}

/** @returns the level that no stage may ask to exceed. */
export function reachableAssurance(deps: Pick<Deps, 'reachableAssurance'>): AssuranceLevel {
  return deps.reachableAssurance ?? 1;
}
