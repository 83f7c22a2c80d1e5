import type { Request } from 'express';
import type { ZodError, ZodType } from 'zod';
import { ApplicationError, type FieldProblem } from '../application/error.ts';
import { TransportError } from './problem.ts';
import { escapePointer, parseStrictJson } from './strict-json.ts';

/** Largest body, in bytes (product contract 3). */
export const MAX_BODY_BYTES = 262_144;

/** What came in, before and after it was parsed. */
export interface ReadBody {
  readonly text: string;
  readonly mediaType: string;
  readonly value: unknown;
}

/**
 * Reads the body of a call that takes one.
 *
 * @throws TransportError UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON; ApplicationError VALIDATION_FAILED.
 */
export function readBody(request: Request, textTypes: readonly string[]): ReadBody {
  const bytes: unknown = request.body;
  const raw = Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
  const mediaType = (request.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const text = decode(raw);
  if (textTypes.includes(mediaType)) return { text, mediaType, value: null };
  if (raw.length === 0) return { text, mediaType, value: {} };
  if (mediaType !== 'application/json')
    throw new TransportError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
  return { text, mediaType, value: parsed(text) };
}

function decode(raw: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    throw new TransportError('MALFORMED_JSON', 'The body is not UTF-8.', {
      problems: [{ pointer: '', message: 'is not UTF-8' }],
    });
  }
}

function parsed(text: string): unknown {
  const json = parseStrictJson(text);
  if (json.ok) return json.value;
  if (json.kind === 'malformed')
    throw new TransportError('MALFORMED_JSON', 'The body is not acceptable JSON.', {
      problems: json.problems,
    });
  throw new ApplicationError('VALIDATION_FAILED', summary(json.problems), {
    problems: json.problems,
  });
}

/**
 * Checks a parsed body against the schema of its route.
 *
 * @returns what the schema gives (with its defaults).
 * @throws ApplicationError VALIDATION_FAILED with a JSON Pointer per problem.
 */
export function checkBody(schema: ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = problemsOf(result.error);
  throw new ApplicationError('VALIDATION_FAILED', summary(problems), { problems });
}

/** @throws TransportError BAD_QUERY with one problem per parameter. */
export function checkQuery(schema: ZodType | undefined, query: unknown): Record<string, unknown> {
  if (schema === undefined) return {};
  const result = schema.safeParse(query);
  if (result.success) return result.data as Record<string, unknown>;
  const problems = problemsOf(result.error);
  throw new TransportError('BAD_QUERY', summary(problems, 'query'), { problems });
}

function summary(problems: readonly FieldProblem[], where = 'body'): string {
  const [first] = problems;
  const rest = problems.length - 1;
  const more = rest > 0 ? `, and ${rest} more` : '';
  return first === undefined
    ? `The ${where} is not acceptable.`
    : `The ${where} is not acceptable: ${first.pointer || 'it'} ${first.message}${more}.`;
}

type Issue = ZodError['issues'][number];

/** Problems to name in one answer, at most. */
const MAX_PROBLEMS = 50;

function problemsOf(error: ZodError): FieldProblem[] {
  return error.issues.flatMap((issue) => issueProblems(issue, [])).slice(0, MAX_PROBLEMS);
}

function issueProblems(issue: Issue, above: readonly PropertyKey[]): FieldProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: pointerOf([...path, key]),
      message: 'is not a known field',
    }));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    return closest.flatMap((one) => issueProblems(one as Issue, path));
  }
  return [{ pointer: pointerOf(path), message: messageOf(issue) }];
}

function messageOf(issue: Issue): string {
  if (issue.code === 'invalid_union') return 'is not one of the kinds that can be requested';
  if (issue.code === 'invalid_type' && /received undefined/.test(issue.message))
    return 'is missing';
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((token) => `/${escapePointer(String(token))}`).join('');
}
