/**
 * What can go wrong on this side of the front doors. A code is public API: it is the `code` of a
 * problem document, and api/problem.ts maps each to one status.
 */
export type ApplicationErrorCode =
  /** No such thing, or the caller may not know of it. 404. */
  | 'NOT_FOUND'
  /** The caller is known and not entitled to ask this at all. 403; in the access log, not in a chain. */
  | 'FORBIDDEN'
  /** The body is well-formed JSON and says something that cannot be. 422 with JSON Pointers. */
  | 'VALIDATION_FAILED'
  /** A policy that cannot be published. 422, one entry per problem. */
  | 'POLICY_INVALID'
  /** The Idempotency-Key was used for another body. 422. */
  | 'IDEMPOTENCY_MISMATCH'
  /** The first call with this key still runs. 409; repeat after the wait. */
  | 'IDEMPOTENCY_RUNNING'
  /** Something of that name is there already, or a limit is reached. 409. */
  | 'CONFLICT'
  /** The call needs If-Match. 428. */
  | 'PRECONDITION_REQUIRED'
  /** If-Match names another version than the newest. 412. */
  | 'PRECONDITION_FAILED'
  /** A proof for an index or size that no checkpoint covers. 400. */
  | 'BAD_PROOF'
  /** An address that no tile of any log has. 400. */
  | 'BAD_TILE'
  /** The log has not published yet what is asked for. 503; repeat after the wait. */
  | 'NOT_PUBLISHED'
  /** What is stored was changed, or belongs to another ENCRYPTION_KEY. 500; in the log. */
  | 'UNREADABLE'
  /** A cursor that the list did not give, or gave for other filters or another caller. 400. */
  | 'CURSOR_INVALID'
  /** The database is out of reach: nothing was stored, repeat with the same key. 503. */
  | 'STORE_UNAVAILABLE';

/** One thing that is wrong with a body. `pointer` is a JSON Pointer; '' is the whole body. */
export interface FieldProblem {
  readonly pointer: string;
  readonly message: string;
}

/** A fault, not a refusal: thrown, and mapped once per edge. The message is for people. */
export class ApplicationError extends Error {
  readonly code: ApplicationErrorCode;
  readonly problems: readonly FieldProblem[];
  /** Whole seconds after which a repetition makes sense; null = no advice. */
  readonly retryAfter: number | null;

  constructor(
    code: ApplicationErrorCode,
    message: string,
    more: {
      readonly problems?: readonly FieldProblem[];
      readonly retryAfter?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'ApplicationError';
    this.code = code;
    this.problems = more.problems ?? [];
    this.retryAfter = more.retryAfter ?? null;
  }
}

/** The one sentence for "there is none, or you may not know": both read the same. */
export function notFound(what = 'request'): ApplicationError {
  return new ApplicationError('NOT_FOUND', `There is no such ${what}, or you may not see it.`);
}

/** The same sentence wherever the database did not answer. */
export function storeUnavailable(cause?: unknown): ApplicationError {
  return new ApplicationError(
    'STORE_UNAVAILABLE',
    'The database is out of reach; repeat the call with the same Idempotency-Key.',
    { retryAfter: 2, cause },
  );
}
