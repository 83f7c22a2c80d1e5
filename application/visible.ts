import { statusOf, type RequestState } from '../domain/request.ts';
import type { Visible } from '../domain/step-result.ts';

/** @returns what operators may see of a request in Temporal. */
export function visibleOf(state: RequestState): Visible {
  return {
    status: statusOf(state),
    risk: state.tier,
    roles: [...new Set(state.stage?.roles.flat() ?? [])].sort(),
    due: state.stage?.deadline ?? null,
  };
}
