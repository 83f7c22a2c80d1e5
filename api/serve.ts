import type { Request, Response } from 'express';
import { ApplicationError } from '../application/error.ts';
import type { Authenticator } from '../application/identity.ts';
import type { Principal } from '../application/principal.ts';
import { checkBody, checkQuery, readBody } from './body.ts';
import { noneMatchNames } from './conditional.ts';
import { noQuery } from './contract/common.ts';
import { authenticate, authorize } from './guard.ts';
import { TransportError } from './problem.ts';
import { permissionOf, type Call, type Route, type RouteAnswer } from './route.ts';

export interface ServeDeps {
  readonly authenticator: Authenticator;
  readonly onFault: (message: string, error: unknown) => void;
  /** Whether an error says that the database is out of reach. */
  readonly isUnavailable: (error: unknown) => boolean;
  /** Writes to the access log who was turned away. */
  readonly turnedAway: (
    principal: Principal,
    route: string,
    params: Call['params'],
  ) => Promise<void>;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/** One call from credential to answer: who, may they, what do they say, do it, answer. */
export async function serve(
  deps: ServeDeps,
  route: Route,
  { request, response }: { readonly request: Request; readonly response: Response },
): Promise<void> {
  const gone = goneSignal(response);
  const principal = await authenticate(request, deps.authenticator);
  try {
    authorize(principal, permissionOf(route.name), paramsOf(request));
    const call = { ...(await readCall(route, request)), principal, gone };
    send(request, response, await route.handle(call));
  } catch (error) {
    if (error instanceof ApplicationError && error.code === 'FORBIDDEN')
      await deps.turnedAway(principal, route.name, paramsOf(request));
    throw error;
  }
}

/** Nobody unknown makes us read a body. A body where none belongs means nothing. @source RFC 9110 9.3.1 */
async function readCall(route: Route, request: Request): Promise<Omit<Call, 'principal' | 'gone'>> {
  const query = checkQuery(route.query ?? noQuery, request.query);
  const key = readKey(request);
  const { text, mediaType, value } =
    route.body === undefined ? NO_BODY : await readBody(request, route.textTypes);
  const asText = route.textTypes?.includes(mediaType) === true;
  return {
    params: paramsOf(request),
    query,
    body: route.body === undefined || asText ? value : checkBody(route.body, value),
    text,
    mediaType,
    key,
    header: (name) => request.get(name) ?? null,
  };
}

const NO_BODY = { text: '', mediaType: '', value: null } as const;

function paramsOf(request: Request): Call['params'] {
  return request.params as Record<string, string>;
}

function readKey(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined) return null;
  if (KEY.test(key)) return key;
  throw new TransportError(
    'BAD_HEADER',
    'An Idempotency-Key has 1 to 255 visible ASCII characters and is sent once.',
  );
}

function goneSignal(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** Without Express's own idea of a charset. */
export function sendRaw(response: Response, raw: NonNullable<RouteAnswer['raw']>): void {
  response.setHeader('Content-Type', raw.mediaType);
  const { bytes } = raw;
  response.send(Buffer.from(bytes as Uint8Array));
}

function send(request: Request, response: Response, answer: RouteAnswer): void {
  response.set(answer.headers);
  if (answer.replayed === true) response.set('Idempotent-Replayed', 'true');
  const etag = answer.headers['ETag'];
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const isKnown =
    isRead && etag !== undefined && noneMatchNames(request.get('if-none-match') ?? null, etag);
  response.status(isKnown ? 304 : answer.status);
  if (isKnown || answer.status === 204) response.end();
  else if (answer.raw !== undefined) sendRaw(response, answer.raw);
  else response.type('application/json').send(JSON.stringify(answer.body));
}
