import { eligibilityIn, isEnough, type Bench, type Outlook, type Phase } from './outlook.ts';
import type { Group } from './policy.ts';
import type { Voice } from './reachable.ts';
import type { RefusalReason } from './refusal.ts';
import type { RequestState } from './request.ts';
import { meetsConditions, type Candidate } from './reviewer.ts';

/** Something that stands in the way of a rule, or may. */
export interface RuleProblem {
  /** Index of the stage. */
  readonly stage: number;
  /** JSON Pointer from the rule. */
  readonly pointer: string;
  /** A sentence that names the people or the role. */
  readonly message: string;
  /**
   * `impossible`: no people can approve the rule; `refused`: they can, and a part of the rule is empty, so it is
   * not published; `warning`: how people answer, or who is away, can lead to where only time goes on.
   */
  readonly severity: 'impossible' | 'refused' | 'warning';
}

const MOST_NAMES = 5;
/** Groups of which every combination is looked at; of more only single ones and all together. */
const MOST_GROUPS = 8;

/** What stands in the way of one stage, whoever is needed elsewhere. @throws never. */
export function stageProblems(state: RequestState, outlook: Outlook, bench: Bench): RuleProblem[] {
  const { index, rule } = outlook;
  const at = `/stages/${index}`;
  const problems: Omit<RuleProblem, 'stage'>[] = [
    ...rule.groups.flatMap((_, group) => groupProblems(state, outlook, { group, bench })),
    ...togetherProblems(outlook),
    ...escalationProblems(outlook, bench),
    ...replaceProblems(outlook),
    ...atOnceProblems(outlook),
  ];
  if (rule.assurance > bench.reachable)
    problems.push({
      pointer: `${at}/assurance`,
      message: `assurance level ${rule.assurance} cannot be reached here: people sign in at level ${bench.reachable} at most`,
      severity: 'impossible',
    });
  if (outlook.isOver)
    problems.push({
      pointer: `${at}/deadlineAt`,
      message: `the deadline that the request gives "${rule.name}" has passed`,
      severity: 'impossible',
    });
  return problems.map((problem) => ({ ...problem, stage: index }));
}

interface InGroup {
  readonly group: number;
  readonly bench: Bench;
}

type Found = Omit<RuleProblem, 'stage'>;

function groupProblems(state: RequestState, outlook: Outlook, { group, bench }: InGroup): Found[] {
  const { index, rule, phases } = outlook;
  const asked = rule.groups[group] as Group;
  if (bench.isReadable?.(asked.role) === false) return [];
  const pointer = `/stages/${index}${rule.groups.length === 1 ? '' : `/parallel/${group}`}`;
  const best = phases.findLast((phase) => canFillGroup(outlook, group, phase));
  const severity = rule.join === 'any' || best !== undefined ? 'refused' : 'impossible';
  const holders = bench.people.filter(({ roles }) => roles.includes(asked.role));
  if (holders.length === 0 && outlook.given.length === 0)
    return [
      { pointer: `${pointer}/role`, message: `nobody holds the role "${asked.role}"`, severity },
    ];
  if (best === undefined)
    return outlook.isKnown
      ? [
          {
            pointer: `${pointer}/quorum`,
            message: `quorum ${asked.quorum} of ${rolesIn(outlook, group)} cannot be met: ${whyNot(state, outlook, { group, bench })}`,
            severity,
          },
        ]
      : [];
  const able = peopleOf(best.voices, [group]);
  if (asked.rejectQuorum <= Math.max(1, able.length)) return [];
  const message = `${asked.rejectQuorum} rejections can never come together: ${onlyThey(able)} can answer as ${rolesIn(outlook, group)}`;
  return [{ pointer: `${pointer}/rejectQuorum`, message, severity: 'refused' }];
}

function canFillGroup({ rule, given }: Outlook, group: number, { voices }: Phase): boolean {
  const only = rule.groups.map((one, at) => (at === group ? one : { ...one, quorum: 0 }));
  return isEnough({ join: 'all', groups: only }, given, voices);
}

/** The roles that are asked in a group in the end, in words. */
function rolesIn({ phases }: Outlook, group: number): string {
  const roles = new Set(phases.flatMap((phase) => phase.roles[group] ?? []));
  return [...roles].map((role) => `"${role}"`).join(' or ');
}

/** Who holds the roles of a group, and why some of them may not answer. */
function whyNot(state: RequestState, outlook: Outlook, { group, bench }: InGroup): string {
  const { index, rule, phases } = outlook;
  const mine = [...new Set(phases.flatMap((phase) => phase.roles[group] ?? []))];
  const holders = bench.people.filter((person) => person.roles.some((role) => mine.includes(role)));
  const roles = rule.groups.map((_, at) => (at === group ? mine : []));
  const away = holders.flatMap((person) => {
    const may = eligibilityIn(state, index, { roles, person });
    const asked = rule.groups[group] as Group;
    return may.kind === 'eligible'
      ? []
      : [`${person.id} ${reasonWords(may.reason, person, asked)}`];
  });
  const names = holders.map(({ id }) => id);
  if (away.length === 0) return `${onlyThey(names)} ${names.length === 1 ? 'holds' : 'hold'} it`;
  return `${listed(names)} ${names.length === 1 ? 'holds' : 'hold'} it, ${listed(away)}`;
}

function reasonWords(reason: RefusalReason, person: Candidate, group: Group): string {
  if (reason === 'OWN_REQUEST') return 'is a party of the request or stands in for one';
  if (reason === 'ALREADY_DECIDED') return 'has answered';
  if (reason === 'ACKNOWLEDGEMENT_MISSING')
    return 'has not acknowledged this version of the policy';
  if (reason === 'TRAINING_EXPIRED') {
    const { trainings } = group;
    const courses = trainings.map(({ course, version }) => `"${course}" ${version}`);
    return `lacks a training in force (${courses.join(', ')})`;
  }
  if (person.absent) return 'is absent';
  if (!meetsConditions(group, person)) return 'is in another team or region';
  return 'has to differ from who answered before';
}

/** Groups that each can be filled, and not all of them, because nobody counts twice. */
function togetherProblems(outlook: Outlook): Found[] {
  const { index, rule, phases, isKnown } = outlook;
  const isFine = rule.join === 'any' || phases.some(({ suffices }) => suffices);
  const every = rule.groups.every((_, group) =>
    phases.some((phase) => canFillGroup(outlook, group, phase)),
  );
  if (isFine || !isKnown || !every) return [];
  const last = phases.at(-1) as Phase;
  const short = subsetsOf(rule.groups.length).find(
    (groups) => peopleOf(last.voices, groups).length < needed(rule.groups, groups),
  );
  const groups = short ?? [...rule.groups.keys()];
  const names = groups.map((group) => `"${rule.groups[group]?.name ?? ''}"`);
  const message = `the groups ${inWords(names)} need ${needed(rule.groups, groups)} different people, and ${onlyThey(peopleOf(last.voices, groups))} can answer in them`;
  return [{ pointer: `/stages/${index}/parallel`, message, severity: 'impossible' }];
}

function needed(all: readonly Group[], groups: readonly number[]): number {
  return groups.reduce((sum, group) => sum + (all[group]?.quorum ?? 0), 0);
}

/** Sets of indices below `count`, smaller ones first, never empty. */
export function subsetsOf(count: number): number[][] {
  const all = [...Array(count).keys()];
  if (count > MOST_GROUPS) return [...all.map((one) => [one]), all];
  return Array.from({ length: 2 ** count - 1 }, (_, bits) =>
    all.filter((one) => ((bits + 1) >> one) % 2 === 1),
  ).sort((a, b) => a.length - b.length);
}

/** An escalation that nobody hears. One in a circle is told of by its shape. */
function escalationProblems({ index, rule, phases }: Outlook, bench: Bench): Found[] {
  const before = new Set(rule.groups.map(({ role }) => role));
  return rule.escalations.flatMap(({ to }, escalation) => {
    const pointer = `/stages/${index}/escalations/${escalation}/to`;
    const isCircle = before.has(to);
    before.add(to);
    if (isCircle || bench.isReadable?.(to) === false) return [];
    const holders = bench.people.filter(({ roles }) => roles.includes(to));
    if (holders.length === 0)
      return [{ pointer, message: `nobody holds the role "${to}"`, severity: 'refused' as const }];
    const phase = phases.find((one) => one.escalation === escalation);
    const ids = new Set(holders.map(({ id }) => id));
    const hears = phase?.voices.some(({ id }) => ids.has(id)) ?? true;
    if (hears) return [];
    const names = listed(holders.map(({ id }) => id));
    const message = `nobody who holds the role "${to}" may answer in "${rule.name}": ${names}`;
    return [{ pointer, message, severity: 'refused' as const }];
  });
}

/** People are replaced by others who cannot do it alone: whoever has not answered by then never will. */
function replaceProblems({ index, rule, phases, isKnown }: Outlook): Found[] {
  const last = phases.findLastIndex(({ suffices }) => suffices);
  if (last === -1 || !isKnown) return [];
  return phases.slice(last + 1).flatMap(({ escalation, voices }) => {
    const step = escalation === null ? undefined : rule.escalations[escalation];
    if (step?.mode !== 'replace') return [];
    const pointer = `/stages/${index}/escalations/${escalation}/to`;
    const message = `once "${step.to}" is asked instead (after ${step.after}), ${onlyThey(peopleOf(voices))} can answer in "${rule.name}", which is too few`;
    return [{ pointer, message, severity: 'refused' as const }];
  });
}

/** Those who are asked first are too few, so that others are asked as soon as the stage opens. */
function atOnceProblems({ index, rule, phases, isKnown }: Outlook): Found[] {
  const first = phases.findIndex(({ suffices }) => suffices);
  if (first <= 0 || !isKnown) return [];
  const others = phases.slice(1, first + 1).flatMap(({ escalation }) => {
    const to = escalation === null ? undefined : rule.escalations[escalation]?.to;
    return to === undefined ? [] : [`"${to}"`];
  });
  const message = `turns to ${inWords(others)} as soon as it opens: ${onlyThey(peopleOf(phases[0].voices))} can answer before, which is too few`;
  return [{ pointer: `/stages/${index}/escalations`, message, severity: 'warning' }];
}

/** @returns ids of people who can answer in one of the groups; of all without `groups`. In order of voices. */
export function peopleOf(
  voices: readonly Voice[],
  groups: readonly number[] | null = null,
): string[] {
  const mine = voices.filter(
    (voice) => groups === null || groups.some((group) => voice.groups.includes(group)),
  );
  return [...new Set(mine.map(({ id }) => id))];
}

/** `only eve and rui`, or `nobody`. */
export function onlyThey(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : `only ${listed(names)}`;
}

/** The first few, and how many more. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES);
  const rest = names.length - shown.length;
  return inWords(rest === 0 ? shown : [...shown, `${rest} more`]);
}

/** `a, b and c`. */
export function inWords(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}
