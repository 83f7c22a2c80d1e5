import type { Actor } from './command.ts';
import { groupVerdict } from './quorum.ts';
import type { RefusalReason } from './refusal.ts';
import { partiesOf, type OpenStage, type RequestState } from './request.ts';
import { decisionsOf, stageAt } from './stage.ts';

/** The part of a person that eligibility asks about. */
export type Candidate = Pick<Actor, 'id' | 'roles' | 'absent'>;

export type Eligibility =
  | { readonly kind: 'eligible'; readonly group: number }
  | { readonly kind: 'excluded'; readonly reason: RefusalReason };

/**
 * Whether a person may decide in the open stage now, and in which group the decision counts.
 *
 * @returns the first reason that fits in the order of the contract: OWN_REQUEST, ALREADY_DECIDED,
 *          NOT_ELIGIBLE (no role, absent, or decided in a stage this one must be distinct from).
 * @source product contract 3.2 and 4: one person counts once, whatever surface or role.
 */
export function eligibility(state: RequestState, stage: OpenStage, person: Candidate): Eligibility {
  if (partiesOf(state).includes(person.id)) return excluded('OWN_REQUEST');
  const here = decisionsOf(state, stage.index);
  if (here.some((decision) => decision.person === person.id)) return excluded('ALREADY_DECIDED');
  if (person.absent || decidedInDistinctStage(state, stage, person.id))
    return excluded('NOT_ELIGIBLE');
  const rule = stageAt(state, stage.index);
  const mine = stage.roles.flatMap((roles, group) =>
    roles.some((role) => person.roles.includes(role)) ? [group] : [],
  );
  const open = mine.find((group) => groupVerdict(rule, group, here) === 'open');
  return open === undefined ? excluded('NOT_ELIGIBLE') : { kind: 'eligible', group: open };
}

function excluded(reason: RefusalReason): Eligibility {
  return { kind: 'excluded', reason };
}

function decidedInDistinctStage(state: RequestState, stage: OpenStage, person: string): boolean {
  const distinct = stageAt(state, stage.index).distinctFrom;
  return state.decisions.some(
    (decision) =>
      decision.person === person && distinct.includes(stageAt(state, decision.stage).name),
  );
}
