import { assertNever } from './assert-never.ts';
import type { Binding } from './binding.ts';
import type { AccountabilityEvent, OpeningCause } from './event.ts';
import type { BoundPolicy, RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { openStage, type Clock, type Step } from './stage.ts';

/** What is known of a request before policy has spoken. */
export type Submission = Pick<
  RequestState,
  | 'requestId'
  | 'kind'
  | 'requester'
  | 'onBehalfOf'
  | 'owners'
  | 'actionDigest'
  | 'contentDigest'
  | 'reopens'
>;

/** Opens a request under the rule it was bound to: held, decided by the policy alone, or with its first stage open. */
export function openSubmission(submission: Submission, binding: Binding, clock: Clock): Step {
  const state: RequestState = {
    ...submission,
    tier: binding.tier,
    editors: [],
    amendments: 0,
    policy: boundPolicyOf(binding),
    heldBy: binding.heldBy,
    stage: null,
    decisions: [],
    voided: 0,
    delegations: [],
    discussion: [],
    resolution: null,
    proposals: [],
    debt: null,
    revision: 1,
    createdAt: clock.now,
  };
  const first: AccountabilityEvent[] = [
    { type: 'requested' },
    ...bindingEvents(binding, 'submitted'),
  ];
  const follow = begin(state, clock, 'order');
  return { state: follow.state, events: [...first, ...follow.events] };
}

/** What policy said: the rule that governs, rules that were skipped, and what shadows would have said. */
export function bindingEvents(
  { exceptions, shadow }: Binding,
  cause: 'submitted' | 'amended',
): AccountabilityEvent[] {
  return [
    { type: 'policy_bound', cause },
    ...exceptions.map((exception) => ({ type: 'exception_used', exception }) as const),
    ...shadow.map((one) => ({ type: 'shadow_evaluated', shadow: one }) as const),
  ];
}

/** What a request keeps of the policy it was bound to. */
export function boundPolicyOf({
  policy,
  rule,
  ruleIndex,
  controls,
  deadlines,
  boundUnder,
}: Binding): BoundPolicy {
  const { id, version, requireAcknowledgement } = policy;
  return {
    ...{ id, version, ruleIndex, rule, controls },
    requireAcknowledgement,
    deadlines,
    boundUnder,
  };
}

/** What follows from the rule before anybody has acted. */
export function begin(state: RequestState, clock: Clock, cause: OpeningCause): Step {
  const { heldBy } = state;
  if (heldBy.length > 0) return { state, events: [{ type: 'held', heldBy }] };
  const { effect } = state.policy.rule;
  switch (effect) {
    case 'approve':
      return resolve(state, { kind: 'approved', cause: 'policy', by: [] }, clock.now);
    case 'reject':
      return resolve(state, { kind: 'rejected', cause: 'policy', by: [] }, clock.now);
    case 'review':
      return openStage(state, 0, { ...clock, cause });
    default:
      return assertNever(effect);
  }
}
