import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import { eligibilityAt } from '../../application/eligibility-history.ts';
import { requestId } from '../call.ts';
import { eligibilityQuery, eligibilityShape } from '../contract/eligibility-history.ts';
import { ok, type Route } from '../route.ts';

/** Who could have decided at an instant. */
export function eligibilityRoute(deps: Deps): Route {
  return {
    name: 'GET /v1/requests/:id/eligibility',
    summary: 'Who could decide at an instant, who could not and by which rule, who had been told',
    description:
      'Made again from the sealed records and the directory as both were known by then. Each list shows at most 1,000 entries; `counts` says how many there are.',
    query: eligibilityQuery,
    answers: { 200: { description: 'that instant', schema: eligibilityShape } },
    handle: async (call) => {
      const { at = null } = call.query as z.infer<typeof eligibilityQuery>;
      return ok(await eligibilityAt(deps, call.principal, { requestId: requestId(call), at }));
    },
  };
}
