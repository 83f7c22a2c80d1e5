import { randomUUID } from 'node:crypto';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { ApplicationError, storeUnavailable } from '../application/error.ts';
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

/** The HTTP edge: headers, one handler per route, problem details for everything else. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false); // Express would make weak ones
  app.set('query parser', 'simple');
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use((_request, response, next) => {
    const requestId = randomUUID();
    response.locals['requestId'] = requestId;
    response.set({ 'X-Request-Id': requestId, 'Cache-Control': 'no-store' });
    next();
  });
  app.use(options.metrics.observe);
  refuseHead(app, options.routes);
  // Those with a credential first: an open route with a wildcard stands for the rest.
  for (const route of options.routes) mount(app, route, options);
  for (const route of options.openRoutes) mountOpen(app, route);
  refuseOtherMethods(app, [...options.openRoutes, ...options.routes]);
  app.use((request, _response, next) =>
    next(new ApplicationError('NOT_FOUND', `There is nothing at ${request.path}.`)),
  );
  app.use(errorHandler(options));
  return app;
}

type Verb = 'get' | 'post' | 'put' | 'patch' | 'delete';

function mountOpen(app: Express, route: OpenRoute): void {
  const { method, path } = methodAndPath(route.name);
  app[method as Verb](path, async (request, response) => route.handle(request, response));
}

function mount(app: Express, route: Route, options: ServeDeps): void {
  const { method, path } = methodAndPath(route.name);
  app[method as Verb](path, async (request: Request, response: Response) =>
    serve(options, route, { request, response }),
  );
}

/** Express would answer HEAD with the handler of GET, and that must not happen where reading has effects. */
function refuseHead(app: Express, routes: readonly Route[]): void {
  for (const route of routes)
    if (route.head === false)
      app.head(methodAndPath(route.name).path, () => {
        throw notAllowed('GET');
      });
}

/** A known path with another method is 405 with what is allowed, not 404. */
function refuseOtherMethods(
  app: Express,
  routes: readonly (Pick<Route, 'name' | 'head'> | Pick<OpenRoute, 'name'>)[],
): void {
  const byPath = Map.groupBy(routes, (route) => methodAndPath(route.name).path);
  for (const [path, group] of byPath) {
    const allowed = group.flatMap((route) => {
      const method = methodAndPath(route.name).method.toUpperCase();
      const head = method === 'GET' && !('head' in route && route.head === false);
      return head ? ['GET', 'HEAD'] : [method];
    });
    app.all(path, () => {
      throw notAllowed(allowed.join(', '));
    });
  }
}

function notAllowed(allowed: string): TransportError {
  return new TransportError('METHOD_NOT_ALLOWED', `Only ${allowed} here.`, {
    headers: { Allow: allowed },
  });
}

/** Four parameters: that is how Express knows it. */
function errorHandler({ onFault, isUnavailable }: ServeDeps) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const requestId = String(response.locals['requestId'] ?? '');
    const known = knownError(error, isUnavailable);
    if (known.code === 'INTERNAL') onFault(`${request.method} failed, request ${requestId}`, error);
    // Half an answer is out already: cutting the connection is the only way to say that it is not whole.
    if (response.headersSent) response.destroy();
    else sendProblem(response, known, requestId);
  };
}

function knownError(
  error: unknown,
  isUnavailable: ServeDeps['isUnavailable'],
): ApplicationError | TransportError {
  if (error instanceof ApplicationError || error instanceof TransportError) return error;
  if (isUnavailable(error)) return storeUnavailable(error);
  return fromExpress(error) ?? new TransportError('INTERNAL', 'Something went wrong on our side.');
}

/** Express marks what the caller did with a status: paths that cannot be decoded, files that are not there. */
function fromExpress(error: unknown): ApplicationError | TransportError | null {
  const { status } = (error ?? {}) as { status?: unknown };
  if (status === 404) return new ApplicationError('NOT_FOUND', 'There is no such page.');
  if (typeof status !== 'number' || status < 400 || status >= 500) return null;
  return new TransportError('BAD_REQUEST', 'The address could not be read.');
}
