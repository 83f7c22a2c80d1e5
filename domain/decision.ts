import type { Actor, Command, CommandOutcome } from './command.ts';
import { eligibility } from './eligibility.ts';
import type { AccountabilityEvent } from './event.ts';
import type { Instant } from './instant.ts';
import { stageVerdict, tallyOf } from './quorum.ts';
import type { RefusalReason } from './refusal.ts';
import type { Decision, OpenStage, RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { decisionsOf, openStage, stageAt, type Step } from './stage.ts';

/** A step with the answer for the one who asked. */
export interface Answered extends Step {
  readonly outcome: CommandOutcome;
}

type Decide = Extract<Command, { kind: 'decide' }>;

interface Act {
  readonly actor: Actor;
  readonly now: Instant;
}

/**
 * Applies one person's decision.
 *
 * @returns a refused decision leaves the state as it was and still yields an event to seal.
 * @throws never.
 * @source product contract 3.2, docs/adr/0002-transactional-step.md
 */
export function applyDecision(state: RequestState, command: Decide, act: Act): Answered {
  const admission = admit(state, command, act.actor);
  if (admission.kind === 'refused') return refuseDecision(state, command, admission.reason);
  const { stage, group } = admission;
  const decision: Decision = {
    person: act.actor.id,
    delegatedBy: null,
    verdict: command.verdict,
    stage: stage.index,
    group,
    assurance: act.actor.assurance,
    at: act.now,
  };
  const decided = { ...state, decisions: [...state.decisions, decision] };
  const tally = tallyOf(stageAt(state, stage.index), decisionsOf(decided, stage.index));
  const event: AccountabilityEvent = {
    type: 'decided',
    decision,
    tally,
    viewed: act.actor.viewed,
  };
  const follow = settle(decided, stage, act.now);
  return {
    state: follow.state,
    events: [event, ...follow.events],
    outcome:
      follow.state.resolution === null
        ? { kind: 'counted', approvals: tally.approvals, needed: tally.needed }
        : { kind: 'settled', resolution: follow.state.resolution },
  };
}

type Admission =
  | { readonly kind: 'admitted'; readonly stage: OpenStage; readonly group: number }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** The questions in the order of the contract; the first "no" is the answer. */
function admit(state: RequestState, command: Decide, actor: Actor): Admission {
  const { stage, resolution } = state;
  if (resolution !== null) return no(resolution.kind === 'expired' ? 'EXPIRED' : 'RESOLVED');
  if (stage === null) return no('STAGE_CLOSED');
  const may = eligibility(state, stage, actor);
  if (may.kind === 'excluded') return no(may.reason);
  if (command.contentDigest !== state.contentDigest) return no('STALE_DIGEST');
  if (requiresView(state) && actor.viewed === null) return no('NOT_VIEWED');
  if (actor.assurance < stageAt(state, stage.index).assurance) return no('ASSURANCE_TOO_LOW');
  return { kind: 'admitted', stage, group: may.group };
}

function no(reason: RefusalReason): Admission {
  return { kind: 'refused', reason };
}

/** Rules say whether a view is needed; where they are silent, a high tier needs one. */
export function requiresView(state: RequestState): boolean {
  return state.policy.rule.requireView ?? state.tier === 'high';
}

function refuseDecision(state: RequestState, command: Decide, reason: RefusalReason): Answered {
  const { contentDigest } = command;
  return {
    state,
    events: [{ type: 'refused', command: 'decide', reason, contentDigest }],
    outcome: { kind: 'refused', reason },
  };
}

/** What the decisions so far bring about: nothing yet, the next stage, or the end. */
function settle(state: RequestState, stage: OpenStage, now: Instant): Step {
  const here = decisionsOf(state, stage.index);
  const verdict = stageVerdict(stageAt(state, stage.index), here);
  if (verdict === 'open') return { state, events: [] };
  if (verdict === 'rejected') {
    const by = here.filter((one) => one.verdict === 'reject').map((one) => one.person);
    return resolve(state, { kind: 'rejected', cause: 'people', by }, now);
  }
  if (stage.index + 1 < state.policy.rule.stages.length)
    return openStage(state, stage.index + 1, now);
  const by = state.decisions.filter((one) => one.verdict === 'approve').map((one) => one.person);
  return resolve(state, { kind: 'approved', cause: 'people', by }, now);
}
