import { assertNever } from './assert-never.ts';
import type { Binding } from './binding.ts';
import type { Actor, Command, CommandOutcome } from './command.ts';
import { applyDecision, type Answered } from './decision.ts';
import { isVisible, type AccountabilityEvent } from './event.ts';
import type { Instant } from './instant.ts';
import { applyOverride } from './override.ts';
import type { RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { openStage, type Step } from './stage.ts';
import { catchUp, nextInstant } from './timeline.ts';
import { applyWithdrawal } from './withdrawal.ts';

/** What one command or tick brought about. */
export interface Applied {
  readonly state: RequestState;
  /** null for a tick: nobody asked. */
  readonly outcome: CommandOutcome | null;
  /** In the order in which they are sealed; empty when nothing happened. */
  readonly events: readonly AccountabilityEvent[];
  /** When time alone changes something next; null = never. */
  readonly wakeAt: Instant | null;
}

/** What is known of a request before policy has spoken. */
export type Submission = Pick<
  RequestState,
  'requestId' | 'kind' | 'requester' | 'onBehalfOf' | 'actionDigest' | 'contentDigest'
>;

/**
 * Opens a request under the rule it was bound to: held, decided by the policy alone, or with its first
 * stage open.
 */
export function openRequest(submission: Submission, binding: Binding, now: Instant): Applied {
  const { policy, rule, ruleIndex, tier, heldBy } = binding;
  const state: RequestState = {
    ...submission,
    tier,
    editors: [],
    policy: { id: policy.id, version: policy.version, ruleIndex, rule },
    heldBy,
    stage: null,
    decisions: [],
    resolution: null,
    revision: 1,
    createdAt: now,
  };
  const first: AccountabilityEvent[] = [{ type: 'requested' }, { type: 'policy_bound' }];
  const follow = begin(state, now);
  const events = [...first, ...follow.events];
  return { state: follow.state, outcome: null, events, wakeAt: nextInstant(follow.state) };
}

function begin(state: RequestState, now: Instant): Step {
  const { heldBy } = state;
  if (heldBy.length > 0) return { state, events: [{ type: 'held', heldBy }] };
  const { effect } = state.policy.rule;
  switch (effect) {
    case 'approve':
      return resolve(state, { kind: 'approved', cause: 'policy', by: [] }, now);
    case 'reject':
      return resolve(state, { kind: 'rejected', cause: 'policy', by: [] }, now);
    case 'review':
      return openStage(state, 0, now);
    default:
      return assertNever(effect);
  }
}

/**
 * The one way in which a request changes after it was opened: time first, then the command.
 *
 * @param command null = a tick: nothing but time.
 * @throws never.
 */
export function applyCommand(
  state: RequestState,
  command: Command | null,
  act: { readonly actor: Actor | null; readonly now: Instant },
): Applied {
  const now = act.now;
  const timed = catchUp(state, now);
  const answered =
    command === null || act.actor === null
      ? { state: timed.state, events: [], outcome: null }
      : dispatch(timed.state, command, { actor: act.actor, now });
  const events = [...timed.events, ...answered.events];
  const next = answered.state;
  const changed = events.some(isVisible);
  return {
    state: changed ? { ...next, revision: state.revision + 1 } : next,
    outcome: answered.outcome,
    events,
    wakeAt: nextInstant(next),
  };
}

function dispatch(
  state: RequestState,
  command: Command,
  act: { readonly actor: Actor; readonly now: Instant },
): Answered {
  switch (command.kind) {
    case 'view':
      return {
        state,
        events: [{ type: 'viewed', person: act.actor.id }],
        outcome: { kind: 'done' },
      };
    case 'decide':
      return applyDecision(state, command, act);
    case 'override':
      return applyOverride(state, command, act);
    case 'withdraw':
      return applyWithdrawal(state, act);
    default:
      return assertNever(command);
  }
}
