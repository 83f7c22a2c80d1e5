import { addDuration, type Instant } from '../domain/instant.ts';
import { jsonDigest } from '../ledger/hash.ts';
import { reading } from '../prisma/directory-store.ts';
import { violatedUnique } from '../prisma/fault.ts';
import {
  findKey,
  insertKeyUse,
  KEY_CONSTRAINT,
  type KeyName,
  type KeyRow,
} from '../prisma/idempotency-store.ts';
import { insertKey } from '../prisma/key-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { answerPlace } from './places.ts';

/** What a route answers: stored under the key and given again. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Headers that belong to the answer, such as Location. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer with whether an earlier call had made it. */
export interface Replayable extends Answer {
  readonly replayed: boolean;
}

/** One use of an Idempotency-Key: who, where, which key, and for which body. */
export interface KeyUse extends KeyName {
  /** SHA-256 of the canonical body, hex. */
  readonly fingerprint: string;
}

/** How long one call may work on a key before another may take over. */
const LEASE = 'PT15S';

export function leaseUntil(now: Instant): Instant {
  return addDuration(now, LEASE);
}

/** @param body parsed JSON; a call without a body passes null. */
export function keyUse(name: KeyName, body: unknown): KeyUse {
  return { ...name, fingerprint: jsonDigest(body ?? null) };
}

/**
 * @returns the row of an earlier use of the key for the same body, or null for a new key.
 * @throws ApplicationError IDEMPOTENCY_MISMATCH when the key was used for another body.
 */
export async function earlierUse(deps: Deps, use: KeyUse): Promise<KeyRow | null> {
  const row = await findKey(deps.db, use);
  if (row !== null && row.fingerprint !== use.fingerprint)
    throw new ApplicationError(
      'IDEMPOTENCY_MISMATCH',
      'This Idempotency-Key was used for another body; use a new key for a new act.',
    );
  return row;
}

/** The stored first answer; null while there is none. */
export async function storedAnswer(
  deps: Deps,
  use: KeyUse,
  row: KeyRow,
): Promise<Replayable | null> {
  if (row.response === null || row.dekId === null) return null;
  await deps.vault.prepare(reading(deps.db), [row.dekId]);
  const text = deps.vault.decrypt(row.dekId, answerPlace(use), row.response);
  if (text === null)
    throw new ApplicationError('NOT_FOUND', 'The answer to this call was erased since.');
  return { ...(JSON.parse(text) as Answer), replayed: true };
}

/** Encrypts an answer for its row. */
export function closedAnswer(
  deps: Deps,
  use: KeyUse,
  { answer, dekId }: { readonly answer: Answer; readonly dekId: string },
): Uint8Array {
  return deps.vault.encrypt(dekId, answerPlace(use), JSON.stringify(answer));
}

/** @throws ApplicationError IDEMPOTENCY_RUNNING while the first call still works on the key. */
export function assertNotRunning(row: KeyRow, now: Instant): void {
  if (row.runningUntil !== null && row.runningUntil > now)
    throw new ApplicationError('IDEMPOTENCY_RUNNING', 'The first call with this key still runs.', {
      retryAfter: 1,
    });
}

/** Stores the answer in the commit that does the act, so that both exist or neither. */
export type Remember<T> = (tx: Tx, result: T) => void;

/**
 * Does an act once per key. For acts whose answer is known before they are committed.
 *
 * @param use null where the caller sent no key: then the act is simply done.
 * @throws ApplicationError IDEMPOTENCY_MISMATCH, and what `work` throws (never stored: repeat it).
 */
export async function onceOnly<T>(
  deps: Deps,
  use: KeyUse | null,
  act: {
    readonly toAnswer: (result: T) => Answer;
    readonly work: (remember: Remember<T>) => Promise<T>;
  },
): Promise<Replayable> {
  const before = await replay(deps, use);
  if (before !== null) return before;
  const remember: Remember<T> = (tx, result) => {
    if (use !== null) rememberAnswer(deps, tx, { use, answer: act.toAnswer(result) });
  };
  try {
    return { ...act.toAnswer(await act.work(remember)), replayed: false };
  } catch (error) {
    const first = mayBeSecond(error) ? await replay(deps, use) : null;
    if (first === null) throw error;
    return first; // another call with the key was faster
  }
}

/** Who was slower than another call with the key meets the key, or what that call has made already. */
function mayBeSecond(error: unknown): boolean {
  return error instanceof ApplicationError || violatedUnique(error) === KEY_CONSTRAINT;
}

/** @returns the first answer where the key was used before, else null. */
export async function replay(deps: Deps, use: KeyUse | null): Promise<Replayable | null> {
  if (use === null) return null;
  const row = await earlierUse(deps, use);
  return row === null ? null : storedAnswer(deps, use, row);
}

function rememberAnswer(
  deps: Deps,
  tx: Tx,
  { use, answer }: { readonly use: KeyUse; readonly answer: Answer },
): void {
  const key = deps.vault.createKey('answer');
  const response = closedAnswer(deps, use, { answer, dekId: key.dekId });
  const row: KeyRow = {
    fingerprint: use.fingerprint,
    runningUntil: null,
    commandId: null,
    status: answer.status,
    response,
    dekId: key.dekId,
  };
  tx.write(insertKey(key));
  tx.write(insertKeyUse(use, row, deps.now()));
}
