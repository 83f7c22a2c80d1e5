import { policyVersionName } from './policy.ts';
import { partiesOf, type RequestState } from './request.ts';
import type { Candidate } from './reviewer.ts';

/**
 * Leaves out people who make no difference: of each kind as many are kept as a rule could use up at most, in
 * their order. So large directories cost no more than small ones. Whoever is a party, has decided, stands in
 * or is stood in for is kept.
 *
 * @returns people of whom the same can be said as of all, as long as too few of them are not counted.
 */
export function oncePerUse(state: RequestState, people: readonly Candidate[]): Candidate[] {
  const { stages } = state.policy.rule;
  const groups = stages.flatMap((stage) => stage.groups);
  const most = groups.reduce((sum, { quorum, rejectQuorum }) => sum + quorum + rejectQuorum, 0);
  if (people.length <= most) return [...people];
  const asked = new Set([
    ...stages.flatMap(({ escalations }) => escalations.map(({ to }) => to)),
    ...groups.map(({ role }) => role),
    ...(state.stage?.roles.flat(2) ?? []),
  ]);
  const special = specialIn(state, people);
  const seen = new Map<string, number>();
  return people.filter((person) => {
    if (special.has(person.id) || person.standsFor.length > 0) return true;
    const kind = kindOf(state, asked, person);
    const count = seen.get(kind) ?? 0;
    seen.set(kind, count + 1);
    return count < most;
  });
}

function specialIn(state: RequestState, people: readonly Candidate[]): Set<string> {
  return new Set([
    ...partiesOf(state),
    ...(state.stage?.barred ?? []),
    ...state.decisions.flatMap(({ person, delegatedBy }) => [person, delegatedBy ?? person]),
    ...people.flatMap(({ standsFor }) => standsFor.map(({ principal }) => principal.id)),
  ]);
}

/** Everything that eligibility asks about a person who is nobody special. */
function kindOf(
  { policy }: RequestState,
  asked: ReadonlySet<string>,
  { roles, absent, team, region, trainings, acknowledged }: Candidate,
): string {
  const held = roles.filter((role) => asked.has(role)).sort();
  const isTold = policy.requireAcknowledgement && acknowledged.includes(policyVersionName(policy));
  const learnt = trainings.map(({ course, version }) => `${course} ${version}`).sort();
  return JSON.stringify([held, absent, team, region, learnt, isTold]);
}
