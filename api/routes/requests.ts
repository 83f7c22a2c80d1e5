import type { Route } from '../route.ts';
import { actRoutes, type ActRouteDeps } from './act-on-request.ts';
import { eligibilityRoute } from './eligibility-history.ts';
import { exchangeRoutes } from './exchange.ts';
import { handoverRoutes } from './handover.ts';
import { readRoutes, type ReadRouteDeps } from './read-requests.ts';
import { previewRoute } from './preview.ts';
import { submitRoute } from './submit-request.ts';
import type { SubmitDeps } from '../../application/submit-request.ts';

/** Everything under /v1/requests. */
export function requestRoutes(deps: ActRouteDeps & ReadRouteDeps & SubmitDeps): Route[] {
  return [
    submitRoute(deps),
    previewRoute(deps),
    ...readRoutes(deps),
    eligibilityRoute(deps),
    ...actRoutes(deps),
    ...exchangeRoutes(deps),
    ...handoverRoutes(deps),
  ];
}
