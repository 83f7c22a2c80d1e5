import { policyVersionName, type Group } from '../domain/policy.ts';
import type { RefusalReason } from '../domain/refusal.ts';
import { partiesOf, type Decision, type OpenStage, type RequestState } from '../domain/request.ts';
import { meetsConditions, type Candidate } from '../domain/reviewer.ts';
import { decisionsOf, stageAt } from '../domain/stage.ts';

/**
 * Which rule keeps somebody from deciding, as a sentence. The domain has judged; this says where its answer
 * comes from, looked up in the order in which it asks.
 *
 * @param reason what `eligibility` answered for this person in this stage.
 */
export function exclusionRule(
  state: RequestState,
  stage: OpenStage,
  { person, reason }: { readonly person: Candidate; readonly reason: RefusalReason },
): string {
  if (reason === 'OWN_REQUEST') return ownRequest(state, person);
  if (reason === 'ALREADY_DECIDED') return alreadyDecided(state, stage, person.id);
  if (reason === 'ACKNOWLEDGEMENT_MISSING')
    return `Policy ${policyVersionName(state.policy)} asks that whoever decides under it has acknowledged it; no acknowledgement was there.`;
  if (reason === 'TRAINING_EXPIRED')
    return `Stage "${nameOf(state, stage)}" asks for ${trainingsOf(state, stage)} in force, and they had none.`;
  return notEligible(state, stage, person);
}

function nameOf(state: RequestState, stage: OpenStage): string {
  return stageAt(state, stage.index).name;
}

// ---- separation of duties --------------------------------------------------------------------------

function ownRequest(state: RequestState, person: Candidate): string {
  const parties = partiesOf(state);
  if (parties.includes(person.id)) return `Separation of duties: they ${partOf(state, person.id)}.`;
  const party = person.standsFor.find(
    ({ principal, kind }) =>
      parties.includes(principal.id) && (kind === null || kind === state.kind),
  );
  const id = party?.principal.id ?? '';
  return `Separation of duties: they stood in for ${id}, who ${partOf(state, id)}.`;
}

function partOf(state: RequestState, id: string): string {
  const { requester, onBehalfOf, owners, editors } = state;
  if (requester.type === 'person' && requester.id === id) return 'asked for this';
  if (requester.type === 'app' && requester.owner === id) return 'owned the app that asked';
  if (onBehalfOf === id) return 'had this asked for them';
  if (owners.includes(id)) return 'answered for what it is about';
  return editors.includes(id) ? 'changed its content' : 'had a part in it';
}

// ---- one person counts once ------------------------------------------------------------------------

function alreadyDecided(state: RequestState, stage: OpenStage, id: string): string {
  const here = decisionsOf(state, stage.index);
  const voice = here.find(({ person, delegatedBy }) => person === id || delegatedBy === id);
  const how =
    voice === undefined || voice.person === id
      ? 'they had decided'
      : `${voice.person} had decided in their name`;
  return `One person counts once: ${how} in stage "${nameOf(state, stage)}".`;
}

// ---- not among those who are asked -----------------------------------------------------------------

function notEligible(state: RequestState, stage: OpenStage, person: Candidate): string {
  const name = nameOf(state, stage);
  if (person.absent) return 'Whoever is absent does not decide; their deputy may.';
  if (stage.barred.includes(person.id)) return `A lead took stage "${name}" away from them.`;
  const { groups, distinctFrom } = stageAt(state, stage.index);
  if (distinctFrom.some((other) => hasDecidedIn(state, other, person.id)))
    return `Stage "${name}" is for others than those who decided in ${quoted(distinctFrom)}.`;
  const asked = [...new Set(stage.roles.flat())];
  const mine = groups.filter((_, index) =>
    (stage.roles[index] ?? []).some((role) => person.roles.includes(role)),
  );
  if (mine.length === 0)
    return person.standsFor.some(({ principal }) => holdsOne(principal.roles, asked))
      ? 'Whom they stood in for could not be stood in for here: decided before, was taken off, or had no such right.'
      : `Stage "${name}" asks for ${quoted(asked)}, and they held no such role.`;
  const fitting = mine.filter((group) => meetsConditions(group, person));
  if (fitting.length === 0) return `Stage "${name}" asks for people of ${placesOf(mine)}.`;
  return `Every group of stage "${name}" in which they count had what it needs.`;
}

function hasDecidedIn(state: RequestState, stageName: string, id: string): boolean {
  const isVoice = ({ person, delegatedBy }: Decision): boolean =>
    person === id || delegatedBy === id;
  return state.decisions.some(
    (decision) => isVoice(decision) && stageAt(state, decision.stage).name === stageName,
  );
}

function holdsOne(roles: readonly string[], asked: readonly string[]): boolean {
  return roles.some((role) => asked.includes(role));
}

function placesOf(groups: readonly Group[]): string {
  const texts = groups.map(({ conditions: { team, region } }) =>
    [
      ...(team.length === 0 ? [] : [`team ${quoted(team)}`]),
      ...(region.length === 0 ? [] : [`region ${quoted(region)}`]),
    ].join(' and '),
  );
  return [...new Set(texts)].join(', or ');
}

function trainingsOf(state: RequestState, stage: OpenStage): string {
  const asked = stageAt(state, stage.index).groups.flatMap(({ trainings }) => trainings);
  const texts = asked.map(
    ({ course, version }) => `training "${course}", version ${version} or later`,
  );
  return [...new Set(texts)].join(' and ');
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' or ');
}
