import { openGroups } from './quorum.ts';
import type { Group } from './policy.ts';
import type { RefusalReason } from './refusal.ts';
import { partiesOf, type Decision, type OpenStage, type RequestState } from './request.ts';
import {
  isTrained,
  meetsConditions,
  type Candidate,
  type Reviewer,
  type StandIn,
} from './reviewer.ts';
import { decisionsOf, stageAt } from './stage.ts';

/** In what capacity somebody may decide. */
export interface Capacity {
  /** Groups of the stage in which the decision can count; never empty. */
  readonly groups: readonly number[];
  /** The role under which it counts. */
  readonly role: string;
  /** null = in their own right. */
  readonly standIn: StandIn | null;
}

export type Eligibility =
  | ({ readonly kind: 'eligible' } & Capacity)
  | { readonly kind: 'excluded'; readonly reason: RefusalReason };

/**
 * Whether a person may decide in the open stage now, in which groups the decision can count, and whether
 * in their own right or for somebody else.
 *
 * @returns the first reason that fits in the order of the contract: OWN_REQUEST (asked for it, owns it,
 *          profits from it, changed it, or stands in for somebody who did), ALREADY_DECIDED (also: somebody
 *          decided in their name, or whoever they stand in for has decided), NOT_ELIGIBLE (no role, absent, other team or region, moved away, decided
 *          in a stage this one must be distinct from), ACKNOWLEDGEMENT_MISSING, TRAINING_EXPIRED.
 * @source product contract 3.2 and 4: one person counts once, whatever surface or role; docs/adr/0012-engine.md
 */
export function eligibility(state: RequestState, stage: OpenStage, person: Candidate): Eligibility {
  if (isParty(state, person)) return excluded('OWN_REQUEST');
  const here = decisionsOf(state, stage.index);
  if (here.some((decision) => isVoiceOf(decision, person.id))) return excluded('ALREADY_DECIDED');
  if (person.absent || stage.barred.includes(person.id)) return excluded('NOT_ELIGIBLE');
  if (decidedInDistinctStage(state, stage, person.id)) return excluded('NOT_ELIGIBLE');
  const rule = stageAt(state, stage.index);
  const open = openGroups(rule, here);
  if (capacityOf({ state, stage, open }, person) === null)
    return excluded(isSpent(state, stage, person) ? 'ALREADY_DECIDED' : 'NOT_ELIGIBLE');
  if (lacksAcknowledgement(state, person)) return excluded('ACKNOWLEDGEMENT_MISSING');
  // Trainings are asked of whoever acts.
  const trained = open.filter((group) => isTrained(rule.groups[group] as Group, person));
  const capacity = capacityOf({ state, stage, open: trained }, person);
  return capacity === null ? excluded('TRAINING_EXPIRED') : { kind: 'eligible', ...capacity };
}

function excluded(reason: RefusalReason): Eligibility {
  return { kind: 'excluded', reason };
}

/** Whoever stands in for a party is as bound as the party. */
export function isParty(state: RequestState, person: Candidate): boolean {
  const parties = partiesOf(state);
  if (parties.includes(person.id)) return true;
  return person.standsFor.some(
    ({ principal, kind }) => isOfKind(state, kind) && parties.includes(principal.id),
  );
}

function isOfKind(state: RequestState, kind: string | null): boolean {
  return kind === null || kind === state.kind;
}

/** A decision is the voice of whoever gave it and of whoever it was given for. */
export function isVoiceOf(decision: Decision, person: string): boolean {
  return decision.person === person || decision.delegatedBy === person;
}

/** Nobody can be stood in for who has had their say, may not have one, or must differ from who had. */
function isUsable(state: RequestState, stage: OpenStage, { principal, kind }: StandIn): boolean {
  return (
    isOfKind(state, kind) &&
    !stage.barred.includes(principal.id) &&
    !decisionsOf(state, stage.index).some((decision) => isVoiceOf(decision, principal.id)) &&
    !decidedInDistinctStage(state, stage, principal.id)
  );
}

/** Whoever they could have stood in for has had their say. */
function isSpent(state: RequestState, stage: OpenStage, { standsFor }: Candidate): boolean {
  const open = [...stage.roles.keys()];
  const here = decisionsOf(state, stage.index);
  return standsFor.some(
    (standIn) =>
      isOfKind(state, standIn.kind) &&
      here.some((decision) => isVoiceOf(decision, standIn.principal.id)) &&
      capacityIn({ state, stage, open }, standIn.principal, standIn) !== null,
  );
}

interface Place {
  readonly state: RequestState;
  readonly stage: OpenStage;
  /** Groups that are looked at. */
  readonly open: readonly number[];
}

/** @returns in what capacity a person may decide: in their own right first; null = in none. */
function capacityOf(place: Place, person: Candidate): Capacity | null {
  const own = capacityIn(place, person, null);
  if (own !== null) return own;
  for (const standIn of person.standsFor) {
    if (!isUsable(place.state, place.stage, standIn)) continue;
    const lent = capacityIn(place, standIn.principal, standIn);
    if (lent !== null) return lent;
  }
  return null;
}

/** The groups in which the rights of a person count, be they used by them or in their name. */
function capacityIn(
  { state, stage, open }: Place,
  holder: Reviewer,
  standIn: StandIn | null,
): Capacity | null {
  const only = standIn?.role ?? null;
  const roles = only === null ? holder.roles : holder.roles.filter((role) => role === only);
  const rule = stageAt(state, stage.index);
  const isMine = (group: number): boolean =>
    (stage.roles[group] ?? []).some((role) => roles.includes(role)) &&
    meetsConditions(rule.groups[group] as Group, holder);
  const groups = open.filter(isMine);
  const role = groups
    .flatMap((group) => stage.roles[group] ?? [])
    .find((one) => roles.includes(one));
  return role === undefined ? null : { groups, role, standIn };
}

function lacksAcknowledgement({ policy }: RequestState, person: Reviewer): boolean {
  if (!policy.requireAcknowledgement) return false;
  return !person.acknowledged.includes(`${policy.id}@${policy.version}`);
}

function decidedInDistinctStage(state: RequestState, stage: OpenStage, person: string): boolean {
  const distinct = stageAt(state, stage.index).distinctFrom;
  return state.decisions.some(
    (decision) =>
      isVoiceOf(decision, person) && distinct.includes(stageAt(state, decision.stage).name),
  );
}
