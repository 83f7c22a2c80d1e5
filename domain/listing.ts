import { openGroups } from './quorum.ts';
import { partiesOf, statusOf, type RequestState } from './request.ts';
import { decisionsOf, stageAt } from './stage.ts';
import { rolesAsked } from './visibility.ts';

// What lists are kept by. Each function may say too much and never too little: whoever is shown a list is
// asked about by `eligibility` and `maySee` once more, row by row.

/**
 * Whom the open stage still asks.
 *
 * @returns roles, and `@<person>` for whom it was handed to; none unless the request is pending.
 */
export function askedNow(state: RequestState): readonly string[] {
  const { stage } = state;
  if (stage === null || statusOf(state) !== 'pending') return [];
  const open = openGroups(stageAt(state, stage.index), decisionsOf(state, stage.index));
  const roles = open.flatMap((group) => stage.roles[group] ?? []);
  const people = state.delegations.map(({ to }) => inPerson(to));
  return [...new Set([...roles, ...people])].sort();
}

/** A person among the roles that are asked. */
export function inPerson(id: string): string {
  return `@${id}`;
}

/** @returns people who may not decide in the open stage, whatever they hold and whoever they stand in for. */
export function barredNow(state: RequestState): readonly string[] {
  const { stage } = state;
  if (stage === null) return [];
  const { distinctFrom } = stageAt(state, stage.index);
  const said = state.decisions.filter(
    (decision) =>
      decision.stage === stage.index || distinctFrom.includes(stageAt(state, decision.stage).name),
  );
  const voices = said.flatMap(({ person, delegatedBy }) => [person, delegatedBy ?? []].flat());
  return [...new Set([...partiesOf(state), ...stage.barred, ...voices])].sort();
}

/** @returns the roles whose holders may see the request, in order: the same for all under one rule. */
export function audienceOf(state: RequestState): readonly string[] {
  return [...new Set(rolesAsked(state))].sort();
}

/** @returns people who may see the request for what they have to do with it, beside who asked and owns. */
export function peopleBeside(state: RequestState): readonly string[] {
  const { onBehalfOf, editors, owners, decisions, delegations, discussion } = state;
  const spoke = discussion.flatMap(({ by }) => (by.type === 'person' ? [by.id] : []));
  const people = [
    ...(onBehalfOf === null ? [] : [onBehalfOf]),
    ...[...editors, ...owners, ...spoke],
    ...decisions.map(({ person }) => person),
    ...delegations.map(({ to }) => to),
  ];
  return [...new Set(people)].sort();
}
