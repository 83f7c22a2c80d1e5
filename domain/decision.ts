import { ended, type Act, type Answered } from './answer.ts';
import type { Actor, Command } from './command.ts';
import { eligibility, type Capacity } from './eligibility.ts';
import type { AccountabilityEvent } from './event.ts';
import { stageVerdict, tallyOf } from './quorum.ts';
import type { RefusalReason } from './refusal.ts';
import type { Decision, OpenStage, RequestState } from './request.ts';
import { resolve } from './resolution.ts';
import { decisionsOf, openStage, stageAt, type Clock, type Step } from './stage.ts';

type Decide = Extract<Command, { kind: 'decide' }>;

/**
 * Applies one person's decision.
 *
 * @returns a refused decision leaves the state as it was and still yields an event to seal.
 * @throws never.
 * @source product contract 3.2, docs/adr/0002-transactional-step.md
 */
export function applyDecision(state: RequestState, command: Decide, act: Act): Answered {
  const admission = admit(state, command, act.actor);
  if (admission.kind === 'refused') return refusedOn(state, command, admission.reason);
  const { stage } = admission;
  const decision = decisionOf(command, admission, act);
  const claims = stage.claims.filter(({ person }) => person !== act.actor.id);
  const decided = {
    ...state,
    stage: { ...stage, claims },
    decisions: [...state.decisions, decision],
  };
  const tally = tallyOf(stageAt(state, stage.index), decisionsOf(decided, stage.index));
  const { viewed } = act.actor;
  const event: AccountabilityEvent = { type: 'decided', decision, tally, viewed };
  const follow = settle(decided, stage, act);
  return {
    state: follow.state,
    events: [event, ...follow.events],
    outcome:
      follow.state.resolution === null
        ? { kind: 'counted', approvals: tally.approvals, needed: tally.needed }
        : { kind: 'settled', resolution: follow.state.resolution },
  };
}

/** The record names the content that the person acted on. */
function refusedOn(
  state: RequestState,
  { contentDigest }: Decide,
  reason: RefusalReason,
): Answered {
  return {
    state,
    events: [{ type: 'refused', command: 'decide', reason, contentDigest }],
    outcome: { kind: 'refused', reason },
  };
}

interface Admitted extends Capacity {
  readonly kind: 'admitted';
  readonly stage: OpenStage;
}

function decisionOf({ verdict }: Decide, admitted: Admitted, { actor, now }: Act): Decision {
  const { stage, groups, role, standIn } = admitted;
  return {
    person: actor.id,
    delegatedBy: standIn?.principal.id ?? null,
    delegation: standIn?.id ?? null,
    verdict,
    stage: stage.index,
    groups,
    role,
    assurance: actor.assurance,
    at: now,
  };
}

type Admission = Admitted | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** Reasons that come after what was seen of the content, in the order of the contract. */
const LATE: readonly RefusalReason[] = ['ACKNOWLEDGEMENT_MISSING', 'TRAINING_EXPIRED'];

/** The questions in the order of the contract; the first "no" is the answer. */
function admit(state: RequestState, command: Decide, actor: Actor): Admission {
  const over = ended(state);
  if (over !== null) return no(over);
  const { stage } = state;
  if (stage === null) return no('STAGE_CLOSED');
  const may = eligibility(state, stage, actor);
  if (may.kind === 'excluded' && !LATE.includes(may.reason)) return no(may.reason);
  if (command.contentDigest !== state.contentDigest) return no('STALE_DIGEST');
  if (requiresView(state) && actor.viewed === null) return no('NOT_VIEWED');
  if (may.kind === 'excluded') return no(may.reason);
  if (actor.assurance < stageAt(state, stage.index).assurance) return no('ASSURANCE_TOO_LOW');
  return { ...may, kind: 'admitted', stage };
}

function no(reason: RefusalReason): Admission {
  return { kind: 'refused', reason };
}

/** Rules say whether a view is needed; where they are silent, a high tier needs one. */
export function requiresView(state: RequestState): boolean {
  return state.policy.rule.requireView ?? state.tier === 'high';
}

/** What the decisions so far bring about: nothing yet, the next stage, or the end. */
function settle(state: RequestState, stage: OpenStage, clock: Clock): Step {
  const here = decisionsOf(state, stage.index);
  const verdict = stageVerdict(stageAt(state, stage.index), here);
  if (verdict === 'open') return { state, events: [] };
  if (verdict === 'rejected') {
    const by = here.filter((one) => one.verdict === 'reject').map((one) => one.person);
    return resolve(state, { kind: 'rejected', cause: 'people', by }, clock.now);
  }
  if (stage.index + 1 < state.policy.rule.stages.length)
    return openStage(state, stage.index + 1, clock);
  const by = state.decisions.filter((one) => one.verdict === 'approve').map((one) => one.person);
  return resolve(state, { kind: 'approved', cause: 'people', by }, clock.now);
}
