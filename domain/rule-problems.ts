import type { Outlook } from './outlook.ts';
import { inWords, onlyThey, peopleOf, subsetsOf, type RuleProblem } from './stage-problems.ts';
import type { Budget } from './seat-search.ts';
import { MOST_STEPS, type Staffing } from './staffing.ts';

/**
 * Which stages cannot be filled together: of the smallest sets of stages that cannot, each.
 *
 * @param staffing why they were not filled; @param staffOver asks again for a part of them.
 */
export function distinctProblems(
  outlooks: readonly Outlook[],
  staffing: Staffing,
  staffOver: (outlooks: readonly Outlook[], budget: Budget) => Staffing,
): RuleProblem[] {
  const sets = subsetsOf(outlooks.length)
    .map((set) => outlooks.filter((_, at) => set.includes(at)))
    .filter((set) => set.length > 1);
  const found: (readonly Outlook[])[] = [];
  const budget = { left: MOST_STEPS };
  for (const set of staffing.kind === 'none' ? sets : []) {
    if (found[0] !== undefined && set.length > found[0].length) break;
    if (staffOver(set, budget).kind === 'none') found.push(set);
  }
  if (found.length > 0) return found.map(tooFew);
  const last = outlooks.at(-1);
  if (last === undefined) return [];
  const names = inWords(outlooks.map(nameOf));
  const message =
    staffing.kind === 'none'
      ? `there are not enough different people for ${names}`
      : `no way was found to give ${names} different people; there are too many ways to try them all`;
  return [problem(last, message, 'impossible')];
}

function tooFew(set: readonly Outlook[]): RuleProblem {
  const people = [...new Set(set.flatMap(answering))];
  const each = set.map((outlook) => new Set(answering(outlook)));
  const both = people.filter((one) => each.every((some) => some.has(one)));
  const names = inWords(set.map(nameOf));
  const who =
    both.length === people.length
      ? `${onlyThey(people)} can do ${set.length === 2 ? 'both' : 'them all'}`
      : `${onlyThey(people)} can answer in them`;
  return problem(
    set.at(-1) as Outlook,
    `stages ${names} need different people, and ${who}`,
    'impossible',
  );
}

function problem(
  { index }: Outlook,
  message: string,
  severity: RuleProblem['severity'],
): RuleProblem {
  return { stage: index, pointer: `/stages/${index}/distinctFrom`, message, severity };
}

function nameOf({ rule }: Outlook): string {
  return `"${rule.name}"`;
}

/** Everybody who can answer in a stage at some time. */
function answering({ phases }: Outlook): string[] {
  return peopleOf(phases.flatMap(({ voices }) => voices));
}

/**
 * Where a rule can be met, and can get stuck all the same by who answers first and how: answers that split
 * a group, or people who have answered earlier and are missed later. Looked at for those who are asked when
 * the stage opens, each with their own rights.
 *
 * @returns none: in whatever order people answer, somebody can always settle every stage.
 */
export function splitProblems(outlooks: readonly Outlook[]): RuleProblem[] {
  return outlooks.flatMap((outlook) => {
    const before = outlooks.filter(
      ({ index, rule }) => index < outlook.index && outlook.rule.distinctFrom.includes(rule.name),
    );
    return [...splitsIn(outlook), ...missedIn(outlook, before)].slice(0, 1);
  });
}

/** Votes of the stage itself: too few are left to settle what stands at one short on both sides. */
function splitsIn(outlook: Outlook): RuleProblem[] {
  const { rule, index } = outlook;
  const short = shortSets(outlook, () => 0)[0];
  if (short === undefined) return [];
  const people = firstAsked(outlook, short);
  const message = `answers in "${rule.name}" can be split so that nobody is left to settle it: ${onlyThey(people)} can answer, and rejections that do not reject yet leave too few approvals`;
  return [{ stage: index, pointer: `/stages/${index}`, message, severity: 'warning' }];
}

/** People who may have answered in a stage from which this one must differ. */
function missedIn(outlook: Outlook, before: readonly Outlook[]): RuleProblem[] {
  const earlier = before.map((one) => ({
    people: new Set(answering(one)),
    most: mostAnswers(one),
  }));
  const short = shortSets(outlook, (people) =>
    earlier.reduce(
      (sum, { people: others, most }) =>
        sum + Math.min(most, people.filter((one) => others.has(one)).length),
      0,
    ),
  )[0];
  if (short === undefined) return [];
  const names = inWords(before.map(nameOf));
  const shared = firstAsked(outlook, short).filter((one) =>
    earlier.some(({ people }) => people.has(one)),
  );
  const message = `if ${inWords(shared.slice(0, 5))} ${shared.length === 1 ? 'answers' : 'answer'} in ${names}, too few are left who can answer in "${outlook.rule.name}"`;
  return [problem(outlook, message, 'warning')];
}

/** Groups, as far as one set of people answers for them, that can be left without a way on. */
function shortSets(outlook: Outlook, missing: (people: string[]) => number): number[][] {
  const { groups, join } = outlook.rule;
  const sets = subsetsOf(groups.length).filter((set) => join === 'all' || set.length === 1);
  return sets.filter((set) => {
    const people = firstAsked(outlook, set);
    const approvals = set.reduce((sum, group) => sum + (groups[group]?.quorum ?? 0), 0);
    return people.length - missing(people) < approvals + mostRejections(outlook, set);
  });
}

/**
 * The most rejections by people of these groups that settle none of them. Of `all` a rejection counts in
 * each of its groups; of `any` in one of them, which may be a group outside.
 */
function mostRejections(outlook: Outlook, set: readonly number[]): number {
  const { groups, join } = outlook.rule;
  const people = new Set(firstAsked(outlook, set));
  const counted =
    join === 'all'
      ? set
      : [...groups.keys()].filter(
          (group) =>
            set.includes(group) || firstAsked(outlook, [group]).some((one) => people.has(one)),
        );
  const sum = counted.reduce((total, group) => total + (groups[group]?.rejectQuorum ?? 1), 0);
  return sum - (join === 'all' ? set.length : 1);
}

function firstAsked({ phases }: Outlook, groups: readonly number[]): string[] {
  const phase = phases.find(({ suffices }) => suffices) ?? phases[0];
  return peopleOf(phase.voices, groups);
}

/** The most people who can answer before a stage is settled. */
function mostAnswers({ rule: { groups, join } }: Outlook): number {
  const approvals = groups.reduce((sum, { quorum }) => sum + quorum, 0);
  const rejections = groups.reduce((sum, { rejectQuorum }) => sum + rejectQuorum, 0);
  // Of `all` one rejected group ends it, and with it the request.
  return join === 'all' ? approvals + rejections - groups.length : approvals + rejections;
}
