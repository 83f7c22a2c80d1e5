import type { AccountabilityEvent } from './event.ts';
import type { Instant } from './instant.ts';
import type { OverrideEffect } from './policy.ts';
import type { RequestState, Resolution, ResolutionKind, ResolvedBy } from './request.ts';
import type { Step } from './stage.ts';

interface Ending {
  readonly kind: ResolutionKind;
  readonly cause: ResolvedBy;
  readonly by: readonly string[];
  readonly effect?: OverrideEffect;
}

/** Ends a request: no stage is open any more, and the last event says how it ended. */
export function resolve(state: RequestState, ending: Ending, now: Instant): Step {
  const effect = ending.effect ?? null;
  const resolution: Resolution = {
    kind: ending.kind,
    effect,
    mayProceed: ending.kind === 'approved' || effect === 'force',
    at: now,
    by: [...new Set(ending.by)],
    cause: ending.cause,
  };
  const event: AccountabilityEvent = {
    type: 'resolved',
    resolution,
    decisions: state.voided + state.decisions.length,
  };
  return { state: { ...state, stage: null, resolution }, events: [event] };
}
