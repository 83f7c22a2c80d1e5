import type { Express } from 'express';
import type { ActDeps } from '../application/approval-service.ts';
import { recordTurnedAway } from '../application/access-log.ts';
import type { ChangeWaiter } from '../application/change-waiter.ts';
import type { Authenticator } from '../application/identity.ts';
import type { StreamHeadDeps } from '../application/log-queries.ts';
import type { SubmitDeps } from '../application/submit-request.ts';
import { isStoreUnavailable } from '../application/store-fault.ts';
import { createApp } from './app.ts';
import type { Readiness } from './health.ts';
import type { Metrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import type { OpenRoute, Route } from './route.ts';
import { acknowledgementRoutes } from './routes/acknowledgements.ts';
import { absenceRoutes } from './routes/absences.ts';
import { appKeyRoutes, appRoutes } from './routes/apps.ts';
import { calendarRoutes } from './routes/calendars.ts';
import { delegationRoutes } from './routes/delegations.ts';
import { exceptionRoutes } from './routes/exceptions.ts';
import { guardedLogRoutes, openLogRoutes } from './routes/log.ts';
import { openRoutes } from './routes/open.ts';
import { importRoutes } from './routes/people-import.ts';
import { peopleRoutes } from './routes/people.ts';
import { policyRoutes } from './routes/policies.ts';
import { requestRoutes } from './routes/requests.ts';
import { roleRoutes } from './routes/roles.ts';
import { trainingRoutes } from './routes/trainings.ts';

export interface ApiDeps extends ActDeps, SubmitDeps, StreamHeadDeps {
  readonly authenticator: Authenticator;
  readonly waiter: ChangeWaiter;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
}

/** Every operation that needs a credential. */
export function guardedRoutes(deps: ApiDeps): Route[] {
  return [
    ...requestRoutes(deps),
    ...policyRoutes(deps),
    ...acknowledgementRoutes(deps),
    ...exceptionRoutes(deps),
    ...calendarRoutes(deps),
    ...peopleRoutes(deps),
    ...importRoutes(deps),
    ...roleRoutes(deps),
    ...absenceRoutes(deps),
    ...delegationRoutes(deps),
    ...trainingRoutes(deps),
    ...appRoutes(deps),
    ...appKeyRoutes(deps),
    ...guardedLogRoutes(deps),
  ];
}

/** Puts the routes together with what they need. */
export function createApi(deps: ApiDeps): Express {
  const routes = guardedRoutes(deps);
  let document: unknown = null;
  const open: readonly OpenRoute[] = [
    ...openLogRoutes(deps),
    ...openRoutes({
      ...deps,
      document: () =>
        (document ??= openApiDocument({
          routes,
          openRoutes: open,
          version: deps.software,
          publicUrl: deps.publicUrl,
        })),
    }),
  ];
  return createApp({
    routes,
    openRoutes: open,
    authenticator: deps.authenticator,
    metrics: deps.metrics,
    onFault: deps.onFault ?? (() => undefined),
    isUnavailable: isStoreUnavailable,
    turnedAway: (principal, route, params) =>
      recordTurnedAway(deps, principal, { route, requestId: params['id'] ?? null }),
  });
}
