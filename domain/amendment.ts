import { ended, refused, type Act, type Answered } from './answer.ts';
import type { Command } from './command.ts';
import type { AccountabilityEvent } from './event.ts';
import { begin, bindingEvents, boundPolicyOf } from './opening.ts';
import { RISK_TIERS, type RiskTier } from './policy.ts';
import { tallyOf } from './quorum.ts';
import { isRequester, type RequestState } from './request.ts';
import { decisionsOf, stageAt } from './stage.ts';

/**
 * The requester changes what is asked for. The content has new digests, is put before the same policy
 * versions again, and every approval so far is void: it was given for something else.
 *
 * @returns refused with EXPIRED, RESOLVED or NOT_ELIGIBLE (somebody else); done, or settled where the
 *          policy decides the new content alone. A tier never falls.
 * @source product contract 3.2; docs/adr/0012-engine.md
 */
export function applyAmendment(
  state: RequestState,
  { amendment }: Extract<Command, { kind: 'amend' }>,
  act: Act,
): Answered {
  const over = ended(state);
  if (over !== null) return refused(state, 'amend', over);
  if (amendment === null || !isRequester(state, act.actor))
    return refused(state, 'amend', 'NOT_ELIGIBLE');
  const { binding, actionDigest, contentDigest } = amendment;
  const editor = act.actor.type === 'person' ? [act.actor.id] : [];
  const amended: RequestState = {
    ...state,
    tier: higher(state.tier, binding.tier),
    actionDigest,
    contentDigest,
    amendments: state.amendments + 1,
    editors: [...new Set([...state.editors, ...editor])],
    policy: boundPolicyOf(binding),
    heldBy: binding.heldBy,
    stage: null,
    decisions: [],
    voided: state.voided + state.decisions.length,
    proposals: [],
  };
  const follow = begin(amended, act, 'amended');
  const events: AccountabilityEvent[] = [
    {
      type: 'amended',
      beforeActionDigest: state.actionDigest,
      beforeContentDigest: state.contentDigest,
      voided: state.decisions.length,
    },
    ...closing(state),
    ...bindingEvents(binding, 'amended'),
    ...follow.events,
  ];
  const { resolution } = follow.state;
  return {
    state: follow.state,
    events,
    outcome: resolution === null ? { kind: 'done' } : { kind: 'settled', resolution },
  };
}

/** The stage that was open is over, with what it had. */
function closing(state: RequestState): AccountabilityEvent[] {
  const { stage } = state;
  if (stage === null) return [];
  const rule = stageAt(state, stage.index);
  const { approvals, rejections } = tallyOf(rule, decisionsOf(state, stage.index));
  return [{ type: 'stage_closed', stage: stage.index, approvals, rejections }];
}

function higher(a: RiskTier, b: RiskTier): RiskTier {
  return RISK_TIERS.indexOf(a) < RISK_TIERS.indexOf(b) ? b : a;
}
