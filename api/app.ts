import { randomUUID } from 'node:crypto';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { ApplicationError } from '../application/error.ts';
import { MAX_BODY_BYTES } from './body.ts';
import type { Metrics } from './metrics.ts';
import type { OpenRoute, Route } from './route.ts';
import { methodAndPath } from './route.ts';
import { serve, type ServeDeps } from './serve.ts';
import { sendProblem, TransportError } from './problem.ts';

export interface AppOptions extends ServeDeps {
  readonly routes: readonly Route[];
  readonly openRoutes: readonly OpenRoute[];
  readonly metrics: Pick<Metrics, 'observe'>;
}

/** The HTTP edge: headers, body limits, one handler per route, problem details for everything else. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false); // Express would make weak ones
  app.set('query parser', 'simple');
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use((_request, response, next) => {
    response.locals['requestId'] = randomUUID();
    response.set('X-Request-Id', response.locals['requestId'] as string);
    next();
  });
  app.use(options.metrics.observe);
  for (const route of options.openRoutes) mountOpen(app, route);
  const body = express.raw({ type: () => true, limit: MAX_BODY_BYTES });
  for (const route of options.routes) mount(app, route, { body, options });
  refuseOtherMethods(app, [...options.openRoutes, ...options.routes]);
  app.use((request, _response, next) =>
    next(new ApplicationError('NOT_FOUND', `There is nothing at ${request.path}.`)),
  );
  app.use(errorHandler(options));
  return app;
}

type Verb = 'get' | 'post' | 'put' | 'delete';

function mountOpen(app: Express, route: OpenRoute): void {
  const { method, path } = methodAndPath(route.name);
  app[method as Verb](path, async (request, response) => {
    response.set('Cache-Control', 'no-store');
    await route.handle(request, response);
  });
}

function mount(
  app: Express,
  route: Route,
  { body, options }: { readonly body: express.RequestHandler; readonly options: ServeDeps },
): void {
  const { method, path } = methodAndPath(route.name);
  app[method as Verb](path, body, async (request: Request, response: Response) =>
    serve(options, route, { request, response }),
  );
}

/** A known path with another method is 405 with what is allowed, not 404. */
function refuseOtherMethods(app: Express, routes: readonly { name: Route['name'] }[]): void {
  const byPath = Map.groupBy(routes, (route) => methodAndPath(route.name).path);
  for (const [path, group] of byPath) {
    const methods = group.map((route) => methodAndPath(route.name).method.toUpperCase());
    const allowed = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
    app.all(path, () => {
      throw new TransportError('METHOD_NOT_ALLOWED', `Only ${allowed} here.`, {
        headers: { Allow: allowed },
      });
    });
  }
}

/** Four parameters: that is how Express knows it. */
function errorHandler({ onFault, isUnavailable }: ServeDeps) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const requestId = String(response.locals['requestId'] ?? '');
    const known = knownError(error, isUnavailable);
    if (known.code === 'INTERNAL') onFault(`${request.method} failed, request ${requestId}`, error);
    sendProblem(response, known, requestId);
  };
}

function knownError(
  error: unknown,
  isUnavailable: ServeDeps['isUnavailable'],
): ApplicationError | TransportError {
  if (error instanceof ApplicationError || error instanceof TransportError) return error;
  if (isUnavailable(error))
    return new ApplicationError(
      'STORE_UNAVAILABLE',
      'The database is out of reach; repeat the call with the same Idempotency-Key.',
      { retryAfter: 2, cause: error },
    );
  return (
    fromBodyParser(error) ?? new TransportError('INTERNAL', 'Something went wrong on our side.')
  );
}

/** Errors of express.raw, by the type that it documents; and paths that cannot be decoded. */
function fromBodyParser(error: unknown): TransportError | null {
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  if (type === 'entity.too.large')
    return new TransportError('PAYLOAD_TOO_LARGE', `A body has at most ${MAX_BODY_BYTES} bytes.`);
  if (type === 'encoding.unsupported')
    return new TransportError('UNSUPPORTED_MEDIA_TYPE', 'This Content-Encoding is not supported.');
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new TransportError('MALFORMED_JSON', 'The call could not be read.');
  return null;
}
