import type { Route } from '../route.ts';
import { actRoutes, type ActRouteDeps } from './act-on-request.ts';
import { readRoutes, type ReadRouteDeps } from './read-requests.ts';
import { submitRoute } from './submit-request.ts';
import type { SubmitDeps } from '../../application/submit-request.ts';

/** Everything under /v1/requests. */
export function requestRoutes(deps: ActRouteDeps & ReadRouteDeps & SubmitDeps): Route[] {
  return [submitRoute(deps), ...readRoutes(deps), ...actRoutes(deps)];
}
