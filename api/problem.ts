import type { Response } from 'express';
import type { ApplicationError, ApplicationErrorCode, FieldProblem } from '../application/error.ts';

/** Codes of this edge itself, beside those of the application. */
export type TransportCode =
  | 'UNAUTHENTICATED'
  | 'MALFORMED_JSON'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'PAYLOAD_TOO_LARGE'
  | 'BAD_QUERY'
  | 'BAD_HEADER'
  /** Not HTTP that can be understood, a path that cannot be decoded, a body that broke off. */
  | 'BAD_REQUEST'
  | 'HEADERS_TOO_LARGE'
  | 'REQUEST_TIMEOUT'
  | 'METHOD_NOT_ALLOWED'
  | 'INTERNAL';

export type ProblemCode = ApplicationErrorCode | TransportCode;

const STATUS_AND_TITLE = {
  NOT_FOUND: [404, 'Not found'],
  FORBIDDEN: [403, 'Not allowed'],
  VALIDATION_FAILED: [422, 'The body is not acceptable'],
  POLICY_INVALID: [422, 'The policy cannot be published'],
  IDEMPOTENCY_MISMATCH: [422, 'The Idempotency-Key belongs to another body'],
  IDEMPOTENCY_RUNNING: [409, 'The first call with this key still runs'],
  CONFLICT: [409, 'Conflict'],
  PRECONDITION_REQUIRED: [428, 'If-Match is needed'],
  PRECONDITION_FAILED: [412, 'The precondition does not hold'],
  STORE_UNAVAILABLE: [503, 'The database is out of reach'],
  UNAUTHENTICATED: [401, 'A credential is needed'],
  MALFORMED_JSON: [400, 'The body is not JSON'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The media type is not supported'],
  PAYLOAD_TOO_LARGE: [413, 'The body is too large'],
  BAD_PROOF: [400, 'There is no such proof'],
  BAD_TILE: [400, 'No log has such a tile'],
  NOT_PUBLISHED: [503, 'The log has not published this yet'],
  UNREADABLE: [500, 'What is stored cannot be read'],
  BAD_QUERY: [400, 'The query is not acceptable'],
  CURSOR_INVALID: [400, 'The query is not acceptable'],
  BAD_HEADER: [400, 'A header is not acceptable'],
  BAD_REQUEST: [400, 'The call cannot be read'],
  HEADERS_TOO_LARGE: [431, 'The address and headers are too large'],
  REQUEST_TIMEOUT: [408, 'The call took too long to arrive'],
  METHOD_NOT_ALLOWED: [405, 'The method is not allowed here'],
  INTERNAL: [500, 'Something went wrong on our side'],
} as const satisfies Record<ProblemCode, readonly [number, string]>;

/** An error of the transport itself, such as a body that is not JSON. */
export class TransportError extends Error {
  readonly code: TransportCode;
  readonly problems: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: TransportCode,
    message: string,
    more: {
      readonly problems?: readonly FieldProblem[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'TransportError';
    this.code = code;
    this.problems = more.problems ?? [];
    this.headers = more.headers ?? {};
  }
}

/** Problem details. @source RFC 9457; product contract 3 */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly errors: readonly FieldProblem[];
  readonly requestId: string;
}

/** What is told of an error. Causes and stacks never leave the process. */
export function problemBody(
  error: Pick<ApplicationError | TransportError, 'code' | 'message' | 'problems'>,
  requestId: string,
): ProblemBody {
  const [status, title] = STATUS_AND_TITLE[error.code];
  return {
    type: `urn:countersign:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    errors: error.problems,
    requestId,
  };
}

/** Answers with problem details. */
export function sendProblem(
  response: Response,
  error: ApplicationError | TransportError,
  requestId: string,
): void {
  const body = problemBody(error, requestId);
  if (error instanceof TransportError) response.set(error.headers);
  else if (error.retryAfter !== null) response.set('Retry-After', String(error.retryAfter));
  response.status(body.status).type('application/problem+json').send(JSON.stringify(body));
}
