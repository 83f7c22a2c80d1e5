import { eligibilityIn, outlookOf, type Bench, type Outlook, type Phase } from './outlook.ts';
import { oncePerUse } from './people-kinds.ts';
import type { Voice } from './reachable.ts';
import type { RefusalReason } from './refusal.ts';
import type { RequestState } from './request.ts';
import type { Candidate } from './reviewer.ts';
import { distinctProblems, splitProblems } from './rule-problems.ts';
import { stageProblems, type RuleProblem } from './stage-problems.ts';
import type { Budget } from './seat-search.ts';
import { MOST_STEPS, staff, type Demand, type Seat, type Staffing } from './staffing.ts';
import type { Clock } from './stage.ts';

export type { Bench } from './outlook.ts';
export type { RuleProblem } from './stage-problems.ts';

/** A group of a stage with the people who are asked when the stage opens, or is open now. */
export interface StaffedGroup {
  readonly stage: number;
  readonly group: number;
  readonly name: string;
  readonly role: string;
  readonly needed: number;
  readonly eligible: readonly string[];
  /** Who holds the role, or stands in for somebody who does, and may not answer. */
  readonly excluded: readonly { readonly person: string; readonly reason: RefusalReason }[];
  /** Smallest set of people whose approvals are enough, those of the other groups given; empty = none is known. */
  readonly ask: readonly Voice[];
}

export interface Satisfiability {
  /** Different people can be named for every stage that is open or to come. */
  readonly satisfiable: boolean;
  /** Of every stage that is open or to come, in order. */
  readonly groups: readonly StaffedGroup[];
  /** In the order of the stages. Some only warn: see `RuleProblem`. */
  readonly problems: readonly RuleProblem[];
}

/**
 * Whether a rule can be met by the people there are, stage by stage and all together, and what stands in
 * the way. An escalation at or after its deadline never comes. What a stage does on timeout changes nothing:
 * a stage that only time passes is one that nobody answers for.
 *
 * `satisfiable` is never said wrongly: the people in `ask`, each answering when their group asks them, in the
 * name they are named for, lead to approval. "No" is never said wrongly either, except: people from before and
 * after a `replace` are not combined across stages; whoever may stand in for several does so for the first
 * where any group is enough; and stand-ins across stages are tried in part (see `staff`). A search that gives
 * up says no, and says that it gave up.
 *
 * @param state a request that is open, or would be: its parties and its decisions count.
 * @param clock places escalations before or after their deadline.
 * @throws never.
 * @source product contract 3.2 and 5; docs/adr/0004-policies.md
 */
export function satisfiability(state: RequestState, bench: Bench, clock: Clock): Satisfiability {
  const few = { ...bench, people: oncePerUse(state, bench.people) };
  const outlooks = state.policy.rule.stages.flatMap((_, index) =>
    index < (state.stage?.index ?? 0) ? [] : [outlookOf(state, index, { bench: few, clock })],
  );
  const known = outlooks.filter((one) => one.isKnown && one.phases.some(suffices));
  const staffing = staffOver(known, { left: MOST_STEPS });
  const alone = outlooks.flatMap((outlook) => stageProblems(state, outlook, bench));
  const together =
    staffing.kind === 'found' ? splitProblems(known) : distinctProblems(known, staffing, staffOver);
  const problems = [...alone, ...together];
  const isStaffed = staffing.kind === 'found' && known.length === outlooks.length;
  return {
    satisfiable: isStaffed && !problems.some(({ severity }) => severity === 'impossible'),
    // Looked up when asked for: publishing does not.
    get groups() {
      return outlooks.flatMap((outlook) =>
        groupsOf(state, outlook, { people: bench.people, staffing }),
      );
    },
    problems,
  };
}

function suffices(phase: Phase): boolean {
  return phase.suffices;
}

/** Names people for several stages at once, in one of the phases that suffice of each. */
function staffOver(outlooks: readonly Outlook[], budget: Budget): Staffing {
  let gaveUp = false;
  for (const phases of waysThrough(outlooks)) {
    if (budget.left <= 0) return { kind: 'unknown' };
    const demands = outlooks.map((one, at) => demandOf(outlooks, one, phases[at] ?? []));
    const staffing = staff(demands, budget);
    if (staffing.kind === 'found') return { ...staffing, seats: placed(staffing.seats, outlooks) };
    gaveUp ||= staffing.kind === 'unknown';
  }
  return { kind: gaveUp ? 'unknown' : 'none' };
}

/** From indices of outlooks to those of stages, without the approvals that are given already. */
function placed(seats: readonly Seat[], outlooks: readonly Outlook[]): Seat[] {
  return seats
    .filter(({ voice }) => !voice.id.startsWith(GIVEN))
    .map((seat) => ({ ...seat, demand: outlooks[seat.demand]?.index ?? seat.demand }));
}

/** No person's id begins so. */
const GIVEN = '\0';

/**
 * By stage one of its runs of phases, up to the last that suffices: within a run escalations only add, so
 * the last one asks everybody. The first run is tried first.
 */
function* waysThrough(
  outlooks: readonly Outlook[],
  chosen: readonly (readonly Phase[])[] = [],
): Generator<readonly (readonly Phase[])[]> {
  const next = outlooks[chosen.length];
  if (next === undefined) {
    yield chosen;
    return;
  }
  for (const run of runsOf(next)) yield* waysThrough(outlooks, [...chosen, run]);
}

function runsOf({ rule, phases }: Outlook): Phase[][] {
  const runs: Phase[][] = [];
  for (const phase of phases) {
    const escalation = phase.escalation === null ? null : rule.escalations[phase.escalation];
    if (escalation?.mode === 'add') runs.at(-1)?.push(phase);
    else runs.push([phase]);
  }
  return runs
    .map((run) => run.slice(0, run.findLastIndex(suffices) + 1))
    .filter((run) => run.length > 0);
}

/** Those who are asked first stand first. */
function demandOf(outlooks: readonly Outlook[], outlook: Outlook, run: readonly Phase[]): Demand {
  const { rule, given } = outlook;
  // One voice per name, at the place where it was first asked, with the groups of the last phase.
  const last = new Map(run.at(-1)?.voices.map((voice) => [nameOf(voice), voice]));
  const names = new Set(run.flatMap(({ voices: asked }) => asked.map(nameOf)));
  const voices = [...names].flatMap((name) => last.get(name) ?? []);
  return {
    join: rule.join,
    quorums: rule.groups.map(({ quorum }) => quorum),
    voices: [...given.map((groups, at) => ({ id: `${GIVEN}${at}`, groups })), ...voices],
    distinctFrom: outlooks.flatMap((other, at) =>
      other.index < outlook.index && rule.distinctFrom.includes(other.rule.name) ? [at] : [],
    ),
  };
}

function nameOf({ id, standsFor }: Voice): string {
  return `${id} ${standsFor ?? ''}`;
}

function groupsOf(
  state: RequestState,
  { index, rule, phases }: Outlook,
  { people, staffing }: { readonly people: readonly Candidate[]; readonly staffing: Staffing },
): StaffedGroup[] {
  const seats = staffing.kind === 'found' ? staffing.seats : [];
  // A stage that its people cannot approve turns to its escalations as soon as it opens.
  const first = phases.find(suffices) ?? phases.at(-1) ?? phases[0];
  return rule.groups.map((group, at) => {
    const roles = first.roles.map((all, other) => (other === at ? all : []));
    const told = people
      .filter((person) => isConcerned(person, first.roles[at] ?? []))
      .map((person) => ({
        person: person.id,
        may: eligibilityIn(state, index, { roles, person }),
      }));
    return {
      stage: index,
      group: at,
      name: group.name,
      role: group.role,
      needed: group.quorum,
      eligible: told.flatMap(({ person, may }) => (may.kind === 'eligible' ? [person] : [])),
      excluded: told.flatMap(({ person, may }) =>
        may.kind === 'excluded' ? [{ person, reason: may.reason }] : [],
      ),
      ask: seats.flatMap((seat) =>
        seat.demand === index && seat.group === at ? [seat.voice] : [],
      ),
    };
  });
}

/** Holds one of the roles, or stands in for somebody who does. */
function isConcerned(person: Candidate, roles: readonly string[]): boolean {
  return [person, ...person.standsFor.map(({ principal }) => principal)].some((one) =>
    one.roles.some((role) => roles.includes(role)),
  );
}
