import type { Request, Response } from 'express';
import { ApplicationError } from '../application/error.ts';
import type { Authenticator } from '../application/identity.ts';
import type { Principal } from '../application/principal.ts';
import { checkBody, checkQuery, readBody } from './body.ts';
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
  const principal = await authenticate(request, deps.authenticator);
  const params = request.params as Record<string, string>;
  try {
    authorize(principal, permissionOf(route.name));
    const call = { ...readCall(route, request, principal), gone: goneSignal(request, response) };
    send(response, await route.handle(call));
  } catch (error) {
    if (error instanceof ApplicationError && error.code === 'FORBIDDEN')
      await deps.turnedAway(principal, route.name, params);
    throw error;
  }
}

function readCall(route: Route, request: Request, principal: Principal): Omit<Call, 'gone'> {
  const takesBody = route.body !== undefined;
  const { text, mediaType, value } = takesBody
    ? readBody(request, route.textTypes ?? [])
    : { text: '', mediaType: '', value: null };
  const isText = (route.textTypes ?? []).includes(mediaType);
  return {
    principal,
    params: request.params as Record<string, string>,
    query: checkQuery(route.query, request.query),
    body: route.body === undefined || isText ? value : checkBody(route.body, value),
    text,
    mediaType,
    key: readKey(request),
    header: (name) => request.get(name) ?? null,
  };
}

function readKey(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined) return null;
  if (KEY.test(key)) return key;
  throw new TransportError(
    'BAD_QUERY',
    'An Idempotency-Key has 1 to 255 visible ASCII characters.',
    { problems: [{ pointer: '', message: 'Idempotency-Key: 1 to 255 visible ASCII characters' }] },
  );
}

function goneSignal(request: Request, response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  request.once('aborted', () => controller.abort());
  return controller.signal;
}

function send(response: Response, answer: RouteAnswer): void {
  response.set('Cache-Control', 'no-store');
  response.set(answer.headers);
  if (answer.replayed === true) response.set('Idempotent-Replayed', 'true');
  response.status(answer.status);
  if (answer.status === 204 || answer.status === 304) response.end();
  else response.type('application/json').send(JSON.stringify(answer.body));
}
