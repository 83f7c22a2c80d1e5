import { ended, refused, type Act, type Answered } from './answer.ts';
import type { Command } from './command.ts';
import { eligibility } from './eligibility.ts';
import type { Instant } from './instant.ts';
import type { RefusalReason } from './refusal.ts';
import { partiesOf, type OpenStage, type RequestDelegation, type RequestState } from './request.ts';
import type { Candidate, Reviewer, StandIn } from './reviewer.ts';

type Delegate = Extract<Command, { kind: 'delegate' }>;

/** So many delegations of one request; who has more to pass on needs other reviewers. */
export const MOST_DELEGATIONS = 20;

/**
 * Somebody who may decide lets another person do so in their name, for this request and for a time. The
 * other gets the rights of the first as they are when they act, and cannot pass them on.
 *
 * @returns refused with EXPIRED, RESOLVED, STAGE_CLOSED, why the person may not decide themselves (where
 *          only in somebody else's name: DELEGATION_INVALID), DELEGATION_INVALID (to oneself, to a party, in
 *          a circle, over already, too many) or REASON_TOO_SHORT; else done.
 * @source product contract 3.2 and 4; docs/adr/0012-engine.md
 */
export function applyDelegation(state: RequestState, command: Delegate, act: Act): Answered {
  const { stage } = state;
  const reason =
    ended(state) ?? (stage === null ? 'STAGE_CLOSED' : mayDelegate(state, stage, { command, act }));
  if (stage === null || reason !== null)
    return refused(state, 'delegate', reason ?? 'STAGE_CLOSED');
  const { to, from, until } = command;
  const delegation: RequestDelegation = { id: act.id, person: act.actor.id, to, from, until };
  return {
    state: { ...state, delegations: [...state.delegations, delegation] },
    events: [{ type: 'delegated', delegation, stage: stage.index }],
    outcome: { kind: 'done', made: 'delegation' },
  };
}

function mayDelegate(
  state: RequestState,
  stage: OpenStage,
  { command, act }: { readonly command: Delegate; readonly act: Act },
): RefusalReason | null {
  const { actor } = act;
  // Who is absent may still hand over: that is what it is for.
  const own: Candidate = { ...actor, absent: false, standsFor: [] };
  const asParty = eligibility(state, stage, actor);
  if (asParty.kind === 'excluded' && asParty.reason === 'OWN_REQUEST') return 'OWN_REQUEST';
  const may = eligibility(state, stage, own);
  if (may.kind === 'excluded')
    return asParty.kind === 'eligible' && asParty.standIn !== null
      ? 'DELEGATION_INVALID'
      : may.reason;
  if (!isPossible(state, command, act)) return 'DELEGATION_INVALID';
  return command.reasonLength < 1 ? 'REASON_TOO_SHORT' : null;
}

/** Not to oneself or to a party, not for a time that is over, not in a circle, and not too many. */
function isPossible(state: RequestState, command: Delegate, { actor, now }: Act): boolean {
  const { to, from, until } = command;
  return (
    to !== actor.id &&
    until > now &&
    until > from &&
    state.delegations.length < MOST_DELEGATIONS &&
    !partiesOf(state).includes(to) &&
    !goesInCircle(state, command, actor.id)
  );
}

/** Two people who hand the same thing to each other have handed it to nobody. */
function goesInCircle(state: RequestState, { to, from, until }: Delegate, person: string): boolean {
  const overlapping = state.delegations.filter((one) => one.from < until && from < one.until);
  const reached = new Set<string>();
  const follow = (someone: string): boolean => {
    if (someone === person) return true;
    if (reached.has(someone)) return false;
    reached.add(someone);
    return overlapping.filter((one) => one.person === someone).some((one) => follow(one.to));
  };
  return follow(to);
}

/** @returns the delegations of this request that let `person` act at `now`. */
export function delegationsTo(
  { delegations }: RequestState,
  person: string,
  now: Instant,
): readonly RequestDelegation[] {
  return delegations.filter(({ to, from, until }) => to === person && from <= now && now < until);
}

/**
 * @param principals people who delegated in this request, as the directory has them.
 * @returns the person with those they may stand in for in this request added.
 */
export function withDelegations<P extends Candidate>(
  state: RequestState,
  person: P,
  { principals, now }: { readonly principals: readonly Reviewer[]; readonly now: Instant },
): P {
  const added = delegationsTo(state, person.id, now).flatMap((delegation): StandIn[] => {
    const principal = principals.find(({ id }) => id === delegation.person);
    if (principal === undefined) return [];
    return [{ id: delegation.id, source: 'request', principal, role: null, kind: null }];
  });
  return added.length === 0 ? person : { ...person, standsFor: [...added, ...person.standsFor] };
}
