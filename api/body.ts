import type { Request } from 'express';
import type { ZodType } from 'zod';
import { ApplicationError, type FieldProblem } from '../application/error.ts';
import { TransportError } from './problem.ts';
import { receiveBody } from './receive.ts';
import { schemaProblems } from './schema-problems.ts';
import { parseStrictJson } from './strict-json.ts';

/** Largest body, in bytes after unpacking (product contract 3). */
export const MAX_BODY_BYTES = 262_144;

/** What came in, before and after it was parsed. */
export interface ReadBody {
  readonly text: string;
  readonly mediaType: string;
  /** null where the body is passed on as text. */
  readonly value: unknown;
}

/**
 * Reads the body of a call that takes one. No body at all reads as `{}`: where every field is optional,
 * nothing need be sent.
 *
 * @throws TransportError PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON, BAD_REQUEST;
 *         ApplicationError VALIDATION_FAILED.
 */
export async function readBody(
  request: Request,
  textTypes: readonly string[] = [],
): Promise<ReadBody> {
  const bytes = await receiveBody(request, MAX_BODY_BYTES);
  const { mediaType, charset } = contentType(request);
  if (bytes.length === 0 && !textTypes.includes(mediaType))
    return { text: '', mediaType, value: {} };
  if (mediaType !== 'application/json' && !textTypes.includes(mediaType))
    throw unsupported(`Send the body as ${['application/json', ...textTypes].join(' or ')}.`);
  if (charset !== null && !/^utf-?8$/.test(charset)) throw unsupported('Send the body in UTF-8.');
  const text = decode(bytes);
  return { text, mediaType, value: textTypes.includes(mediaType) ? null : parsed(text) };
}

function unsupported(message: string): TransportError {
  return new TransportError('UNSUPPORTED_MEDIA_TYPE', message);
}

/** @source RFC 9110 section 8.3.1 */
function contentType(request: Request): { mediaType: string; charset: string | null } {
  const [mediaType = '', ...parameters] = (request.get('content-type') ?? '').split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/i.exec(parameter)?.[1])
    .find((value) => value !== undefined);
  return { mediaType: mediaType.trim().toLowerCase(), charset: charset?.toLowerCase() ?? null };
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TransportError('MALFORMED_JSON', 'The body is not UTF-8.', {
      problems: [{ pointer: '', message: 'is not UTF-8' }],
    });
  }
}

function parsed(text: string): unknown {
  const json = parseStrictJson(text);
  if (json.ok) return json.value;
  const { problems } = json;
  if (json.kind === 'malformed')
    throw new TransportError('MALFORMED_JSON', 'The body is not acceptable JSON.', { problems });
  throw new ApplicationError('VALIDATION_FAILED', summary(problems), { problems });
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
  const problems = schemaProblems(result.error, value);
  throw new ApplicationError('VALIDATION_FAILED', summary(problems), { problems });
}

/** @throws TransportError BAD_QUERY with one problem per parameter. */
export function checkQuery(schema: ZodType, query: unknown): Record<string, unknown> {
  const result = schema.safeParse(query);
  if (result.success) return result.data as Record<string, unknown>;
  const problems = schemaProblems(result.error, query);
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
